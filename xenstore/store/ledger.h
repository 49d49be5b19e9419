/* ledger.h - what each domain's nodes cost; the live tree has one, and each transaction has one for its differences */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

struct ledger_entry {
    domid_t domid;
    long nodes;
    long bytes;
};

struct ledger {
    struct ledger_entry *entries;
    size_t count;
};

void ledger_add(struct ledger *ledger, domid_t domid, long nodes, long bytes);
/* All zero for a domain that has nothing. */
struct ledger_entry ledger_of(const struct ledger *ledger, domid_t domid);
void ledger_forget(struct ledger *ledger, domid_t domid);
void ledger_free(struct ledger *ledger);
