/* daemon.c - policy-daemon: answers "may this VM call that service there?" on $QREXEC_DIR/policy.sock
 *
 * A request is lines source=, service= and target= and an empty line; the answer is lines result=allow or result=deny,
 * and for allow target=, user= (if a rule gives one) and autostart=. Each is a process of its own that reads the policy
 * anew, so a change of the files counts at once and nothing lasts from one request to the next.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/words.h"
#include "policy/policy.h"

enum { CHILDREN_MAX = 16, REQUEST_SECONDS = 20, REQUEST_MAX = 66000 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    stopped = true;
}

/* Reads up to the empty line. */
static bool read_request(int fd, char *text)
{
    size_t have = 0;

    while (have < REQUEST_MAX) {
        ssize_t n = recv(fd, text + have, REQUEST_MAX - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        text[have] = 0;
        if (have >= 2 && strcmp(text + have - 2, "\n\n") == 0)
            return true;
    }
    return false;
}

static bool split_request(char *text, struct policy_request *request)
{
    char *line;

    while ((line = strsep(&text, "\n"))) {
        if (strncmp(line, "source=", 7) == 0)
            request->source = line + 7;
        else if (strncmp(line, "service=", 8) == 0)
            request->service = line + 8;
        else if (strncmp(line, "target=", 7) == 0)
            request->target = line + 7;
        else if (*line)
            return false;
    }
    return request->source && request->service && request->target && rpc_service_valid(request->service) &&
           rpc_target_valid(request->target);
}

/* What is not a clear yes is a no; the reason goes to the log, not to the caller. */
static struct policy_verdict judge(const struct policy_request *request, struct policy *policy,
                                   struct policy_system *system)
{
    const char *folders = secure_getenv("QREXEC_POLICY_DIRS");
    char error[POLICY_ERROR_SIZE] = "";

    if (policy_load(policy, folders ? folders : "/run/qubes/policy.d:/etc/qubes/policy.d", error) < 0) {
        log_error("the policy is invalid, everything is denied: %s", error);
        return (struct policy_verdict){.reason = "the policy is invalid"};
    }
    if (policy_system_load(system, error) < 0) {
        log_error("%s; everything is denied", error);
        return (struct policy_verdict){.reason = "the VMs are unknown"};
    }
    return policy_evaluate(policy, system, request);
}

static void answer(int fd, const struct policy_request *request)
{
    struct policy policy = {};
    struct policy_system system = {};
    struct policy_verdict v = judge(request, &policy, &system);
    const char *file = v.rule ? v.rule->file : "policy";

    if (v.allowed) {
        log_info("%s from %s to %s: allowed to %s (%s:%u)", request->service, request->source, request->target,
                 v.target, file, v.rule->line);
        dprintf(fd, "result=allow\ntarget=%s\n%s%s%sautostart=%s\n", v.target, v.user ? "user=" : "",
                v.user ? v.user : "", v.user ? "\n" : "", v.autostart ? "yes" : "no");
    } else {
        log_info("%s from %s to %s: denied, %s (%s:%u)", request->service, request->source, request->target, v.reason,
                 file, v.rule ? v.rule->line : 0);
        dprintf(fd, "result=deny\n");
    }
    policy_system_free(&system);
    policy_free(&policy);
}

static void serve(int fd)
{
    static char text[REQUEST_MAX + 1];
    struct policy_request request = {};

    signal(SIGTERM, SIG_DFL);
    alarm(REQUEST_SECONDS); /* no answer is a denial */
    if (read_request(fd, text) && split_request(text, &request))
        answer(fd, &request);
    else
        dprintf(fd, "result=deny\n");
}

static int listen_at(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/policy.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || n >= (int)sizeof(address.sun_path) || (mkdir(folder, 0755) < 0 && errno != EEXIST))
        return -1;
    unlink(address.sun_path);
    mode_t mask = umask(0177);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(mask);
    return r < 0 || listen(fd, 64) < 0 ? -1 : fd;
}

int main(void)
{
    const char *folder = secure_getenv("QREXEC_DIR");
    struct sigaction action = {.sa_handler = stop}; /* without SA_RESTART: it ends accept() */
    int children = 0;

    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_at(folder ? folder : "/run/qubes");
    if (listener < 0) {
        log_error("cannot listen: %m");
        return EXIT_FAILURE;
    }
    sd_notify(0, "READY=1");
    while (!stopped) {
        int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);

        /* Those that have ended, and one more if there are too many. */
        while (children > 0 && waitpid(-1, nullptr, children < CHILDREN_MAX ? WNOHANG : 0) > 0)
            children--;
        if (fd < 0)
            continue;
        pid_t pid = fork();
        if (pid == 0) {
            serve(fd);
            _exit(0);
        }
        children += pid > 0;
        close(fd);
    }
    return EXIT_SUCCESS;
}
