/* process.h - starts what a call asks for, as its user, and serves it on the call's channel */
#pragma once
#include "common/rpc/words.h"

/*
 * Connects to `port` of `domain`, runs the command or service there, and returns when it is over; waits for the user's
 * Wayland socket first, unless the command says nogui. Children are reaped: no other thread may wait for them. With
 * `as_self` the user is not changed. Returns 0 or a negative errno (the caller is gone, or broke the protocol).
 */
[[nodiscard]] int rpc_process_serve(const struct rpc_command *command, int domain, int port, bool as_self);

/* Runs the command with /dev/null as standard descriptors and does not wait. Returns 0 or a negative errno. */
[[nodiscard]] int rpc_process_detach(const struct rpc_command *command);
