/* sockets.h - clients in this domain, over a UNIX socket */
#pragma once
#include <systemd/sd-event.h>

#include "store.h"

/* Listens at `path`, replacing a stale socket; only root may connect. 0, or a negative errno after logging why. */
[[nodiscard]] int sockets_listen(sd_event *event, struct store *store, const char *path);
