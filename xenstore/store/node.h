/*
 * node.h - the tree. Nodes are shared between the live tree and the snapshots of transactions, and copied when one of
 * them changes: taking a snapshot is one reference on the root.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "permissions.h"

struct node {
    uint32_t refs;
    uint32_t value_bytes;
    uint32_t child_count;
    uint32_t child_room;
    uint64_t changed;  /* generation of the last change of value or permissions */
    uint64_t relisted; /* generation of the last change of the set of children's names */
    struct permissions permissions;
    char *value;
    struct node **children; /* sorted by name */
    char name[];
};

/* A node without parent; the caller's list of permissions moves into it. */
[[nodiscard]] struct node *node_create(const char *name, size_t name_bytes, struct permissions permissions,
                                       uint64_t generation);
struct node *node_ref(struct node *node);
void node_unref(struct node *node); /* NULL is fine */

/* The node at a valid absolute path below `root`, or NULL. Never changes anything. */
const struct node *node_find(const struct node *root, const char *path);

/* Like node_find(), but every node on the way becomes private to this root, so that the result may be changed. */
struct node *node_edit(struct node **root, const char *path);

/* The first `bytes` bytes of the path to the deepest node that exists; at least "/". */
const struct node *node_nearest(const struct node *root, const char *path, size_t *bytes);

void node_set_value(struct node *editable, const void *value, size_t bytes, uint64_t generation);
void node_set_permissions(struct node *editable, const struct permissions *permissions, uint64_t generation);
/* Takes over the reference on `child`, whose name must be new in `editable`. */
void node_add_child(struct node *editable, struct node *child, uint64_t generation);
/* False when there is no such child. */
bool node_remove_child(struct node *editable, const char *name, uint64_t generation);

/* What this node, without its children, costs its owner. */
size_t node_cost(const struct node *node);

/* Calls `visit` for the node and all below it, parents first. */
void node_walk(const struct node *node, void (*visit)(const struct node *node, void *context), void *context);
