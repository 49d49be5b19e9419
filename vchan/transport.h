/* transport.h - what a channel needs from below: shared memory, a bell in both directions, and a way to find each other
 *
 * Two implementations, one of which is linked: xen.c (grants, event channels, xenstore) and socket.c (files and UNIX
 * sockets, for tests on one machine).
 */
#pragma once
#include "vchan/ring.h"

struct transport;

/* Makes and offers a ring. Returns nullptr with errno set. */
[[nodiscard]] struct transport *transport_serve(int domain, int port, unsigned int left_order, unsigned int right_order,
                                                struct ring *ring);

/* Starts to look for a server. Returns nullptr with errno set. */
[[nodiscard]] struct transport *transport_seek(int domain, int port);

/* Readable when transport_found() should be called. */
[[nodiscard]] int transport_seek_fd(const struct transport *t);

/* Returns 0 and attaches `ring` once there is a server; 1 if there is none yet; a negative errno if the search failed.
 */
[[nodiscard]] int transport_found(struct transport *t, struct ring *ring);

/* Rings the peer's bell. */
void transport_notify(struct transport *t);

/* Readable when our bell rang. */
[[nodiscard]] int transport_fd(const struct transport *t);

/*
 * Waits for our bell at most `timeout` milliseconds (-1: for ever) and silences it. If the transport learns that the
 * peer died, it marks that in the ring. Returns 0 (also if nothing happened) or a negative errno.
 */
[[nodiscard]] int transport_wait(struct transport *t, struct ring *ring, int timeout);

/* Says goodbye and gives everything back. `ring` is unusable afterwards; its page is null if it was never attached. */
void transport_close(struct transport *t, struct ring *ring);
