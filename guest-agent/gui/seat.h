/* seat.h - keyboard and pointer as dom0 sends them, and the cursor as clients set it */
#pragma once
#include <stdint.h>
#include "common/gui_wire.h"

struct agent;
struct seat;
struct window;
struct wlr_surface;

[[nodiscard]] struct seat *seat_create(struct agent *agent);
void seat_destroy(struct seat *seat);

/* What dom0 says. */
void seat_keymap(struct seat *seat, const struct gui_keymap *names);
void seat_focus(struct seat *seat, struct window *window); /* nullptr: none */
void seat_key(struct seat *seat, const struct gui_key *key);
void seat_modifiers(struct seat *seat, const struct gui_modifiers *modifiers);
void seat_pointer(struct seat *seat, struct window *window, const struct gui_pointer *pointer, bool enter);
void seat_pointer_leave(struct seat *seat);
void seat_button(struct seat *seat, const struct gui_button *button);
void seat_axis(struct seat *seat, const struct gui_axis *axis);

/* dom0's serial of the last press. */
[[nodiscard]] uint32_t seat_press_serial(const struct seat *seat);

/* A surface that is no window's was committed: perhaps the cursor's. */
void seat_cursor_surface_changed(struct seat *seat, struct wlr_surface *surface);

/* Tells dom0 the cursor again. */
void seat_announce(struct seat *seat);
void seat_forget_window(struct seat *seat, struct window *window);
