/* wire.h - the messages of qrexec's protocol version 3, between dom0 and VMs and between programs of one domain
 *
 * A message is a header and `length` bytes. Control messages travel between a VM's qrexec-agent and dom0's
 * qrexec-daemon on port 512, and between the daemon and its local clients on a socket. Each call has a channel of its
 * own for its data. All numbers are little-endian as the CPU has them.
 */
#pragma once
#include <stdint.h>

enum : uint32_t {
    RPC_VERSION = 3,
    RPC_VERSION_MIN = 2,
    RPC_CHUNK_V2 = 4096, /* largest data message of version 2 */
    RPC_CHUNK = 65536,   /* of version 3 */
    RPC_CONTROL_PORT = 512,
    RPC_FIRST_PORT = 513, /* for data */
    RPC_CALLS_MAX = 256,  /* at a time, per VM */
    RPC_BUFFER = 65536,
    RPC_COMMAND_MAX = 65535, /* with the NUL */
    RPC_SERVICE_MAX = 65000, /* with the NUL */
};

enum rpc_type : uint32_t {
    /* data */
    RPC_STDIN = 0x190, /* to the process; no bytes: end of file */
    RPC_STDOUT = 0x191,
    RPC_STDERR = 0x192,
    RPC_EXIT_CODE = 0x193, /* uint32_t */
    /* dom0 to VM; the first two also client to daemon, and EXEC back to it, with where to meet the process */
    RPC_EXEC = 0x200,      /* struct rpc_exec: run, with a data channel */
    RPC_JUST_EXEC = 0x201, /* struct rpc_exec: run without one */
    RPC_SERVICE_CONNECT =
        0x202, /* struct rpc_exec with an ident as command: the call you asked for, here is its channel */
    RPC_SERVICE_REFUSED = 0x203, /* struct rpc_ident */
    /* VM to dom0 */
    RPC_TRIGGER_V2 = 0x210, /* struct rpc_trigger_v2: ask for a service */
    RPC_TERMINATED = 0x211, /* struct rpc_exec without a command: this data port is free again */
    RPC_TRIGGER = 0x212,    /* struct rpc_trigger */
    /* both, the first message of every channel */
    RPC_HELLO = 0x300, /* uint32_t version */
};

struct rpc_header {
    uint32_t type;
    uint32_t length;
};

struct rpc_exec {
    uint32_t domain; /* whom to connect to for the data */
    uint32_t port;
    char command[]; /* with NUL */
};

struct rpc_ident {
    char ident[32]; /* chosen by the one who asks, with NUL */
};

struct rpc_trigger {
    char target[64]; /* with NUL; empty: the policy shall choose */
    struct rpc_ident ident;
    char service[]; /* with argument, with NUL */
};

struct rpc_trigger_v2 {
    char service[64];
    char target[32];
    struct rpc_ident ident;
};

/* Exit codes that are not the command's own. */
enum { RPC_EXIT_FAILURE = 125, RPC_EXIT_REFUSED = 126, RPC_EXIT_NOT_FOUND = 127 };
