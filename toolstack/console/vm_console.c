/* vm_console.c - see vm_console.h */
#include "vm_console.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "log_file.h"

#define LOG_BYTES     (1u << 20) /* and as much again in the file before */
#define BACKLOG_BYTES (16u << 10)
#define VIEWERS_MAX   8

/* A VM that prints without end costs dom0 no more than this. */
#define PERIOD_USEC      200000
#define BYTES_PER_PERIOD (64u << 10)

struct viewer {
    int fd; /* negative: free */
    sd_event_source *source;
    struct vm_console *console;
    char typed[256]; /* read from the viewer, not yet taken by the VM */
    size_t typed_count;
};

struct vm_console {
    struct console_host host;
    char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int listener;
    sd_event_source *accept_source;
    sd_event_source *pause_source; /* while the VM is throttled */
    struct console_ring ring;
    struct log_file log;
    struct text_filter filter;
    struct viewer viewers[VIEWERS_MAX];
    void (*notify)(void *context);
    void *context;
    size_t budget; /* bytes left in this period */
    char backlog[BACKLOG_BYTES];
    size_t backlog_count; /* ever written */
};

static void drop_viewer(struct viewer *viewer)
{
    sd_event_source_disable_unref(viewer->source);
    close(viewer->fd);
    *viewer = (struct viewer){.fd = -1, .console = viewer->console};
}

/* A viewer that does not keep up misses output: it must not hold up the VM. */
static void show(struct viewer *viewer, const char *bytes, size_t count)
{
    if (viewer->fd >= 0 && count && send(viewer->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        drop_viewer(viewer);
}

static void remember(struct vm_console *console, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        console->backlog[console->backlog_count++ % BACKLOG_BYTES] = bytes[i];
}

static void output(struct vm_console *console, const char *untrusted, size_t count)
{
    char clean[CONSOLE_OUT_BYTES + 4];

    for (int i = 0; i < VIEWERS_MAX; i++)
        show(&console->viewers[i], untrusted, count);
    remember(console, untrusted, count);
    log_file_write(&console->log, clean, text_filter_run(&console->filter, untrusted, count, clean));
}

static bool type_on(struct viewer *viewer, bool *moved)
{
    int taken;

    if (viewer->fd < 0 || !viewer->typed_count)
        return true;
    taken = console_ring_type(&viewer->console->ring, viewer->typed, viewer->typed_count);
    if (taken < 0)
        return false;
    *moved |= taken > 0;
    viewer->typed_count -= (size_t)taken;
    memmove(viewer->typed, viewer->typed + taken, viewer->typed_count);
    if (!viewer->typed_count)
        sd_event_source_set_io_events(viewer->source, EPOLLIN);
    return true;
}

static int on_period(sd_event_source *source, uint64_t usec, void *context)
{
    struct vm_console *console = context;

    console->budget = BYTES_PER_PERIOD;
    if (!vm_console_pump(console))
        log_warning("%s: impossible index in its console ring", console->socket_path);
    return 0;
}

static void start_period(struct vm_console *console)
{
    sd_event_source_set_time_relative(console->pause_source, PERIOD_USEC);
    sd_event_source_set_enabled(console->pause_source, SD_EVENT_ONESHOT);
}

static bool period_runs(const struct vm_console *console)
{
    int enabled;

    return sd_event_source_get_enabled(console->pause_source, &enabled) >= 0 && enabled != SD_EVENT_OFF;
}

bool vm_console_pump(struct vm_console *console)
{
    bool moved = false;

    while (console->budget) {
        char untrusted[CONSOLE_OUT_BYTES];
        size_t room = console->budget < sizeof(untrusted) ? console->budget : sizeof(untrusted);
        int count = console_ring_take(&console->ring, untrusted, room);

        if (count < 0)
            return false;
        if (!count)
            break;
        console->budget -= (size_t)count;
        moved = true;
        output(console, untrusted, (size_t)count);
    }
    if (moved && !period_runs(console))
        start_period(console);
    for (int i = 0; i < VIEWERS_MAX; i++)
        if (!type_on(&console->viewers[i], &moved))
            return false;
    if (moved)
        console->notify(console->context);
    return true;
}

static int on_viewer(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct viewer *viewer = context;
    ssize_t got =
        recv(fd, viewer->typed + viewer->typed_count, sizeof(viewer->typed) - viewer->typed_count, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        drop_viewer(viewer);
        return 0;
    }
    viewer->typed_count += (size_t)got;
    sd_event_source_set_io_events(source, 0); /* until the VM took it */
    if (!vm_console_pump(viewer->console))
        log_warning("%s: impossible index in its console ring", viewer->console->socket_path);
    return 0;
}

/* Root, and people: no service of dom0 has business with a VM's console. */
static bool may_view(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return false;
    return peer.uid == 0 || peer.uid == geteuid() || (peer.uid >= 1000 && peer.uid < 60000);
}

static void show_backlog(const struct vm_console *console, struct viewer *viewer)
{
    size_t end = console->backlog_count % BACKLOG_BYTES;

    if (console->backlog_count > BACKLOG_BYTES)
        show(viewer, console->backlog + end, BACKLOG_BYTES - end);
    show(viewer, console->backlog, end);
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct vm_console *console = context;
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (accepted < 0)
        return 0;
    for (int i = 0; may_view(accepted) && i < VIEWERS_MAX; i++) {
        struct viewer *viewer = &console->viewers[i];

        if (viewer->fd >= 0)
            continue;
        if (sd_event_add_io(console->host.event, &viewer->source, accepted, EPOLLIN, on_viewer, viewer) < 0)
            break;
        viewer->fd = accepted;
        show_backlog(console, viewer);
        return 0;
    }
    close(accepted);
    return 0;
}

static int listen_at(struct vm_console *console)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, console->socket_path, sizeof(address.sun_path));
    console->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (console->listener < 0)
        return -errno;
    unlink(console->socket_path);
    if (bind(console->listener, (struct sockaddr *)&address, sizeof(address)) || chmod(console->socket_path, 0666) ||
        listen(console->listener, VIEWERS_MAX))
        return -errno;
    return sd_event_add_io(console->host.event, &console->accept_source, console->listener, EPOLLIN, on_accept,
                           console);
}

static int open_files(struct vm_console *console, const char *name)
{
    const struct console_host *host = &console->host;
    char path[256];
    int error;

    if (snprintf(console->socket_path, sizeof(console->socket_path), "%s/%s", host->socket_folder, name) >=
        (int)sizeof(console->socket_path))
        return -ENAMETOOLONG;
    snprintf(path, sizeof(path), "%s/guest-%s.log", host->log_folder, name);
    error = log_file_open(&console->log, path, LOG_BYTES);
    if (error)
        log_warning("%s: %s; the output is not kept", path, strerror(-error));
    return listen_at(console);
}

int vm_console_create(struct vm_console **out, const struct console_host *host, const char *name,
                      struct xencons_interface *page, void (*notify)(void *context), void *context)
{
    struct vm_console *console = calloc(1, sizeof(*console));
    int error;

    if (!console)
        return -ENOMEM;
    *console = (struct vm_console){.host = *host, .listener = -1, .notify = notify, .context = context};
    console->log.fd = -1;
    console->budget = BYTES_PER_PERIOD;
    for (int i = 0; i < VIEWERS_MAX; i++)
        console->viewers[i] = (struct viewer){.fd = -1, .console = console};
    console_ring_start(&console->ring, page);
    error = open_files(console, name);
    if (error >= 0)
        error = sd_event_add_time_relative(host->event, &console->pause_source, CLOCK_MONOTONIC, PERIOD_USEC, 0,
                                           on_period, console);
    if (error >= 0)
        error = sd_event_source_set_enabled(console->pause_source, SD_EVENT_OFF);
    if (error < 0) {
        vm_console_destroy(console);
        return error;
    }
    *out = console;
    return 0;
}

void vm_console_destroy(struct vm_console *console)
{
    char rest[4];

    for (int i = 0; i < VIEWERS_MAX; i++)
        if (console->viewers[i].fd >= 0)
            drop_viewer(&console->viewers[i]);
    sd_event_source_disable_unref(console->accept_source);
    sd_event_source_disable_unref(console->pause_source);
    if (console->listener >= 0) {
        close(console->listener);
        unlink(console->socket_path);
    }
    log_file_write(&console->log, rest, text_filter_end(&console->filter, rest));
    log_file_close(&console->log);
    free(console);
}
