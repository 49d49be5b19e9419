/* debug.h - lets tests look and act: screenshots, injected input, lists. Compiled into atoll-gui-test only; in the
 * product debug_none.c stands in its place.
 */
#pragma once

struct server;

/* Listens on the UNIX socket `path` (nullptr: not). */
[[nodiscard]] bool debug_start(struct server *server, const char *path);
void debug_finish(struct server *server);
