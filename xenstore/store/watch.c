#include "watch.h"
#include "connection.h"
#include "memory.h"
#include "path.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool readable(const struct node *node, const struct identity *who)
{
    return node && (permissions_of(&node->permissions, who) & ACCESS_READ);
}

/* May `who` learn that `path` changed? Existence is the parent's secret, the rest the node's own. */
static bool permitted(const struct node *before, const struct node *after, const char *path, const struct identity *who)
{
    const struct node *old = node_find(before, path), *new = node_find(after, path);
    char parent[PATH_BYTES];

    if (readable(old, who) || readable(new, who))
        return true;
    if (!old == !new || !path_parent(path, parent))
        return false;
    return readable(node_find(before, parent), who) || readable(node_find(after, parent), who);
}

static void send_event(struct watch *watch, const char *path)
{
    size_t skip = watch->relative ? path_home_prefix(path, watch->connection->who.domid) : 0;

    connection_event(watch->connection, watch, path + skip);
}

/* The path to report to this watch, or NULL when the change does not concern it. */
static const char *concern(const struct watch *watch, const struct node *before, const struct node *after,
                           const char *path)
{
    if (path_is_within(path, watch->path))
        return path;
    /* Below something removed: its own path is what went away. */
    if (path_is_within(watch->path, path) && node_find(before, watch->path) && !node_find(after, watch->path))
        return watch->path;
    return NULL;
}

void watches_fire(struct store *store, const struct node *before, const struct node *after, const char *path)
{
    if (!node_find(before, path) && !node_find(after, path))
        return;
    for (struct watch *watch = store->watches; watch; watch = watch->next) {
        const char *reported = concern(watch, before, after, path);

        if (reported && permitted(before, after, reported, &watch->connection->who))
            send_event(watch, reported);
    }
}

void watches_fire_special(struct store *store, const char *path)
{
    const struct permissions *permissions = store_special(store, path);

    for (struct watch *watch = store->watches; watch; watch = watch->next)
        if (strcmp(watch->path, path) == 0 && (permissions_of(permissions, &watch->connection->who) & ACCESS_READ))
            send_event(watch, path);
}

static struct watch **find(struct store *store, const struct connection *connection, const char *path,
                           const char *token)
{
    struct watch **slot = &store->watches;

    for (; *slot; slot = &(*slot)->next)
        if ((*slot)->connection == connection && strcmp((*slot)->path, path) == 0 && strcmp((*slot)->token, token) == 0)
            return slot;
    return NULL;
}

static long cost(const struct watch *watch)
{
    return (long)(sizeof(*watch) + strlen(watch->path) + strlen(watch->token) + 2);
}

static int check_quota(const struct store *store, const struct connection *connection, const struct watch *watch)
{
    if (identity_is_privileged(&connection->who))
        return 0;
    if (connection->watch_count >= store->quota.watches)
        return ENOSPC;
    return connection_bytes(connection) + cost(watch) > store->quota.bytes ? ENOSPC : 0;
}

static void destroy(struct watch *watch)
{
    free(watch->path);
    free(watch->token);
    free(watch);
}

int watch_add(struct store *store, struct connection *connection, const char *untrusted_path, const char *token)
{
    char path[PATH_BYTES];
    struct watch *watch;
    int error;

    if (!connection_path(connection, untrusted_path, path))
        return EINVAL;
    if (path_is_special(path) && !store_special(store, path))
        return EINVAL;
    if (find(store, connection, path, token))
        return EEXIST;
    watch = must_alloc(sizeof(*watch));
    watch->connection = connection;
    watch->path = must_copy_string(path);
    watch->token = must_copy_string(token);
    watch->relative = untrusted_path[0] != '/' && !path_is_special(path);
    error = check_quota(store, connection, watch);
    if (error) {
        destroy(watch);
        return error;
    }
    connection->watch_count++;
    connection->watch_bytes += cost(watch);
    *store->watches_end = watch;
    store->watches_end = &watch->next;
    return 0;
}

void watch_fire_first(struct store *store, struct connection *connection)
{
    struct watch *watch = store->watches;

    while (watch->next)
        watch = watch->next;
    send_event(watch, watch->path);
}

static void unlink_watch(struct store *store, struct watch **slot)
{
    struct watch *watch = *slot;

    *slot = watch->next;
    if (!*slot)
        store->watches_end = slot;
    watch->connection->watch_count--;
    watch->connection->watch_bytes -= cost(watch);
    connection_drop_events(watch->connection, watch);
    destroy(watch);
}

int watch_remove(struct store *store, struct connection *connection, const char *untrusted_path, const char *token)
{
    char path[PATH_BYTES];
    struct watch **slot;

    if (!connection_path(connection, untrusted_path, path))
        return EINVAL;
    slot = find(store, connection, path, token);
    if (!slot)
        return ENOENT;
    unlink_watch(store, slot);
    return 0;
}

void watches_remove_all(struct store *store, struct connection *connection)
{
    struct watch **slot = &store->watches;

    while (*slot) {
        if ((*slot)->connection == connection)
            unlink_watch(store, slot);
        else
            slot = &(*slot)->next;
    }
}
