/* presence.h - a domain's nodes in the store, and its introduction to the store daemon */
#pragma once
#include <stdint.h>
#include <xenstore.h>

#include "toolstack/domain/build.h"

struct domain_presence {
    domid_t domid;
    const char *name, *uuid; /* uuid in its text form */
    uint64_t memory_kib;
    unsigned vcpus;
    unsigned store_port, console_port;
};

/*
 * Writes /local/domain/N and /vm/UUID, readable by the domain, writable where the guest has to answer; then connects
 * the domain's ring to the store daemon. Returns 0 or a negative errno; undo with presence_remove(), also after an
 * error.
 */
[[nodiscard]] int presence_create(struct xs_handle *xs, const struct domain_presence *d);

/* Disconnects the ring and removes the nodes, those of dom0's backends for the domain as well. */
void presence_remove(struct xs_handle *xs, domid_t domid, const char *uuid);

/* Asks the guest's kernel to end: `how` is "poweroff", "halt" or "reboot". Returns 0 or a negative errno. */
[[nodiscard]] int presence_ask_shutdown(struct xs_handle *xs, domid_t domid, const char *how);
