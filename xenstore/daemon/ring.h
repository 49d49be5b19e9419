/*
 * ring.h - the shared page between the store and a guest's kernel, and a connection behind it.
 * Everything in the page is the guest's to change at any time: indices are read once and checked each time, our own
 * are kept apart and only published.
 */
#pragma once
#include "connection.h"

struct ring {
    struct xenstore_domain_interface *page;
    uint32_t request_consumer; /* ours; the page holds a copy */
    uint32_t response_producer;
};

enum ring_error { RING_FINE = 0, RING_BAD_INDEX = XENSTORE_ERROR_RINGIDX, RING_BAD_MESSAGE = XENSTORE_ERROR_PROTO };

struct ring_result {
    enum ring_error error; /* then the page says so, and the ring must not be used again */
    bool moved;            /* the guest has to be notified */
    bool more;             /* stopped for fairness: call again */
};

/* Takes over the indices that the page has and says what we can do. */
void ring_start(struct ring *ring, struct xenstore_domain_interface *page);
/* Does the guest ask for a fresh start? Then answer with ring_restart(), and a new connection. */
bool ring_wants_restart(const struct ring *ring);
void ring_restart(struct ring *ring);

/* Moves requests in and answers out as far as both sides have room, within a bound. */
struct ring_result ring_pump(struct ring *ring, struct connection *connection);
