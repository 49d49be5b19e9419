/* await.h - a VM that is starting: when its agent answers */
#pragma once

/*
 * Connects to the daemon of `vm`, waiting while the VM runs but its agent has not answered yet. Returns a descriptor,
 * or a negative errno: -ENOTCONN if the VM stopped meanwhile, -ETIMEDOUT after some minutes.
 */
[[nodiscard]] int await_daemon(const char *vm);
