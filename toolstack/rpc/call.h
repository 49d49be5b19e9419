/* call.h - runs a command in a VM through its qrexec-daemon */
#pragma once
#include <stdint.h>
#include "common/rpc/wire.h"

/* Where daemons have their sockets: $QREXEC_DIR, or /run/qubes. */
[[nodiscard]] const char *rpc_socket_folder(void);

/*
 * Connects to the daemon of VM `vm`, whose name has been checked, and greets. Returns a descriptor or a negative errno;
 * -ENOENT and -ECONNREFUSED mean that the VM does not run (or not yet so far).
 */
[[nodiscard]] int rpc_connect(const char *vm);

/*
 * Sends a request: RPC_EXEC, RPC_JUST_EXEC or RPC_SERVICE_CONNECT with a domain and port (0 unless two VMs are to be
 * joined) and a command "user:command", "DEFAULT:command" or an ident. Returns 0 or a negative errno.
 */
[[nodiscard]] int rpc_request(int daemon, enum rpc_type type, uint32_t domain, uint32_t port, const char *command);

/* Says to a VM's agent that the call `ident` is refused. Returns 0 or a negative errno. */
int rpc_refuse(int daemon, const char *ident);

/* Reads the daemon's answer to RPC_EXEC or RPC_JUST_EXEC: where to meet the process. Returns 0 or a negative errno. */
[[nodiscard]] int rpc_answer(int daemon, struct rpc_exec *where);

struct rpc_call {
    const char *vm;
    const char *command; /* "user:command" */
    int in, out, err;    /* -1: none */
    bool filter_out, filter_err;
    bool owns_fds; /* close them at their ends */
};

/* One whole call over a connected daemon socket, which stays open. Returns the exit code; failures are logged. */
[[nodiscard]] int rpc_call_run(int daemon, const struct rpc_call *call);

/* Starts a command without connecting to it and without waiting for its end. Returns 0, or an exit code; failures are
 * logged. */
[[nodiscard]] int rpc_call_start(int daemon, const char *vm, const char *command);
