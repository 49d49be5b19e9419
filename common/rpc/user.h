/* user.h - becomes the user of a call and runs its command or service */
#pragma once
#include "common/rpc/words.h"

/*
 * In a child whose standard descriptors are those of the call: changes to the command's user (unless `as_self`), sets
 * up a login environment and executes. Exits with 125 if that fails, 127 if there is no such service, after a line on
 * standard error.
 */
[[noreturn]] void user_run(const struct rpc_command *command, bool as_self);
