/* listen_socket.h - UNIX sockets for the programs of dom0 */
#pragma once
#include <stdbool.h>

/* A listening socket at `path`, in place of what was there; any local user may connect. Returns it or a negative errno.
 */
[[nodiscard]] int listen_socket(const char *path);

/* Whether the peer is root, the user that this program runs as, or a person: uid 1000 to 59999. */
[[nodiscard]] bool peer_is_person(int fd);
