/* broker_link.c - see broker_link.h */
#include "broker_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "broker_wire.h"
#include "common/log.h"
#include "server.h"
#include "vm.h"

enum { RETRY_MS = 1000 };

struct broker_link {
    struct server *server;
    char path[108];
    int fd; /* -1: not connected */
    struct wl_event_source *source, *timer;
    bool complained;
};

static void on_event(struct broker_link *link, struct broker_event *event, int fd)
{
    struct vm *old = vm_find(link->server, event->domid);

    event->name[sizeof(event->name) - 1] = '\0';
    if (old)
        vm_destroy(old); /* also when a new helper takes over: the agent starts from nothing */
    if (event->kind == BROKER_VM_STARTED && fd >= 0) {
        if (!vm_create(link->server, event->domid, event->name, event->colour & 0xffffff, fd))
            log_error("VM %s: no memory for its windows", event->name);
    } else if (fd >= 0) {
        close(fd);
    }
}

static void disconnect(struct broker_link *link)
{
    struct vm *vm, *next;

    wl_event_source_remove(link->source);
    link->source = nullptr;
    close(link->fd);
    link->fd = -1;
    log_warning("the broker has gone; trying again");
    wl_list_for_each_safe (vm, next, &link->server->vms, link)
        vm_destroy(vm);
    wl_event_source_timer_update(link->timer, RETRY_MS);
}

static int handle_broker(int fd, uint32_t mask, void *data)
{
    struct broker_link *link = data;
    struct broker_event event;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec io = {&event, sizeof(event)};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t length = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int passed = -1;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&passed, CMSG_DATA(header), sizeof(int));
    if (length != sizeof(event)) {
        disconnect(link);
        return 0;
    }
    on_event(link, &event, passed);
    return 0;
}

static int handle_retry(void *data)
{
    struct broker_link *link = data;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", link->path);
    link->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (link->fd < 0 || connect(link->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (!link->complained)
            log_warning("no broker at %s (%m): no windows of VMs until there is one", link->path);
        link->complained = true;
        if (link->fd >= 0)
            close(link->fd);
        link->fd = -1;
        wl_event_source_timer_update(link->timer, RETRY_MS);
        return 0;
    }
    link->complained = false;
    link->source = wl_event_loop_add_fd(link->server->loop, link->fd, WL_EVENT_READABLE, handle_broker, link);
    log_info("connected with the broker");
    return 0;
}

struct broker_link *broker_link_create(struct server *server, const char *path)
{
    struct broker_link *link = calloc(1, sizeof(*link));

    if (!link)
        return nullptr;
    link->server = server;
    link->fd = -1;
    snprintf(link->path, sizeof(link->path), "%s", path);
    link->timer = wl_event_loop_add_timer(server->loop, handle_retry, link);
    wl_event_source_timer_update(link->timer, 1);
    return link;
}

void broker_link_destroy(struct broker_link *link)
{
    if (!link)
        return;
    if (link->source)
        wl_event_source_remove(link->source);
    if (link->fd >= 0)
        close(link->fd);
    wl_event_source_remove(link->timer);
    free(link);
}

void broker_link_terminal(struct broker_link *link)
{
    struct broker_request request = {BROKER_TERMINAL};

    if (link->fd < 0 || send(link->fd, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_warning("no terminal: the broker is not there");
}
