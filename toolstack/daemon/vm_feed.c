/* vm_feed.c - tells the compositor which VMs run: one JSON object a line on a UNIX socket */
#include "toolstack/daemon/vm_feed.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "toolstack/daemon/listen_socket.h"
#include "toolstack/daemon/text_buffer.h"

enum { LISTENERS_MAX = 16, BACKLOG_MAX = 1 << 18 };

struct listener {
    struct vm_feed *owner;
    struct listener *next;
    sd_event_source *source;
    int fd;
    struct text_buffer output;
    size_t sent;
};

struct vm_feed {
    const struct registry *registry;
    sd_event *loop;
    sd_event_source *source;
    struct listener *listeners;
    unsigned count;
    int fd;
};

static void listener_free(struct listener *l)
{
    struct listener **at = &l->owner->listeners;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    l->owner->count--;
    sd_event_source_unref(l->source);
    close(l->fd);
    text_free(&l->output);
    free(l);
}

/* Sends what it can. Returns false if the listener is gone. */
static bool flush(struct listener *l)
{
    while (l->sent < l->output.size) {
        ssize_t n = send(l->fd, l->output.bytes + l->sent, l->output.size - l->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && l->output.size <= BACKLOG_MAX && !l->output.failed) {
            sd_event_source_set_io_events(l->source, EPOLLOUT);
            return true;
        }
        if (n < 0) {
            listener_free(l);
            return false;
        }
        l->sent += (size_t)n;
    }
    l->output.size = l->sent = 0;
    sd_event_source_set_io_events(l->source, 0);
    return true;
}

static void add_line(struct text_buffer *b, const char *event, const struct vm *vm)
{
    json_t *line = json_pack("{s:s, s:i, s:s, s:s}", "event", event, "domid", (int)vm->domid, "name", vm->name, "label",
                             vm->label->rgb);
    char *text = line ? json_dumps(line, JSON_COMPACT) : nullptr;

    if (text)
        text_print(b, "%s\n", text);
    else
        b->failed = true;
    free(text);
    json_decref(line);
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct listener *l = data;

    if (events & (EPOLLHUP | EPOLLERR))
        listener_free(l);
    else
        flush(l);
    return 0;
}

static int listener_add(struct vm_feed *f, int fd)
{
    struct listener *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;

    *l = (struct listener){.owner = f, .fd = fd, .next = f->listeners};
    int rc = sd_event_add_io(f->loop, &l->source, fd, 0, on_listener, l);
    if (rc < 0) {
        free(l);
        return rc;
    }
    f->listeners = l;
    f->count++;
    for (const struct vm *vm = f->registry->first; vm; vm = vm->next)
        if (vm->class != VM_ADMIN && (vm->state == VM_RUNNING || vm->state == VM_PAUSED))
            add_line(&l->output, "vm-started", vm);
    flush(l);
    return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct vm_feed *f = data;
    int peer = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (peer < 0)
        return 0;
    if (f->count >= LISTENERS_MAX || listener_add(f, peer)) {
        log_warning("a listener for VMs was turned away");
        close(peer);
    }
    return 0;
}

void vm_feed_tell(struct vm_feed *f, const char *event, const struct vm *vm)
{
    struct listener *next;

    for (struct listener *l = f->listeners; l; l = next) {
        next = l->next;
        add_line(&l->output, event, vm);
        flush(l);
    }
}

int vm_feed_open(struct vm_feed **out, sd_event *loop, const struct registry *registry, const char *path)
{
    struct vm_feed *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;

    *f = (struct vm_feed){.registry = registry, .loop = loop, .fd = listen_socket(path)};
    int rc = f->fd < 0 ? f->fd : sd_event_add_io(loop, &f->source, f->fd, EPOLLIN, on_connect, f);
    if (rc < 0) {
        if (f->fd >= 0)
            close(f->fd);
        free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void vm_feed_close(struct vm_feed *f)
{
    while (f->listeners)
        listener_free(f->listeners);
    sd_event_source_unref(f->source);
    close(f->fd);
    free(f);
}
