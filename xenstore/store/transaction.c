#include "transaction.h"
#include "memory.h"
#include "view.h"
#include "watch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct transaction *transaction_begin(struct store *store, uint32_t id)
{
    struct transaction *transaction = must_alloc(sizeof(*transaction));

    transaction->store = store;
    transaction->id = id;
    transaction->base = node_ref(store->root);
    transaction->root = node_ref(store->root);
    return transaction;
}

void transaction_end(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->touched_count; i++)
        free(transaction->touched[i].path);
    for (size_t i = 0; i < transaction->change_count; i++)
        free(transaction->changes[i].path);
    free(transaction->touched);
    free(transaction->changes);
    ledger_free(&transaction->ledger);
    node_unref(transaction->base);
    node_unref(transaction->root);
    free(transaction);
}

int transaction_touch(struct transaction *transaction, const struct identity *who, const char *path, unsigned aspects)
{
    for (size_t i = 0; i < transaction->touched_count; i++) {
        if (strcmp(transaction->touched[i].path, path) == 0) {
            transaction->touched[i].aspects |= aspects;
            return 0;
        }
    }
    if (!identity_is_privileged(who) && (long)transaction->touched_count >= transaction->store->quota.transaction_nodes)
        return ENOSPC;
    transaction->touched =
        must_grow(transaction->touched, (transaction->touched_count + 1) * sizeof(*transaction->touched));
    transaction->touched[transaction->touched_count++] = (struct touched_node){must_copy_string(path), aspects};
    return 0;
}

void transaction_log(struct transaction *transaction, const char *path, enum change_kind kind)
{
    for (size_t i = 0; i < transaction->change_count; i++)
        if (transaction->changes[i].kind == kind && strcmp(transaction->changes[i].path, path) == 0)
            return;
    transaction->changes =
        must_grow(transaction->changes, (transaction->change_count + 1) * sizeof(*transaction->changes));
    transaction->changes[transaction->change_count++] = (struct logged_change){must_copy_string(path), kind};
}

static bool unchanged(const struct transaction *transaction, const struct touched_node *touched)
{
    const struct node *then = node_find(transaction->base, touched->path);
    const struct node *now = node_find(transaction->store->root, touched->path);

    if (!then || !now)
        return then == now;
    if (then == now)
        return true;
    return ((touched->aspects & TOUCHED_CONTENT) == 0 || then->changed == now->changed) &&
           ((touched->aspects & TOUCHED_CHILDREN) == 0 || then->relisted == now->relisted);
}

static bool conflicts(const struct transaction *transaction)
{
    if (transaction->base == transaction->store->root)
        return false;
    for (size_t i = 0; i < transaction->touched_count; i++)
        if (!unchanged(transaction, &transaction->touched[i]))
            return true;
    return false;
}

static bool exceeds_quota(const struct transaction *transaction)
{
    const struct store *store = transaction->store;

    for (size_t i = 0; i < transaction->ledger.count; i++) {
        const struct ledger_entry *more = &transaction->ledger.entries[i];
        struct ledger_entry held = ledger_of(&store->ledger, more->domid);

        if (more->domid == 0)
            continue;
        if ((more->nodes > 0 && held.nodes + more->nodes > store->quota.nodes) ||
            (more->bytes > 0 && held.bytes + more->bytes > store->quota.bytes))
            return true;
    }
    return false;
}

/* First everything that was removed goes, then everything that exists at the end comes: so the order within each does
 * not matter, and what was removed and made again is right too. */
static void replay(const struct transaction *transaction)
{
    struct view live = view_live(transaction->store);

    transaction->store->generation++;
    for (size_t i = 0; i < transaction->change_count; i++)
        if (transaction->changes[i].kind == CHANGE_REMOVE)
            view_drop(&live, transaction->changes[i].path);
    for (size_t i = 0; i < transaction->change_count; i++)
        if (transaction->changes[i].kind == CHANGE_SET)
            view_put(&live, transaction->changes[i].path, transaction->root);
}

int transaction_commit(struct transaction *transaction, const struct identity *who)
{
    struct store *store = transaction->store;
    struct node *before;

    if (conflicts(transaction))
        return EAGAIN;
    if (!identity_is_privileged(who) && exceeds_quota(transaction))
        return ENOSPC;
    before = node_ref(store->root);
    replay(transaction);
    for (size_t i = 0; i < transaction->change_count; i++)
        watches_fire(store, before, store->root, transaction->changes[i].path);
    node_unref(before);
    return 0;
}
