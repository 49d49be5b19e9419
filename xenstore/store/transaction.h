/*
 * transaction.h - changes that become visible together or not at all. A transaction works on a snapshot; its commit
 * fails when anything it looked at or changed is no longer what it was at the start.
 */
#pragma once
#include "store.h"

enum change_kind {
    CHANGE_SET, /* value, permissions or existence */
    CHANGE_REMOVE,
};

enum { TOUCHED_CONTENT = 1, TOUCHED_CHILDREN = 2 };

struct touched_node {
    char *path;
    unsigned aspects;
};

struct logged_change {
    char *path;
    enum change_kind kind;
};

struct transaction {
    struct transaction *next;
    struct store *store;
    uint32_t id;       /* not 0 */
    struct node *base; /* the live tree at the start */
    struct node *root; /* the same, with this transaction's changes */
    struct ledger ledger;
    struct touched_node *touched;
    size_t touched_count;
    struct logged_change *changes;
    size_t change_count;
};

struct transaction *transaction_begin(struct store *store, uint32_t id);
/* Frees it; without a commit nothing of it remains. */
void transaction_end(struct transaction *transaction);

/* Makes its changes live and fires watches. Returns 0, EAGAIN on conflict, ENOSPC beyond quota. Then call _end(). */
int transaction_commit(struct transaction *transaction, const struct identity *who);

/* Remembers that the outcome depends on this node. ENOSPC when an unprivileged domain touches too many. */
int transaction_touch(struct transaction *transaction, const struct identity *who, const char *path, unsigned aspects);
/* Each path and kind is kept once: the commit takes the content from the end state. */
void transaction_log(struct transaction *transaction, const char *path, enum change_kind kind);
