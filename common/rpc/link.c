/* link.c - see link.h */
#include "common/rpc/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAITING_MAX = 1 << 20 }; /* bytes; a peer that is that slow is not there */

int rpc_link_init(struct rpc_link *link, libvchan_t *channel, int fd, enum rpc_direction incoming)
{
    uint32_t version = RPC_VERSION;

    *link = (struct rpc_link){.channel = channel, .fd = fd};
    rpc_reader_init(&link->reader, incoming);
    if (channel)
        libvchan_set_blocking(channel, false);
    else if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    int r = rpc_link_send(link, RPC_HELLO, &version, sizeof(version), nullptr, 0);
    /* A peer may have said all it had to say and left; it shall still be heard. */
    return r == -EPIPE ? 0 : r;
}

void rpc_link_close(struct rpc_link *link)
{
    if (link->channel)
        libvchan_close(link->channel);
    else if (link->fd >= 0)
        close(link->fd);
    free(link->waiting);
    *link = (struct rpc_link){.fd = -1};
}

int rpc_link_fd(const struct rpc_link *link)
{
    return link->channel ? libvchan_fd_for_select(link->channel) : link->fd;
}

bool rpc_link_pending(const struct rpc_link *link)
{
    return link->waiting_size > 0;
}

/* Returns how many bytes could be sent now, or -EPIPE. */
static ssize_t send_now(struct rpc_link *link, const void *data, size_t size)
{
    if (link->channel) {
        /* Asking for room also asks to be woken when there is more. */
        size_t room = (size_t)libvchan_buffer_space(link->channel);
        int n = libvchan_write(link->channel, data, size < room ? size : room);
        return n < 0 ? -EPIPE : n;
    }
    ssize_t n = send(link->fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n < 0 ? -EPIPE : n;
}

static int flush(struct rpc_link *link)
{
    while (link->waiting_size) {
        ssize_t n = send_now(link, link->waiting, link->waiting_size);

        if (n <= 0)
            return (int)n;
        link->waiting_size -= (size_t)n;
        memmove(link->waiting, link->waiting + n, link->waiting_size);
    }
    return 0;
}

int rpc_link_send(struct rpc_link *link, enum rpc_type type, const void *part1, size_t size1, const void *part2,
                  size_t size2)
{
    struct rpc_header header = {.type = type, .length = (uint32_t)(size1 + size2)};
    size_t end = link->waiting_size + sizeof(header) + size1 + size2;

    if (end > WAITING_MAX)
        return -ENOBUFS;
    uint8_t *grown = realloc(link->waiting, end);
    if (!grown)
        return -ENOBUFS;
    link->waiting = grown;
    uint8_t *to = grown + link->waiting_size;
    to = mempcpy(to, &header, sizeof(header));
    if (size1)
        to = mempcpy(to, part1, size1);
    if (size2)
        memcpy(to, part2, size2);
    link->waiting_size = end;
    return flush(link);
}

/* Returns the number of bytes, 0 if there are none now, or -EPIPE. */
static ssize_t receive_now(struct rpc_link *link, void *where, size_t size)
{
    if (link->channel) {
        int n = libvchan_read(link->channel, where, size);
        return n < 0 ? -EPIPE : n;
    }
    ssize_t n = recv(link->fd, where, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n <= 0 ? -EPIPE : n;
}

/* One step towards the next message: 1 if it went on, 0 if there is nothing to read, or a negative errno. */
static int step(struct rpc_link *link, rpc_handler *handler, void *context)
{
    void *where;
    size_t want = rpc_reader_space(&link->reader, &where);
    ssize_t n = receive_now(link, where, want);

    if (n <= 0)
        return (int)n;
    int r = rpc_reader_added(&link->reader, (size_t)n);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = handler(context, &link->reader.header, link->reader.body);
    if (r < 0)
        return r;
    rpc_reader_next(&link->reader);
    return 1;
}

int rpc_link_run(struct rpc_link *link, rpc_handler *handler, void *context)
{
    int r;

    if (link->channel && libvchan_wait(link->channel) < 0)
        return -errno;
    int sent = flush(link);
    do
        r = step(link, handler, context);
    while (r > 0);
    return r < 0 ? r : sent;
}
