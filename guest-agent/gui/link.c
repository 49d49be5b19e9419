/* link.c - see link.h */
#include "link.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>
#include "agent.h"
#include "common/gui_stream.h"
#include "common/log.h"
#include "dispatch.h"
#include "vchan/libvchan.h"

enum {
    RING_FROM_DOM0 = 32 * 1024,
    RING_TO_DOM0 = 64 * 1024,
    QUEUE_MAX = 4 * 1024 * 1024, /* a whole session's windows are announced at once after a reconnection */
    RETRY_MS = 1000,
};

struct link {
    struct agent *agent;
    struct libvchan *vchan; /* nullptr: none could be offered */
    struct wl_event_source *source, *retry;
    bool greeted_them, ready;
    struct gui_stream stream;
    uint8_t *queue; /* what the ring had no room for */
    size_t start, end, size;
};

static int handle_vchan(int fd, uint32_t mask, void *data);

static int handle_retry(void *data)
{
    struct link *link = data;

    link->vchan = libvchan_server_init(0, GUI_PORT, RING_FROM_DOM0, RING_TO_DOM0);
    if (!link->vchan) {
        log_warning("cannot offer a channel to dom0: %m; trying again");
        wl_event_source_timer_update(link->retry, RETRY_MS);
        return 0;
    }
    libvchan_set_blocking(link->vchan, false);
    gui_stream_init(&link->stream, GUI_TO_VM);
    link->source = wl_event_loop_add_fd(link->agent->loop, libvchan_fd_for_select(link->vchan), WL_EVENT_READABLE,
                                        handle_vchan, link);
    return 0;
}

struct link *link_create(struct agent *agent)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link)
        return nullptr;
    link->agent = agent;
    link->retry = wl_event_loop_add_timer(agent->loop, handle_retry, link);
    if (!link->retry) {
        free(link);
        return nullptr;
    }
    handle_retry(link);
    return link;
}

static void disconnect(struct link *link, const char *reason)
{
    log_info("dom0's side has gone: %s", reason);
    wl_event_source_remove(link->source);
    link->source = nullptr;
    libvchan_close(link->vchan);
    link->vchan = nullptr;
    link->greeted_them = link->ready = false;
    link->start = link->end = 0;
    agent_disconnected(link->agent);
    wl_event_source_timer_update(link->retry, 1);
}

void link_destroy(struct link *link)
{
    if (link->vchan) {
        wl_event_source_remove(link->source);
        libvchan_close(link->vchan);
    }
    wl_event_source_remove(link->retry);
    free(link->queue);
    free(link);
}

bool link_ready(const struct link *link)
{
    return link->ready;
}

/* ---- out ---- */

static bool queue_add(struct link *link, const void *bytes, size_t length)
{
    if (link->start) {
        memmove(link->queue, link->queue + link->start, link->end - link->start);
        link->end -= link->start;
        link->start = 0;
    }
    if (link->end + length > link->size) {
        size_t size = 2 * (link->end + length);
        uint8_t *queue = size <= QUEUE_MAX ? realloc(link->queue, size) : nullptr;

        if (!queue)
            return false;
        link->queue = queue;
        link->size = size;
    }
    memcpy(link->queue + link->end, bytes, length);
    link->end += length;
    return true;
}

static void flush(struct link *link)
{
    while (link->start < link->end) {
        int n = libvchan_write(link->vchan, link->queue + link->start, link->end - link->start);

        if (n <= 0)
            return;
        link->start += (size_t)n;
    }
}

static void send_now(struct link *link, const union gui_message *message)
{
    if (!queue_add(link, message, message->header.length))
        log_warning("dom0 does not read; a %s message is lost", gui_wire_name(message->header.type));
    flush(link);
}

void link_send(struct link *link, const union gui_message *message)
{
    if (link->ready)
        send_now(link, message);
}

void link_send_plain(struct link *link, enum gui_type type, uint32_t object, uint32_t serial)
{
    union gui_message m;

    gui_wire_init(&m, type, object, serial);
    link_send(link, &m);
}

static void greet(struct link *link)
{
    union gui_message m;

    gui_wire_init(&m, GUI_HELLO, 0, 0);
    m.as_GUI_HELLO.magic = GUI_MAGIC;
    m.as_GUI_HELLO.version = GUI_VERSION;
    link->greeted_them = true;
    send_now(link, &m);
}

/* ---- in ---- */

static void on_message(struct link *link)
{
    if (link->stream.message.header.type != GUI_HELLO) {
        dispatch(link->agent, &link->stream.message);
    } else if (!link->ready) {
        log_info("connected with dom0");
        link->ready = true;
        agent_connected(link->agent);
    }
}

/* Returns a reason if the channel cannot go on. */
static const char *read_all(struct link *link)
{
    const char *reason = nullptr;

    while (!reason && libvchan_data_ready(link->vchan) > 0) {
        void *where;
        size_t room = gui_stream_room(&link->stream, &where);
        int n = libvchan_read(link->vchan, where, room);

        if (n <= 0)
            return n < 0 ? "read error" : nullptr;
        if (gui_stream_add(&link->stream, (size_t)n, &reason) == GUI_STREAM_MESSAGE)
            on_message(link);
    }
    return reason;
}

static int handle_vchan(int fd, uint32_t mask, void *data)
{
    struct link *link = data;

    libvchan_wait(link->vchan);
    int state = libvchan_is_open(link->vchan);
    if (state == VCHAN_WAITING)
        return 0;
    if (state == VCHAN_CONNECTED && !link->greeted_them)
        greet(link);
    const char *reason = read_all(link);
    flush(link);
    if (!reason && state != VCHAN_CONNECTED)
        reason = "it closed the channel";
    if (reason)
        disconnect(link, reason);
    return 0;
}
