/* reader.h - collects one message after the other from untrusted bytes
 *
 * Ask rpc_reader_space() where the next bytes go and how many are wanted at most, put some there, tell
 * rpc_reader_added(). It never wants bytes beyond the current message, and refuses a header before its body takes any
 * memory.
 */
#pragma once
#include <stddef.h>
#include "common/rpc/wire.h"

/* Who reads what: only these types are accepted, with the lengths and contents that belong to them. */
enum rpc_direction {
    RPC_DAEMON_TO_AGENT,
    RPC_AGENT_TO_DAEMON,
    RPC_CALLER_TO_PROCESS, /* data */
    RPC_PROCESS_TO_CALLER, /* data */
    RPC_CLIENT_TO_DAEMON,  /* dom0's local socket */
    RPC_DAEMON_TO_CLIENT,
};

struct rpc_reader {
    enum rpc_direction direction;
    size_t have; /* bytes of the current message, header included */
    bool greeted;
    struct rpc_header header;
    alignas(8) uint8_t body[RPC_CHUNK + 1]; /* always with a NUL behind it */
};

void rpc_reader_init(struct rpc_reader *reader, enum rpc_direction direction);

/* Where to put how many bytes. 0 if a message is complete and waits for rpc_reader_next(). */
[[nodiscard]] size_t rpc_reader_space(struct rpc_reader *reader, void **where);

/* Returns 1 if header and body now hold a checked message, 0 if more is needed, -EPROTO if the peer broke the protocol.
 */
[[nodiscard]] int rpc_reader_added(struct rpc_reader *reader, size_t bytes);

/* Done with this message. */
void rpc_reader_next(struct rpc_reader *reader);
