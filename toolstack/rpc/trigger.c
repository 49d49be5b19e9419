/* trigger.c - a VM asks for a service: the policy decides, qrexec-client carries it out
 *
 * The policy daemon ($QREXEC_DIR/policy.sock) gets lines of key=value ended by an empty line and answers likewise.
 */
#include "toolstack/rpc/daemon.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/words.h"
#include "toolstack/rpc/call.h"

extern char **environ;

enum { REQUESTS_MAX = 32, ANSWER_MAX = 1024 };

struct request {
    struct daemon *daemon;
    sd_event_source *source;
    int fd;
    struct rpc_ident ident;
    char *service; /* checked: fit for a command line and a log */
    char answer[ANSWER_MAX + 1];
    size_t have;
};

static void request_free(struct request *request)
{
    request->daemon->requests--;
    sd_event_source_unref(request->source);
    if (request->fd >= 0)
        close(request->fd);
    free(request->service);
    free(request);
}

static void refuse(struct daemon *daemon, const struct rpc_ident *ident)
{
    daemon_tell_agent(daemon, RPC_SERVICE_REFUSED, ident, sizeof(*ident), nullptr, 0);
}

/* The value of a line "key=..." in the answer, or null. `out` has room for 64 characters. */
static const char *answer_value(const char *answer, const char *key, char out[static 64])
{
    size_t length = strlen(key);

    for (const char *line = answer; *line; line = strchrnul(line, '\n') + (*strchrnul(line, '\n') != 0)) {
        if (strncmp(line, key, length) != 0 || line[length] != '=')
            continue;
        size_t n = strcspn(line + length + 1, "\n");
        if (n >= 64)
            return nullptr;
        memcpy(out, line + length + 1, n);
        out[n] = 0;
        return out;
    }
    return nullptr;
}

static int ended(sd_event_source *source, const siginfo_t *info, void *context)
{
    sd_event_source_unref(source);
    return 0;
}

/* Starts a program with no signal blocked. Returns 0 or an errno. */
static int start(sd_event *event, const char *path, char *arguments[])
{
    posix_spawnattr_t attributes;
    sd_event_source *source;
    sigset_t none;
    pid_t pid;

    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int error = posix_spawn(&pid, path, nullptr, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    /* Only to reap it: it refuses the call by itself if it fails. */
    if (!error && sd_event_add_child(event, &source, pid, WEXITED, ended, nullptr) < 0)
        log_warning("cannot watch qrexec-client");
    return error;
}

/* qrexec-client joins the two agents; it refuses the call itself if that fails. */
static void carry_out(struct request *request, const char *target, const char *user, bool autostart)
{
    struct daemon *daemon = request->daemon;
    const char *path = secure_getenv("QREXEC_CLIENT");
    char caller[128], *command = nullptr;

    snprintf(caller, sizeof(caller), "%s,%s,%u", request->ident.ident, daemon->name, daemon->domain);
    if (asprintf(&command, "%s:QUBESRPC %s %s", user, request->service, daemon->name) < 0) {
        refuse(daemon, &request->ident);
        return;
    }
    char *arguments[] = {"qrexec-client", "-d", (char *)target, "-c", caller, command, autostart ? "-s" : nullptr,
                         nullptr};
    int error = start(daemon->event, path ? path : "/usr/lib/atoll/qrexec-client", arguments);
    if (error) {
        log_error("cannot run qrexec-client: %s", strerror(error));
        refuse(daemon, &request->ident);
    }
    free(command);
}

static void decide(struct request *request)
{
    char result[64], target[64], user[64], autostart[64];
    const char *asked_user;

    request->answer[request->have] = 0;
    if (!answer_value(request->answer, "result", result) || strcmp(result, "allow") != 0 ||
        !answer_value(request->answer, "target", target)) {
        log_info("%s: denied by policy", request->service);
        refuse(request->daemon, &request->ident);
        return;
    }
    log_info("%s: allowed to %s", request->service, target);
    asked_user = answer_value(request->answer, "user", user);
    bool start = !answer_value(request->answer, "autostart", autostart) || strcmp(autostart, "no") != 0;
    carry_out(request, target, asked_user && *asked_user ? asked_user : "DEFAULT", start);
}

static int answer_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct request *request = context;
    ssize_t n = recv(fd, request->answer + request->have, ANSWER_MAX - request->have, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) {
        request->have += (size_t)n;
        if (request->have < ANSWER_MAX)
            return 0;
    }
    decide(request); /* the end, or too much: what is not a clear yes is a no */
    request_free(request);
    return 0;
}

static int ask_policy(struct request *request, const char *target)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *text = nullptr;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/policy.sock", rpc_socket_folder());
    request->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (request->fd < 0 || connect(request->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    int length =
        asprintf(&text, "source=%s\nservice=%s\ntarget=%s\n\n", request->daemon->name, request->service, target);
    if (length < 0)
        return -ENOMEM;
    ssize_t n = send(request->fd, text, (size_t)length, MSG_NOSIGNAL);
    free(text);
    if (n != length)
        return -EPIPE;
    int r = sd_event_add_io(request->daemon->event, &request->source, request->fd, EPOLLIN, answer_ready, request);
    return r < 0 ? r : 0;
}

void trigger(struct daemon *daemon, const char *untrusted_service, const char *untrusted_target,
             const struct rpc_ident *untrusted_ident)
{
    struct rpc_ident ident = *untrusted_ident;

    if (!rpc_ident_valid(ident.ident)) {
        log_error("the agent used an invalid identifier for a request");
        daemon_stop(daemon, EXIT_FAILURE);
        return;
    }
    if (!rpc_service_valid(untrusted_service) || !rpc_target_valid(untrusted_target) ||
        daemon->requests >= REQUESTS_MAX) {
        log_warning("refused a request for service '%.100s' in '%.64s'%s", untrusted_service, untrusted_target,
                    daemon->requests >= REQUESTS_MAX ? ": too many at a time" : ": not a valid name");
        refuse(daemon, &ident);
        return;
    }
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        return;
    *request = (struct request){.daemon = daemon, .fd = -1, .ident = ident, .service = strdup(untrusted_service)};
    daemon->requests++;
    int r = request->service ? ask_policy(request, untrusted_target) : -ENOMEM;
    if (r < 0) {
        log_error("%s: denied, the policy daemon cannot be asked: %s", untrusted_service, strerror(-r));
        refuse(daemon, &ident);
        request_free(request);
    }
}
