/* relay.c - see relay.h. One thread, no allocation after the start, nothing blocks but poll(). */
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "buffers.h"
#include "common/gui_stream.h"
#include "helper_wire.h"
#include "mapper.h"
#include "queue.h"
#include "vchan/libvchan.h"

struct relay {
    uint32_t domid;
    struct libvchan *vchan;
    int compositor, mapper;
    struct gui_stream stream;
    struct buffers buffers;
    struct queue queue;
    /* A packet the compositor had no room for; until it is sent nothing more is read from the VM. */
    union helper_packet held;
    size_t held_length;
    bool held_fd;
    /* How many more messages the VM may send now. */
    uint32_t tokens;
    int64_t tokens_time; /* ms */
    struct helper_counts counts;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void refill(struct relay *relay)
{
    int64_t now = now_ms(), passed = now - relay->tokens_time;
    int64_t tokens = relay->tokens + passed * GUI_MESSAGES_PER_SECOND / 1000;

    if (passed <= 0)
        return;
    relay->tokens = (uint32_t)(tokens > GUI_MESSAGES_PER_SECOND ? GUI_MESSAGES_PER_SECOND : tokens);
    relay->tokens_time = now;
}

/* ---- to the compositor ---- */

/* Sends the held packet. Returns a reason if the compositor has gone. */
static const char *send_held(struct relay *relay)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec io = {&relay->held, relay->held_length};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};

    if (!relay->held_length)
        return nullptr;
    if (relay->held_fd) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &relay->mapper, sizeof(int));
    }
    if (sendmsg(relay->compositor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return errno == EAGAIN || errno == EINTR ? nullptr : "the compositor has gone";
    relay->held_length = 0;
    return nullptr;
}

static const char *forward(struct relay *relay, const void *packet, size_t length, bool with_fd)
{
    memcpy(&relay->held, packet, length);
    relay->held_length = length;
    relay->held_fd = with_fd;
    return send_held(relay);
}

static const char *map_incoming(struct relay *relay)
{
    struct helper_buffer packet = {.buffer = relay->buffers.incoming};
    int r = mapper_map(relay->mapper, relay->domid, packet.buffer.pages, relay->buffers.refs, &packet.offset);

    if (r < 0)
        return "references that cannot be mapped";
    packet.buffer.header.type = HELPER_BUFFER;
    packet.buffer.header.length = sizeof(packet);
    packet.length = (uint64_t)packet.buffer.pages * 4096;
    buffers_end(&relay->buffers, packet.offset);
    return forward(relay, &packet, sizeof(packet), true);
}

/* One whole message, fields checked. */
static const char *on_message(struct relay *relay)
{
    const union gui_message *message = &relay->stream.message;
    const char *reason;
    bool complete;

    relay->counts.messages++;
    switch (message->header.type) {
    case GUI_BUFFER_NEW: return buffers_begin(&relay->buffers, &message->as_GUI_BUFFER_NEW);
    case GUI_BUFFER_REFS:
        reason = buffers_add(&relay->buffers, &message->as_GUI_BUFFER_REFS, &complete);
        return reason ? reason : complete ? map_incoming(relay) : nullptr;
    case GUI_BUFFER_DEL:
        reason = buffers_delete(&relay->buffers, message->header.object);
        if (reason)
            return reason;
        break;
    default: break;
    }
    if (relay->buffers.incoming.header.object)
        return "something between a buffer's references";
    return forward(relay, message, message->header.length, false);
}

/* Reads what the VM has sent, until there is no more, no room, or no allowance. */
static const char *read_vm(struct relay *relay)
{
    refill(relay);
    while (!relay->held_length && relay->tokens && libvchan_data_ready(relay->vchan) > 0) {
        void *where;
        size_t room = gui_stream_room(&relay->stream, &where);
        const char *reason = nullptr;
        int got = libvchan_read(relay->vchan, where, room);

        if (got < 0)
            return "the VM's end of the channel is broken";
        if (got == 0)
            break;
        relay->counts.bytes_from_vm += (uint64_t)got;
        enum gui_stream_result result = gui_stream_add(&relay->stream, (size_t)got, &reason);
        if (result == GUI_STREAM_MESSAGE) {
            relay->tokens--;
            reason = on_message(relay);
        }
        if (reason)
            return reason;
    }
    return nullptr;
}

/* ---- to the VM ---- */

static const char *write_vm(struct relay *relay)
{
    const void *bytes;
    size_t length;

    while ((length = queue_peek(&relay->queue, &bytes)) > 0) {
        int room = libvchan_buffer_space(relay->vchan);

        if (room <= 0)
            return nullptr;
        if (length > (size_t)room)
            length = (size_t)room;
        int sent = libvchan_write(relay->vchan, bytes, length);
        if (sent < 0)
            return "the VM's end of the channel is broken";
        if (sent == 0)
            return nullptr;
        relay->counts.bytes_to_vm += (uint64_t)sent;
        queue_sent(&relay->queue, (size_t)sent);
    }
    return nullptr;
}

static const char *answer_counts(struct relay *relay)
{
    struct helper_counts packet = relay->counts;

    packet.header = (struct gui_header){HELPER_COUNTS, sizeof(packet), 0, 0};
    packet.buffers = relay->buffers.count;
    packet.pages = relay->buffers.pages;
    /* Not worth waiting for: who asked will ask again. */
    send(relay->compositor, &packet, sizeof(packet), MSG_DONTWAIT | MSG_NOSIGNAL);
    return nullptr;
}

static const char *on_packet(struct relay *relay, const union helper_packet *packet, size_t length)
{
    struct buffer_entry was;

    if (length >= sizeof(struct gui_header) && packet->message.header.type == HELPER_COUNTS)
        return answer_counts(relay);
    if (gui_wire_check(GUI_TO_VM, &packet->message, length))
        return "a bad message from the compositor";
    if (packet->message.header.type == GUI_BUFFER_GONE &&
        buffers_gone(&relay->buffers, packet->message.header.object, &was))
        mapper_unmap(relay->mapper, was.offset, was.pages); /* before the VM hears of it and ends the grants */
    return queue_add(&relay->queue, &packet->message) ? nullptr : "the VM does not read";
}

static const char *read_compositor(struct relay *relay)
{
    static union helper_packet packet;

    for (;;) {
        ssize_t length = recv(relay->compositor, &packet, sizeof(packet), MSG_DONTWAIT);

        if (length < 0 && errno == ECONNRESET)
            continue; /* it closed with packets of ours unread; its own last ones come next */
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return nullptr;
        if (length <= 0)
            return "the compositor has gone";
        const char *reason = on_packet(relay, &packet, (size_t)length);
        if (reason)
            return reason;
    }
}

/* So that the log in the VM says why. */
static void tell_error(struct relay *relay)
{
    union gui_message m;

    gui_wire_init(&m, GUI_ERROR, 0, 0);
    m.as_GUI_ERROR.code = GUI_ERROR_PROTOCOL;
    (void)queue_add(&relay->queue, &m); /* if it is full the VM does not read anyway */
}

static const char *turn(struct relay *relay)
{
    bool open = libvchan_is_open(relay->vchan) == VCHAN_CONNECTED;
    const char *reason = read_compositor(relay);

    if (!reason)
        reason = send_held(relay);
    if (!reason) {
        reason = read_vm(relay);
        if (reason)
            tell_error(relay);
    }
    if (!reason)
        reason = write_vm(relay);
    if (!reason && !open && libvchan_data_ready(relay->vchan) <= 0)
        reason = "the VM has closed the channel";
    return reason;
}

const char *relay_run(uint32_t domid, struct libvchan *vchan, int compositor, int mapper)
{
    static struct relay relay; /* too large for the stack */

    relay.domid = domid;
    relay.vchan = vchan;
    relay.compositor = compositor;
    relay.mapper = mapper;
    relay.tokens = GUI_MESSAGES_PER_SECOND;
    relay.tokens_time = now_ms();
    gui_stream_init(&relay.stream, GUI_TO_DOM0);
    queue_init(&relay.queue);
    libvchan_set_blocking(vchan, false);
    for (;;) {
        const char *reason = turn(&relay);

        if (reason) {
            (void)write_vm(&relay); /* what dom0 said last (GUI_ERROR), if there is room */
            return reason;
        }
        struct pollfd fds[] = {
            {.fd = libvchan_fd_for_select(vchan), .events = POLLIN},
            {.fd = compositor, .events = (short)(POLLIN | (relay.held_length ? POLLOUT : 0))},
        };
        if (poll(fds, 2, relay.tokens ? -1 : 10) < 0 && errno != EINTR)
            return "poll";
        if (fds[0].revents)
            libvchan_wait(vchan);
    }
}
