/* calls.c - the agent's calls, each a child process */
#include "guest-agent/rpc/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/process.h"

struct call {
    struct agent *agent;
    struct rpc_exec where;
};

static int call_ended(sd_event_source *source, const siginfo_t *info, void *context)
{
    struct call *call = context;

    agent_tell_daemon(call->agent, RPC_TERMINATED, &call->where, sizeof(call->where), nullptr, 0);
    sd_event_source_unref(source);
    free(call);
    return 0;
}

/*
 * Executes this program anew: a mere fork would hold the memory and descriptors of the agent, its channel to dom0 among
 * them, and dom0 would not notice if the agent died.
 */
[[noreturn]] static void child(const struct rpc_exec *exec)
{
    char domain[12], port[12];
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    snprintf(domain, sizeof(domain), "%u", exec->domain);
    snprintf(port, sizeof(port), "%u", exec->port);
    execl("/proc/self/exe", "qrexec-agent", "--call", domain, port, exec->command, nullptr);
    _exit(RPC_EXIT_FAILURE);
}

int calls_serve(const char *domain, const char *port, const char *text)
{
    struct rpc_command command;
    int r = rpc_command_parse(text, &command);

    if (r == 0)
        r = rpc_process_serve(&command, atoi(domain), atoi(port), false);
    if (r < 0)
        log_warning("a call from domain %s ended early: %s", domain, strerror(-r));
    rpc_command_free(&command);
    return r < 0;
}

int calls_start(struct agent *agent, const struct rpc_exec *exec)
{
    struct call *call = calloc(1, sizeof(*call));
    pid_t pid = call ? fork() : -1;

    if (pid == 0)
        child(exec);
    if (pid > 0) {
        *call = (struct call){.agent = agent, .where = {.domain = exec->domain, .port = exec->port}};
        sd_event_source *source;
        if (sd_event_add_child(agent->event, &source, pid, WEXITED, call_ended, call) >= 0)
            return 0;
    }
    log_error("cannot start a call: %s", strerror(errno));
    agent_tell_daemon(agent, RPC_TERMINATED, exec, sizeof(*exec), nullptr, 0);
    free(call);
    return 0;
}

void calls_start_detached(const struct rpc_exec *exec)
{
    struct rpc_command command;
    int r = rpc_command_parse(exec->command, &command);

    if (r == 0)
        r = rpc_process_detach(&command);
    if (r < 0)
        log_warning("cannot run a command: %s", strerror(-r));
    rpc_command_free(&command);
}
