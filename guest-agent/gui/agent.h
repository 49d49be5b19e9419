/* agent.h - the agent as a whole: a Wayland compositor without a screen, whose windows stand in dom0's frames
 *
 * It draws nothing: what a client commits is copied (damage only) into pages that dom0 reads, and dom0 is told. All
 * windows are told to dom0 again after dom0's side was away.
 */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>

struct link;
struct seat;
struct content;
struct wlr_surface;

struct agent {
    struct wl_display *display;
    struct wl_event_loop *loop;
    struct wlr_backend *backend; /* headless: its output tells clients the size of dom0's */
    struct wlr_output *output;
    struct wlr_output_layout *layout;
    struct link *link;
    struct seat *seat;
    struct wl_list windows; /* struct window: toplevels and popups */
    struct wl_list slots;   /* struct slot: every buffer dom0 knows */
    uint32_t ids;           /* of surfaces and buffers; never used again */
    struct wl_listener new_surface, new_toplevel, new_popup, new_decoration;
};

[[nodiscard]] bool agent_start(struct agent *agent, const char *socket);
void agent_finish(struct agent *agent);

/* dom0 said HELLO: it learns of everything there is. */
void agent_connected(struct agent *agent);

/* dom0's side has gone, and with it all it knew. */
void agent_disconnected(struct agent *agent);

void agent_set_output(struct agent *agent, int width, int height);

[[nodiscard]] uint32_t agent_new_id(struct agent *agent);
