/* words.h - names and command lines of calls: what they may look like, and their parts */
#pragma once
#include <stddef.h>

/* "SERVICE" or "SERVICE+ARGUMENT": letters, digits and . _ - in the service, these and + in the argument; nothing else.
 */
[[nodiscard]] bool rpc_service_valid(const char *text);

/* A VM's name, "dom0", a word such as "@dispvm:NAME" or "@default", or nothing. */
[[nodiscard]] bool rpc_target_valid(const char *text);

/* What names a pending request: "SOCKET" and digits, letters. */
[[nodiscard]] bool rpc_ident_valid(const char *text);

/* "USER:COMMAND", where COMMAND may start with "nogui:" and may be "QUBESRPC SERVICE SOURCE [TARGETTYPE [TARGET]]". */
struct rpc_command {
    char user[33];
    bool no_gui;
    const char *command; /* for the shell; null if it is a service */
    char *service;       /* with argument */
    char source[65];     /* who calls, as dom0 says */
    char target[65];     /* what the caller asked for, or empty */
};

/* Takes `text` apart. Returns 0 or -EINVAL. `command` points into `text`; free with rpc_command_free(). */
[[nodiscard]] int rpc_command_parse(const char *text, struct rpc_command *out);
void rpc_command_free(struct rpc_command *command);
