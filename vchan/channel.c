/* channel.c - the functions of libvchan.h over a ring and a transport */
#include "vchan/libvchan.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include "vchan/ring.h"
#include "vchan/transport.h"

struct libvchan {
    struct ring ring;
    struct transport *transport;
    bool blocking;
    bool closed; /* latched: a peer that left cannot come back */
};

static libvchan_t *channel_new(void)
{
    libvchan_t *ctrl = calloc(1, sizeof(*ctrl));

    if (ctrl)
        ctrl->blocking = true;
    return ctrl;
}

libvchan_t *libvchan_server_init(int domain, int port, size_t read_min, size_t write_min)
{
    unsigned int left, right;
    int r = ring_choose_orders(read_min, write_min, &left, &right);

    if (r < 0) {
        errno = -r;
        return nullptr;
    }
    libvchan_t *ctrl = channel_new();
    if (!ctrl)
        return nullptr;
    ctrl->transport = transport_serve(domain, port, left, right, &ctrl->ring);
    if (!ctrl->transport) {
        free(ctrl);
        return nullptr;
    }
    return ctrl;
}

libvchan_t *libvchan_client_init_async(int domain, int port, EVTCHN *watch_fd)
{
    libvchan_t *ctrl = channel_new();

    if (!ctrl)
        return nullptr;
    ctrl->transport = transport_seek(domain, port);
    if (!ctrl->transport) {
        free(ctrl);
        return nullptr;
    }
    *watch_fd = transport_seek_fd(ctrl->transport);
    return ctrl;
}

int libvchan_client_init_async_finish(libvchan_t *ctrl, bool blocking)
{
    for (;;) {
        int r = transport_found(ctrl->transport, &ctrl->ring);

        if (r == 0) {
            ring_set_live(&ctrl->ring, VCHAN_CONNECTED);
            ring_ask_notify(&ctrl->ring, VCHAN_NOTIFY_WRITE);
            transport_notify(ctrl->transport); /* the server waits for us to come */
            return 0;
        }
        if (r < 0) {
            errno = -r;
            return -1;
        }
        if (!blocking)
            return 1;
        struct pollfd wait = {.fd = transport_seek_fd(ctrl->transport), .events = POLLIN};
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return -1;
    }
}

libvchan_t *libvchan_client_init(int domain, int port)
{
    EVTCHN fd;
    libvchan_t *ctrl = libvchan_client_init_async(domain, port, &fd);

    if (ctrl && libvchan_client_init_async_finish(ctrl, true) < 0) {
        int error = errno;
        libvchan_close(ctrl);
        errno = error;
        return nullptr;
    }
    return ctrl;
}

int libvchan_is_open(libvchan_t *ctrl)
{
    int state = ctrl->closed || !ctrl->ring.page ? VCHAN_DISCONNECTED : ring_peer_state(&ctrl->ring);

    if (state == VCHAN_DISCONNECTED)
        ctrl->closed = true;
    return state;
}

int libvchan_wait(libvchan_t *ctrl)
{
    /* A peer that is gone rings no more: waiting for it would be for ever. */
    int r = transport_wait(ctrl->transport, &ctrl->ring, ctrl->blocking && !ctrl->closed ? -1 : 0);

    if (r < 0) {
        errno = -r;
        return -1;
    }
    return 0;
}

int libvchan_data_ready(libvchan_t *ctrl)
{
    ring_ask_notify(&ctrl->ring, VCHAN_NOTIFY_WRITE);
    return (int)ring_readable(&ctrl->ring);
}

int libvchan_buffer_space(libvchan_t *ctrl)
{
    ring_ask_notify(&ctrl->ring, VCHAN_NOTIFY_READ);
    return (int)ring_writable(&ctrl->ring);
}

/* At least `want` bytes if possible; asks to be told of more when there are fewer. */
static uint32_t readable(libvchan_t *ctrl, size_t want)
{
    uint32_t ready = ring_readable(&ctrl->ring);

    return ready >= want ? ready : (uint32_t)libvchan_data_ready(ctrl);
}

static uint32_t writable(libvchan_t *ctrl, size_t want)
{
    uint32_t space = ring_writable(&ctrl->ring);

    return space >= want ? space : (uint32_t)libvchan_buffer_space(ctrl);
}

static void get(libvchan_t *ctrl, void *data, uint32_t size)
{
    ring_get(&ctrl->ring, data, size);
    if (ring_take_notify(&ctrl->ring, VCHAN_NOTIFY_READ))
        transport_notify(ctrl->transport);
}

static void put(libvchan_t *ctrl, const void *data, uint32_t size)
{
    ring_put(&ctrl->ring, data, size);
    if (ring_take_notify(&ctrl->ring, VCHAN_NOTIFY_WRITE))
        transport_notify(ctrl->transport);
}

/*
 * One turn of waiting. Returns 1 to look again, 0 if the channel does not block, -1 if it is closed. The caller asked
 * whether it is open before it looked at the ring: a peer that writes and then leaves must not lose what it wrote.
 */
static int wait_turn(libvchan_t *ctrl, bool was_open)
{
    if (!was_open) {
        errno = EPIPE;
        return -1;
    }
    if (!ctrl->blocking)
        return 0;
    return libvchan_wait(ctrl) < 0 ? -1 : 1;
}

int libvchan_read(libvchan_t *ctrl, void *data, size_t size)
{
    for (;;) {
        bool open = libvchan_is_open(ctrl);
        uint32_t ready = readable(ctrl, size);

        if (ready || size == 0) {
            uint32_t n = ready < size ? ready : (uint32_t)size;
            get(ctrl, data, n);
            return (int)n;
        }
        int r = wait_turn(ctrl, open);
        if (r <= 0)
            return r;
    }
}

int libvchan_recv(libvchan_t *ctrl, void *data, size_t size)
{
    if (size > ctrl->ring.in.size) {
        errno = EMSGSIZE;
        return -1;
    }
    for (;;) {
        bool open = libvchan_is_open(ctrl);

        if (readable(ctrl, size) >= size)
            break;
        int r = wait_turn(ctrl, open);
        if (r <= 0)
            return r;
    }
    get(ctrl, data, (uint32_t)size);
    return (int)size;
}

int libvchan_write(libvchan_t *ctrl, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    if (!libvchan_is_open(ctrl) || size > INT_MAX) {
        errno = size > INT_MAX ? EMSGSIZE : EPIPE;
        return -1;
    }
    while (done < size) {
        uint32_t space = writable(ctrl, size - done);
        uint32_t n = space < size - done ? space : (uint32_t)(size - done);

        if (n) {
            put(ctrl, bytes + done, n);
            done += n;
            continue;
        }
        int r = wait_turn(ctrl, libvchan_is_open(ctrl));
        if (r < 0)
            return -1;
        if (r == 0)
            break;
    }
    return (int)done;
}

int libvchan_send(libvchan_t *ctrl, const void *data, size_t size)
{
    if (!libvchan_is_open(ctrl) || size > ctrl->ring.out.size) {
        errno = size > ctrl->ring.out.size ? EMSGSIZE : EPIPE;
        return -1;
    }
    while (writable(ctrl, size) < size) {
        int r = wait_turn(ctrl, libvchan_is_open(ctrl));
        if (r <= 0)
            return r;
    }
    put(ctrl, data, (uint32_t)size);
    return (int)size;
}

EVTCHN libvchan_fd_for_select(libvchan_t *ctrl)
{
    return transport_fd(ctrl->transport);
}

void libvchan_set_blocking(libvchan_t *ctrl, bool blocking)
{
    ctrl->blocking = blocking;
}

void libvchan_close(libvchan_t *ctrl)
{
    if (!ctrl)
        return;
    transport_close(ctrl->transport, &ctrl->ring);
    free(ctrl);
}
