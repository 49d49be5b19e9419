/* requests.c - programs of this VM that ask for services elsewhere; dom0's policy decides */
#include "guest-agent/rpc/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/pump.h"
#include "common/rpc/words.h"
#include "guest-agent/rpc/local.h"

enum { PENDING_MAX = 64 };

/* A client that waits for dom0's answer, or has not yet said what it wants. */
struct request {
    struct agent *agent;
    struct request *next;
    sd_event_source *source;
    int socket;
    int fds[3]; /* -1 before it asked */
    struct rpc_ident ident;
};

static void request_free(struct request *request)
{
    for (struct request **at = &request->agent->requests; *at; at = &(*at)->next)
        if (*at == request) {
            *at = request->next;
            break;
        }
    sd_event_source_unref(request->source);
    for (int i = 0; i < 3; i++)
        if (request->fds[i] >= 0)
            close(request->fds[i]);
    close(request->socket);
    free(request);
}

static void answer(int socket, int exit_code)
{
    struct rpc_local_answer packet = {.exit_code = (uint32_t)exit_code};

    send(socket, &packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Receives the one packet. Returns its length, or a negative errno; the descriptors go to the request. */
static ssize_t receive(struct request *request, void *packet, size_t room)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(request->fds))];
    } control;
    struct iovec part = {packet, room};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(request->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = n < 0 ? nullptr : CMSG_FIRSTHDR(&message);

    if (n < 0)
        return -errno;
    if (!head || head->cmsg_type != SCM_RIGHTS)
        return -EPROTO;
    memcpy(request->fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    return head->cmsg_len == CMSG_LEN(sizeof(request->fds)) && !(message.msg_flags & MSG_TRUNC) ? n : -EPROTO;
}

static int ask_daemon(struct request *request)
{
    static unsigned int counter;
    static char packet[sizeof(struct rpc_trigger) + RPC_SERVICE_MAX + 1];
    struct rpc_trigger *trigger = (struct rpc_trigger *)packet;
    ssize_t n = receive(request, packet, sizeof(packet) - 1);

    if (n < 0)
        return (int)n;
    packet[n] = 0;
    if ((size_t)n <= sizeof(*trigger) || !memchr(trigger->target, 0, sizeof(trigger->target)) ||
        !rpc_service_valid(trigger->service) || !rpc_target_valid(trigger->target))
        return -EINVAL;
    if (!request->agent->connected)
        return -ENOTCONN;
    snprintf(request->ident.ident, sizeof(request->ident.ident), "SOCKET%u", ++counter);
    trigger->ident = request->ident;
    agent_tell_daemon(request->agent, RPC_TRIGGER, packet, sizeof(*trigger), trigger->service,
                      strlen(trigger->service) + 1);
    return 0;
}

static int client_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct request *request = context;

    /* After its packet, only its end makes it ready: it does not want the answer any more. */
    if (request->fds[0] < 0) {
        int r = ask_daemon(request);
        if (r == 0)
            return 0;
        answer(fd, r == -EINVAL ? RPC_EXIT_NOT_FOUND : RPC_EXIT_FAILURE);
    }
    request_free(request);
    return 0;
}

static int client_arrived(sd_event_source *source, int listener, uint32_t events, void *context)
{
    struct agent *agent = context;
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    unsigned int count = 0;

    if (fd < 0)
        return 0;
    for (struct request *r = agent->requests; r; r = r->next)
        count++;
    struct request *request = count < PENDING_MAX ? calloc(1, sizeof(*request)) : nullptr;
    if (!request) {
        answer(fd, RPC_EXIT_FAILURE);
        close(fd);
        return 0;
    }
    *request = (struct request){.agent = agent, .next = agent->requests, .socket = fd, .fds = {-1, -1, -1}};
    agent->requests = request;
    if (sd_event_add_io(agent->event, &request->source, fd, EPOLLIN, client_ready, request) < 0)
        request_free(request);
    return 0;
}

static struct request *find(struct agent *agent, const char *ident)
{
    for (struct request *r = agent->requests; r; r = r->next)
        if (r->ident.ident[0] && strcmp(r->ident.ident, ident) == 0)
            return r;
    log_warning("dom0 answered request '%.32s', which nobody made", ident);
    return nullptr;
}

enum { CHILD_SOCKET = 3 };

/* Executes this program anew, as calls.c does. What it needs has numbers above 3: the agent's own come first. */
[[noreturn]] static void child(const struct request *request, const struct rpc_exec *where)
{
    char domain[12], port[12];
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int i = 0; i < 3; i++)
        dup2(request->fds[i], i);
    dup2(request->socket, CHILD_SOCKET);
    snprintf(domain, sizeof(domain), "%u", where->domain);
    snprintf(port, sizeof(port), "%u", where->port);
    execl("/proc/self/exe", "qrexec-agent", "--answer", domain, port, nullptr);
    _exit(RPC_EXIT_FAILURE);
}

int requests_serve(const char *domain, const char *port)
{
    libvchan_t *channel = libvchan_server_init(atoi(domain), atoi(port), RPC_BUFFER, RPC_BUFFER);
    int code = RPC_EXIT_FAILURE;

    if (channel) {
        code = pump_caller_run(&(struct pump_caller){
            .channel = channel,
            .in = STDIN_FILENO,
            .out = STDOUT_FILENO,
            .err = STDERR_FILENO,
            .control = CHILD_SOCKET, /* a client that is killed ends its call */
            .control_always = true,
        });
        libvchan_close(channel);
    }
    answer(CHILD_SOCKET, code);
    return 0;
}

static int child_ended(sd_event_source *source, const siginfo_t *info, void *context)
{
    sd_event_source_unref(source);
    return 0;
}

void requests_connect(struct agent *agent, const struct rpc_exec *where)
{
    struct request *request = find(agent, where->command);

    if (!request)
        return;
    pid_t pid = fork();
    if (pid == 0)
        child(request, where);
    sd_event_source *source;
    if (pid < 0 || sd_event_add_child(agent->event, &source, pid, WEXITED, child_ended, nullptr) < 0)
        log_error("cannot serve a request: %s", strerror(errno));
    request_free(request); /* the child has its descriptors */
}

void requests_refused(struct agent *agent, const struct rpc_ident *ident)
{
    struct request *request = find(agent, ident->ident);

    if (!request)
        return;
    answer(request->socket, RPC_EXIT_REFUSED);
    request_free(request);
}

void requests_drop(struct agent *agent)
{
    while (agent->requests) {
        answer(agent->requests->socket, RPC_EXIT_FAILURE);
        request_free(agent->requests);
    }
}

int requests_listen(struct agent *agent)
{
    const char *path = secure_getenv("QREXEC_AGENT_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, path ? path : RPC_AGENT_SOCKET, sizeof(address.sun_path) - 1);
    if (!path && mkdir("/run/qubes", 0755) < 0 && errno != EEXIST)
        return -errno;
    unlink(address.sun_path);
    agent->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (agent->listener < 0)
        return -errno;
    mode_t mask = umask(0); /* any user of this VM may ask: dom0 decides */
    int r = bind(agent->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    if (r < 0 || listen(agent->listener, 64) < 0)
        return r < 0 ? r : -errno;
    r = sd_event_add_io(agent->event, nullptr, agent->listener, EPOLLIN, client_arrived, agent);
    return r < 0 ? r : 0;
}
