#include "ledger.h"
#include "memory.h"
#include <stdlib.h>

static struct ledger_entry *find(const struct ledger *ledger, domid_t domid)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->entries[i].domid == domid)
            return &ledger->entries[i];
    return NULL;
}

void ledger_add(struct ledger *ledger, domid_t domid, long nodes, long bytes)
{
    struct ledger_entry *entry = find(ledger, domid);

    if (!entry) {
        ledger->entries = must_grow(ledger->entries, (ledger->count + 1) * sizeof(*entry));
        entry = &ledger->entries[ledger->count++];
        *entry = (struct ledger_entry){.domid = domid};
    }
    entry->nodes += nodes;
    entry->bytes += bytes;
}

struct ledger_entry ledger_of(const struct ledger *ledger, domid_t domid)
{
    const struct ledger_entry *entry = find(ledger, domid);

    return entry ? *entry : (struct ledger_entry){.domid = domid};
}

void ledger_forget(struct ledger *ledger, domid_t domid)
{
    struct ledger_entry *entry = find(ledger, domid);

    if (entry)
        *entry = ledger->entries[--ledger->count];
}

void ledger_free(struct ledger *ledger)
{
    free(ledger->entries);
    *ledger = (struct ledger){0};
}
