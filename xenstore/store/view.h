/*
 * view.h - what a request sees and changes: the live tree, or the snapshot of its transaction. Checks permissions and
 * quotas, keeps the ledger, and tells watches (at once in the live tree, at the commit in a transaction).
 * Paths are valid, absolute and not special. Functions return 0 or an errno value (positive), and then changed nothing.
 */
#pragma once
#include "store.h"

struct transaction;

struct view {
    struct store *store;
    struct transaction *transaction; /* NULL: the live tree */
    struct node **root;
    struct ledger *ledger;
};

struct view view_live(struct store *store);
struct view view_of(struct store *store, struct transaction *transaction);

/* Finds a node for reading. `need` is an access mask; `listing` says that the answer depends on the set of children. */
int view_get(const struct view *view, const struct identity *who, const char *path, unsigned need, bool listing,
             const struct node **node);
int view_write(const struct view *view, const struct identity *who, const char *path, const void *value, size_t bytes);
int view_make(const struct view *view, const struct identity *who, const char *path);
int view_remove(const struct view *view, const struct identity *who, const char *path);
int view_set_permissions(const struct view *view, const struct identity *who, const char *path,
                         const struct permissions *permissions);

/* Without checks, log or watches, for the commit of a transaction: makes the node at `path`, with the parents it lacks,
 * what it is in the tree `from` (nothing happens when it is not there); removes it with all below it. */
void view_put(const struct view *view, const char *path, const struct node *from);
void view_drop(const struct view *view, const char *path);
