/* store_write.h - formatted writes into the store, with permissions */
#pragma once
#include <stdbool.h>
#include <xenstore.h>

enum store_access { STORE_GUEST_READS, STORE_GUEST_OWNS };

/* Writes of one transaction to nodes for one guest; the first failure is kept and the rest skipped. */
struct store_writer {
    struct xs_handle *xs;
    xs_transaction_t transaction;
    unsigned guest;
    int error; /* negative errno of the first failure */
};

/* Writes `format...` to base/path, for the guest to read or to own. */
[[gnu::format(printf, 5, 6)]] void store_put(struct store_writer *w, enum store_access access, const char *base,
                                             const char *path, const char *format, ...);
