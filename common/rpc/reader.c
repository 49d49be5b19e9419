/* reader.c - see reader.h */
#include "common/rpc/reader.h"

#include <errno.h>
#include <string.h>

#define FOR(direction) (1u << (direction))

/* Everything there is: type, who may receive it, shortest and longest body. */
static const struct rule {
    enum rpc_type type;
    unsigned int directions;
    uint32_t shortest, longest;
} rules[] = {
    {RPC_STDIN, FOR(RPC_CALLER_TO_PROCESS), 0, RPC_CHUNK},
    {RPC_STDOUT, FOR(RPC_PROCESS_TO_CALLER), 0, RPC_CHUNK},
    {RPC_STDERR, FOR(RPC_PROCESS_TO_CALLER), 0, RPC_CHUNK},
    {RPC_EXIT_CODE, FOR(RPC_PROCESS_TO_CALLER), 4, 4},
    {RPC_EXEC, FOR(RPC_DAEMON_TO_AGENT) | FOR(RPC_CLIENT_TO_DAEMON) | FOR(RPC_DAEMON_TO_CLIENT), 9,
     sizeof(struct rpc_exec) + RPC_COMMAND_MAX - 9},
    {RPC_JUST_EXEC, FOR(RPC_DAEMON_TO_AGENT) | FOR(RPC_CLIENT_TO_DAEMON) | FOR(RPC_DAEMON_TO_CLIENT), 9,
     sizeof(struct rpc_exec) + RPC_COMMAND_MAX - 9},
    {RPC_SERVICE_CONNECT, FOR(RPC_DAEMON_TO_AGENT) | FOR(RPC_CLIENT_TO_DAEMON), 9, sizeof(struct rpc_exec) + 32},
    {RPC_SERVICE_REFUSED, FOR(RPC_DAEMON_TO_AGENT) | FOR(RPC_CLIENT_TO_DAEMON), sizeof(struct rpc_ident),
     sizeof(struct rpc_ident)},
    {RPC_TRIGGER_V2, FOR(RPC_AGENT_TO_DAEMON), sizeof(struct rpc_trigger_v2), sizeof(struct rpc_trigger_v2)},
    {RPC_TRIGGER, FOR(RPC_AGENT_TO_DAEMON), sizeof(struct rpc_trigger) + 2,
     sizeof(struct rpc_trigger) + RPC_SERVICE_MAX},
    {RPC_TERMINATED, FOR(RPC_AGENT_TO_DAEMON), sizeof(struct rpc_exec), sizeof(struct rpc_exec) + 1},
    {RPC_HELLO, ~0u, 4, 4},
};

void rpc_reader_init(struct rpc_reader *reader, enum rpc_direction direction)
{
    *reader = (struct rpc_reader){.direction = direction};
}

static bool header_valid(const struct rpc_reader *reader)
{
    const struct rpc_header *untrusted = &reader->header;

    if ((untrusted->type == RPC_HELLO) == reader->greeted)
        return false; /* the greeting comes first, and once */
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].type == untrusted->type)
            return (rules[i].directions & FOR(reader->direction)) && untrusted->length >= rules[i].shortest &&
                   untrusted->length <= rules[i].longest;
    return false;
}

static bool terminated(const char *text, size_t room)
{
    return memchr(text, 0, room) != nullptr;
}

/* A string that fills its place exactly. */
static bool whole_string(const char *text, size_t room)
{
    return strnlen(text, room) == room - 1;
}

static bool body_valid(const struct rpc_reader *reader)
{
    const void *body = reader->body;
    const struct rpc_exec *exec = body;
    const struct rpc_trigger *trigger = body;
    const struct rpc_trigger_v2 *v2 = body;

    switch (reader->header.type) {
    case RPC_EXEC:
    case RPC_JUST_EXEC:
    case RPC_SERVICE_CONNECT: return whole_string(exec->command, reader->header.length - sizeof(*exec));
    case RPC_SERVICE_REFUSED: return terminated(((const struct rpc_ident *)body)->ident, sizeof(struct rpc_ident));
    case RPC_TRIGGER:
        return terminated(trigger->target, sizeof(trigger->target)) &&
               terminated(trigger->ident.ident, sizeof(trigger->ident)) &&
               whole_string(trigger->service, reader->header.length - sizeof(*trigger));
    case RPC_TRIGGER_V2:
        return terminated(v2->service, sizeof(v2->service)) && terminated(v2->target, sizeof(v2->target)) &&
               terminated(v2->ident.ident, sizeof(v2->ident));
    default: return true;
    }
}

size_t rpc_reader_space(struct rpc_reader *reader, void **where)
{
    size_t header = sizeof(reader->header);

    if (reader->have < header) {
        *where = (uint8_t *)&reader->header + reader->have;
        return header - reader->have;
    }
    *where = reader->body + (reader->have - header);
    return header + reader->header.length - reader->have;
}

int rpc_reader_added(struct rpc_reader *reader, size_t bytes)
{
    size_t header = sizeof(reader->header);
    bool header_was_there = reader->have >= header;

    reader->have += bytes;
    if (reader->have < header)
        return 0;
    if (!header_was_there && !header_valid(reader))
        return -EPROTO;
    if (reader->have < header + reader->header.length)
        return 0;
    reader->body[reader->header.length] = 0;
    if (!body_valid(reader))
        return -EPROTO;
    reader->greeted = true;
    return 1;
}

void rpc_reader_next(struct rpc_reader *reader)
{
    reader->have = 0;
}
