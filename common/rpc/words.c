/* words.c - see words.h */
#include "common/rpc/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/rpc/wire.h"

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool rpc_service_valid(const char *text)
{
    size_t name = strspn(text, LETTERS_DIGITS "._-");
    size_t length = strlen(text);

    if (name == 0 || length >= RPC_SERVICE_MAX || text[0] == '.')
        return false;
    return name == length || (text[name] == '+' && name + strspn(text + name, LETTERS_DIGITS "._-+") == length);
}

bool rpc_target_valid(const char *text)
{
    return strlen(text) < 64 && text[strspn(text, LETTERS_DIGITS "@:._-")] == 0;
}

bool rpc_ident_valid(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length < sizeof(struct rpc_ident) && text[strspn(text, LETTERS_DIGITS)] == 0;
}

/* Copies the next word. Returns what follows the blank behind it, or null if it is too long or empty. */
static const char *next_word(const char *text, char *out, size_t room)
{
    size_t length = strcspn(text, " ");

    if (length == 0 || length >= room)
        return nullptr;
    memcpy(out, text, length);
    out[length] = 0;
    return text + length + (text[length] == ' ');
}

static int parse_service(const char *text, struct rpc_command *out)
{
    char type[65];

    out->service = malloc(RPC_SERVICE_MAX);
    if (!out->service)
        return -ENOMEM;
    text = next_word(text, out->service, RPC_SERVICE_MAX);
    if (text)
        text = next_word(text, out->source, sizeof(out->source));
    if (!text || !rpc_service_valid(out->service) || !rpc_target_valid(out->source))
        return -EINVAL;
    if (*text && (text = next_word(text, type, sizeof(type))) && *text &&
        !next_word(text, out->target, sizeof(out->target)))
        return -EINVAL;
    return text && rpc_target_valid(out->target) ? 0 : -EINVAL;
}

int rpc_command_parse(const char *text, struct rpc_command *out)
{
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;

    *out = (struct rpc_command){};
    if (length == 0 || length >= sizeof(out->user))
        return -EINVAL;
    memcpy(out->user, text, length);
    text = colon + 1;
    if (strncmp(text, "nogui:", 6) == 0) {
        out->no_gui = true;
        text += 6;
    }
    if (strncmp(text, "QUBESRPC ", 9) != 0) {
        out->command = text;
        return 0;
    }
    int r = parse_service(text + 9, out);
    if (r < 0)
        rpc_command_free(out);
    return r;
}

void rpc_command_free(struct rpc_command *command)
{
    free(command->service);
    command->service = nullptr;
}
