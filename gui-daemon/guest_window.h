/* guest_window.h - a VM's toplevel in its frame */
#pragma once
#include "common/gui_wire.h"
#include "window.h"

struct surface;
struct commit;

struct guest_window {
    struct window base;
    struct surface *surface;
    struct gui_hints hints;
};

/* Makes the window of a new toplevel (sets surface->window and ->tree) and sends its first CONFIGURE. */
[[nodiscard]] bool guest_window_create(struct surface *surface);
void guest_window_destroy(struct guest_window *window);

/* The surface behind a window; nullptr for dom0's own windows. */
[[nodiscard]] struct surface *guest_window_surface(struct window *window);

/* The surface has a new state. */
void guest_window_commit(struct guest_window *window, const struct commit *commit);

void guest_window_hints(struct guest_window *window, const struct gui_hints *hints);
void guest_window_request(struct guest_window *window, const struct gui_request *untrusted);
