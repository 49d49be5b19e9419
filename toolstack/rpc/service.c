/* service.c - see service.h */
#include "toolstack/rpc/service.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/process.h"
#include "common/rpc/pump.h"
#include "common/rpc/words.h"
#include "toolstack/rpc/await.h"
#include "toolstack/rpc/call.h"

int service_in_vm(int source, unsigned int domain, const char *ident, const char *vm, bool wait, const char *command)
{
    struct rpc_exec where;
    int target = wait ? await_daemon(vm) : rpc_connect(vm);

    if (target < 0) {
        log_error("'%s' does not run, or its agent has not started yet", vm);
        return RPC_EXIT_FAILURE;
    }
    int r = rpc_request(target, RPC_EXEC, domain, 0, command);
    if (r == 0)
        r = rpc_answer(target, &where);
    if (r == 0)
        r = rpc_request(source, RPC_SERVICE_CONNECT, where.domain, where.port, ident);
    close(target);
    return r < 0 ? RPC_EXIT_FAILURE : 0;
}

int service_in_dom0(int source, unsigned int domain, const char *ident, const char *command)
{
    struct rpc_command parsed;
    struct rpc_exec where;

    if (rpc_command_parse(command, &parsed) < 0)
        return RPC_EXIT_FAILURE;
    int r = rpc_request(source, RPC_SERVICE_CONNECT, 0, 0, ident);
    if (r == 0)
        r = rpc_answer(source, &where);
    if (r == 0) {
        /* dom0's services run as this user: the daemon's, which is root. */
        r = rpc_process_serve(&parsed, (int)where.domain, (int)where.port, true);
        if (r < 0)
            log_error("service %s for '%s': %s", parsed.service, parsed.source, strerror(-r));
        r = 0; /* the caller knows: its channel has ended */
    }
    rpc_command_free(&parsed);
    return r < 0 ? RPC_EXIT_FAILURE : 0;
}
