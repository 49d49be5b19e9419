/* link.h - a stream of control messages in both directions, over a vchan or over a socket, never blocking */
#pragma once
#include <stddef.h>
#include "common/rpc/reader.h"
#include "vchan/libvchan.h"

struct rpc_link {
    libvchan_t *channel; /* or null: the socket */
    int fd;
    struct rpc_reader reader;
    uint8_t *waiting; /* queued for a peer that is slow */
    size_t waiting_size;
};

/* Called for each message. A negative result ends rpc_link_run() with it, which then no longer touches the link. */
typedef int rpc_handler(void *context, const struct rpc_header *header, const void *body);

/* Takes over `channel`, or `fd` (made non-blocking) if that is null, and greets. Returns 0 or a negative errno. */
[[nodiscard]] int rpc_link_init(struct rpc_link *link, libvchan_t *channel, int fd, enum rpc_direction incoming);

/* Closes the channel or socket too. */
void rpc_link_close(struct rpc_link *link);

/* What to poll for reading (for writing too while rpc_link_pending() on a socket; a channel says so by itself). */
[[nodiscard]] int rpc_link_fd(const struct rpc_link *link);
[[nodiscard]] bool rpc_link_pending(const struct rpc_link *link);

/* Sends or queues one message of two parts; either may be null. Returns 0, or -ENOBUFS, -EPIPE: the link is done for.
 */
[[nodiscard]] int rpc_link_send(struct rpc_link *link, enum rpc_type type, const void *part1, size_t size1,
                                const void *part2, size_t size2);

/*
 * Call when the descriptor is ready: sends what waits and passes on every message that has arrived, the greeting
 * included. Returns 0, -EPIPE if the peer left, -EPROTO if it broke the protocol, or what the handler returned.
 */
[[nodiscard]] int rpc_link_run(struct rpc_link *link, rpc_handler *handler, void *context);
