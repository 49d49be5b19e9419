/* api_socket.h - the Admin API on UNIX sockets
 *
 * A client sends one call, ends its sending direction, and reads the answer until the end; after admin.Events it reads
 * events as long as it likes. Only root and people who are logged in (uid 1000 to 59999) are served.
 */
#pragma once
#include <systemd/sd-event.h>

#include "toolstack/daemon/api.h"

struct api_socket;

/* `api` gets its emit() from here. */
[[nodiscard]] int api_socket_open(struct api_socket **out, sd_event *loop, struct api *api, const char *path);
void api_socket_close(struct api_socket *s);
