/* compositor.c - the broker's only client */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "broker.h"
#include "common/log.h"

static void disconnect(struct broker *broker)
{
    broker->compositor_source = sd_event_source_disable_unref(broker->compositor_source);
    close(broker->compositor);
    broker->compositor = -1;
    helpers_stop_all(broker);
}

/* In a grandchild, so that nobody has to wait for it. */
static void start_terminal(struct broker *broker)
{
    sigset_t none;
    pid_t pid = fork();

    if (pid < 0)
        log_error("no terminal: %m");
    if (pid > 0)
        waitpid(pid, nullptr, 0);
    if (pid != 0)
        return;
    setsid();
    if (fork() != 0)
        _exit(0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    close_range(3, ~0u, 0);
    execl("/bin/sh", "sh", "-c", broker->terminal, (char *)nullptr);
    _exit(127);
}

static int handle_compositor(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct broker *broker = data;
    struct broker_request request;
    ssize_t length = recv(fd, &request, sizeof(request), MSG_DONTWAIT);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (length != sizeof(request)) {
        log_info("the compositor has gone");
        disconnect(broker);
    } else if (request.kind == BROKER_TERMINAL && broker->terminal) {
        start_terminal(broker);
    }
    return 0;
}

static int handle_listener(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct broker *broker = data;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);

    if (client < 0)
        return 0;
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != broker->compositor_uid) {
        log_warning("user %u is not the compositor", peer.uid);
        close(client);
        return 0;
    }
    if (broker->compositor >= 0)
        disconnect(broker); /* a new one replaces the old */
    broker->compositor = client;
    sd_event_add_io(broker->loop, &broker->compositor_source, client, EPOLLIN, handle_compositor, broker);
    log_info("the compositor is connected");
    helpers_start_all(broker);
    return 0;
}

bool compositor_listen(struct broker *broker)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    broker->compositor = -1;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker->socket);
    unlink(broker->socket);
    broker->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (broker->listener < 0 || bind(broker->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(broker->socket, 0600) < 0 || chown(broker->socket, broker->compositor_uid, (gid_t)-1) < 0 ||
        listen(broker->listener, 4) < 0) {
        log_error("cannot listen on %s: %m", broker->socket);
        return false;
    }
    return sd_event_add_io(broker->loop, nullptr, broker->listener, EPOLLIN, handle_listener, broker) >= 0;
}

void compositor_tell(struct broker *broker, enum broker_event_kind kind, const struct fact *fact, int fd)
{
    struct broker_event event = {.kind = kind, .domid = fact->domid, .colour = fact->colour};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec io = {&event, sizeof(event)};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};

    if (broker->compositor < 0)
        return;
    snprintf(event.name, sizeof(event.name), "%s", fact->name);
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    if (sendmsg(broker->compositor, &message, MSG_NOSIGNAL) < 0)
        log_warning("cannot tell the compositor about %s: %m", fact->name);
}
