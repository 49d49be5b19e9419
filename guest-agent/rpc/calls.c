/* calls.c - the agent's calls, each a child process */
#include "guest-agent/rpc/agent.h"

#include <errno.h>
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

[[noreturn]] static void child(const struct rpc_exec *exec)
{
    struct rpc_command command;
    sigset_t none;

    /* The pump waits for its own children and dies by SIGTERM as usual. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    int r = rpc_command_parse(exec->command, &command);
    if (r == 0)
        r = rpc_process_serve(&command, (int)exec->domain, (int)exec->port, false);
    if (r < 0)
        log_warning("a call from domain %u ended early: %s", exec->domain, strerror(-r));
    _exit(r < 0);
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
