/* local.h - between qrexec-client-vm and the agent: one packet each way on a SOCK_SEQPACKET socket
 *
 * The request is a struct rpc_trigger (ident unused) with the service's name, and carries the three standard
 * descriptors. The answer is the exit code. So programs need no access to the hypervisor's devices.
 */
#pragma once
#include <stdint.h>

#define RPC_AGENT_SOCKET "/run/qubes/qrexec-agent.sock" /* or $QREXEC_AGENT_SOCKET, for tests */

struct rpc_local_answer {
    uint32_t exit_code;
};
