/* service.h - carries out a service call of a VM that the policy has allowed */
#pragma once

/*
 * `source` is a socket to the daemon of the caller, domain number `domain`; `ident` is its request; `command` is
 * "USER:QUBESRPC SERVICE CALLER"; with `wait` the target may still be starting. Both return 0 if the caller got its
 * answer, or an exit code if it must be refused.
 */
[[nodiscard]] int service_in_vm(int source, unsigned int domain, const char *ident, const char *vm, bool wait,
                                const char *command);

/* The same for a service of dom0; returns when it has ended. */
[[nodiscard]] int service_in_dom0(int source, unsigned int domain, const char *ident, const char *command);
