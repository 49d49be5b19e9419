/* guests.h - the rings of guests and of dom0's own kernel: mapping, events, and what became of the domains */
#pragma once
#include <systemd/sd-event.h>

#include "store.h"

struct guests;

/*
 * Connects to the hypervisor and to this domain's kernel, whose xenbus waits for it. Fills `host`, which must be the
 * store's. Returns 0, or a negative errno after it has logged what is wrong.
 */
[[nodiscard]] int guests_create(struct guests **out, sd_event *event, struct store_host *host);
/* The second half: needs the store made with that host. */
[[nodiscard]] int guests_start(struct guests *guests, struct store *store);
