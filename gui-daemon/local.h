/* local.h - dom0's own windows: Wayland clients on a socket that only dom0's root and the compositor's user can reach
 *
 * They stand in frames like everybody else, black and named dom0.
 */
#pragma once
#include <stdint.h>

struct server;
struct local;
struct window;
struct wlr_seat;

/* Offers the globals and the socket `name` (an absolute path, or a name in $XDG_RUNTIME_DIR). */
[[nodiscard]] struct local *local_create(struct server *server, const char *name);
void local_destroy(struct local *local);

/* The pointer is at (lx, ly) of the layout, over this window's content. */
void local_pointer_motion(struct wlr_seat *seat, struct window *window, uint32_t time, double lx, double ly);
