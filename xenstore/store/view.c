#include "view.h"
#include "path.h"
#include "transaction.h"
#include "watch.h"
#include <errno.h>
#include <string.h>

struct view view_live(struct store *store)
{
    return (struct view){store, NULL, &store->root, &store->ledger};
}

struct view view_of(struct store *store, struct transaction *transaction)
{
    if (!transaction)
        return view_live(store);
    return (struct view){store, transaction, &transaction->root, &transaction->ledger};
}

static int touch(const struct view *view, const struct identity *who, const char *path, unsigned aspects)
{
    return view->transaction ? transaction_touch(view->transaction, who, path, aspects) : 0;
}

int view_get(const struct view *view, const struct identity *who, const char *path, unsigned need, bool listing,
             const struct node **node)
{
    size_t bytes;
    const struct node *nearest = node_nearest(*view->root, path, &bytes);
    bool exists = bytes == strlen(path);
    int error = touch(view, who, path, TOUCHED_CONTENT | (listing ? TOUCHED_CHILDREN : 0));

    if (error)
        return error;
    /* A name that is missing below a parent that may not be read tells nothing about what is there. */
    if ((permissions_of(&nearest->permissions, who) & need) != need)
        return EACCES;
    if (!exists)
        return ENOENT;
    *node = nearest;
    return 0;
}

/* Adds the cost of a node to its owner, or takes it back. */
static void charge(const struct view *view, const struct node *node, long sign)
{
    ledger_add(view->ledger, node->permissions.entries[0].domid, sign, sign * (long)node_cost(node));
}

static int check_quota(const struct view *view, const struct identity *who, domid_t owner, long nodes, long bytes)
{
    struct ledger_entry held = ledger_of(&view->store->ledger, owner), more = {0};
    const struct quota *quota = &view->store->quota;

    if (identity_is_privileged(who) || owner == 0)
        return 0;
    if (view->transaction)
        more = ledger_of(view->ledger, owner);
    if (nodes > 0 && held.nodes + more.nodes + nodes > quota->nodes)
        return ENOSPC;
    return bytes > 0 && held.bytes + more.bytes + bytes > quota->bytes ? ENOSPC : 0;
}

static int check_size(const struct view *view, const struct identity *who, size_t value_bytes, uint32_t permissions)
{
    const struct quota *quota = &view->store->quota;

    if (identity_is_privileged(who))
        return 0;
    if ((long)permissions > quota->permissions)
        return ENOSPC;
    return (long)(value_bytes + permissions * sizeof(struct permission)) > quota->node_bytes ? ENOSPC : 0;
}

/* Before and after a change: in the live tree watches see it at once, a transaction remembers it. */
struct change {
    const struct view *view;
    struct node *before;
};

static struct change begin_change(const struct view *view)
{
    view->store->generation++;
    return (struct change){view, view->transaction ? NULL : node_ref(*view->root)};
}

static void end_change(struct change *change, const char *path, enum change_kind kind)
{
    const struct view *view = change->view;

    if (view->transaction) {
        transaction_log(view->transaction, path, kind);
        return;
    }
    watches_fire(view->store, change->before, *view->root, path);
    node_unref(change->before);
}

/* Creates the node, whose parent exists. */
static void add_node(const struct view *view, const char *path, struct permissions permissions)
{
    char parent[PATH_BYTES];
    const char *name = strrchr(path, '/') + 1;
    struct node *node = node_create(name, strlen(name), permissions, view->store->generation);

    path_parent(path, parent);
    charge(view, node, 1);
    node_add_child(node_edit(view->root, parent), node, view->store->generation);
}

static struct permissions inherited(const struct node *parent, const struct identity *who)
{
    struct permissions permissions = permissions_copy(&parent->permissions);

    if (!identity_is_privileged(who))
        permissions.entries[0].domid = who->domid;
    return permissions;
}

/* The number of missing components of `path` beyond its first `existing` bytes. */
static long missing_levels(const char *path, size_t existing)
{
    long levels = 0;

    for (const char *p = path + (existing == 1 ? 0 : existing); *p; p++)
        levels += *p == '/';
    return levels;
}

/* Writes the first component of `path` that does not exist, with all before it; false when nothing is missing. */
static bool first_missing(const struct node *root, const char *path, char partial[static PATH_BYTES])
{
    size_t bytes;

    node_nearest(root, path, &bytes);
    if (!path[bytes])
        return false;
    bytes += bytes == 1 ? 0 : 1;
    bytes += strcspn(path + bytes, "/");
    memcpy(partial, path, bytes);
    partial[bytes] = '\0';
    return true;
}

static int check_creation(const struct view *view, const struct identity *who, const char *path, size_t value_bytes)
{
    char ancestor[PATH_BYTES];
    size_t existing;
    const struct node *nearest = node_nearest(*view->root, path, &existing);
    long levels = missing_levels(path, existing);
    long list_bytes = (long)(nearest->permissions.count * sizeof(struct permission));
    long bytes = levels * (long)(sizeof(struct node) + sizeof(struct node *) + 1) + levels * list_bytes;
    int error;

    memcpy(ancestor, path, existing);
    ancestor[existing] = '\0';
    error = touch(view, who, ancestor, TOUCHED_CONTENT);
    /* When somebody else creates this one, its permissions were never checked. */
    if (!error && first_missing(*view->root, path, ancestor))
        error = touch(view, who, ancestor, TOUCHED_CONTENT);
    if (!error)
        error = touch(view, who, path, TOUCHED_CONTENT);
    if (!error && !(permissions_of(&nearest->permissions, who) & ACCESS_WRITE))
        error = EACCES;
    if (!error)
        error = check_size(view, who, value_bytes, nearest->permissions.count);
    if (!error)
        error = check_quota(view, who, who->domid, levels, bytes + (long)strlen(path + existing) + (long)value_bytes);
    return error;
}

/* Creates what is missing of `path`, parents first. */
static void create_path(const struct view *view, const struct identity *who, const char *path)
{
    char partial[PATH_BYTES];

    while (first_missing(*view->root, path, partial)) {
        size_t bytes;

        add_node(view, partial, inherited(node_nearest(*view->root, path, &bytes), who));
    }
}

static int check_overwrite(const struct view *view, const struct identity *who, const char *path,
                           const struct node *node, size_t bytes)
{
    int error = touch(view, who, path, TOUCHED_CONTENT);

    if (!error && !(permissions_of(&node->permissions, who) & ACCESS_WRITE))
        error = EACCES;
    if (!error)
        error = check_size(view, who, bytes, node->permissions.count);
    if (!error)
        error = check_quota(view, who, node->permissions.entries[0].domid, 0, (long)bytes - (long)node->value_bytes);
    return error;
}

static void replace_value(const struct view *view, const char *path, const void *value, size_t bytes)
{
    struct node *node = node_edit(view->root, path);

    charge(view, node, -1);
    node_set_value(node, value, bytes, view->store->generation);
    charge(view, node, 1);
}

int view_write(const struct view *view, const struct identity *who, const char *path, const void *value, size_t bytes)
{
    const struct node *node = node_find(*view->root, path);
    int error = node ? check_overwrite(view, who, path, node, bytes) : check_creation(view, who, path, bytes);
    struct change change;

    if (error)
        return error;
    change = begin_change(view);
    create_path(view, who, path);
    replace_value(view, path, value, bytes);
    end_change(&change, path, CHANGE_SET);
    return 0;
}

int view_make(const struct view *view, const struct identity *who, const char *path)
{
    const struct node *node = node_find(*view->root, path);
    struct change change;
    int error;

    if (node) {
        error = touch(view, who, path, TOUCHED_CONTENT);
        return error ? error : permissions_of(&node->permissions, who) & ACCESS_WRITE ? 0 : EACCES;
    }
    error = check_creation(view, who, path, 0);
    if (error)
        return error;
    change = begin_change(view);
    create_path(view, who, path);
    end_change(&change, path, CHANGE_SET);
    return 0;
}

static int touch_subtree(const struct view *view, const struct identity *who, char path[static PATH_BYTES],
                         const struct node *node)
{
    size_t end = strlen(path);
    int error = touch(view, who, path, TOUCHED_CONTENT | TOUCHED_CHILDREN);

    for (uint32_t i = 0; i < node->child_count && !error; i++) {
        const char *name = node->children[i]->name;

        path[end] = '/';
        memcpy(path + end + 1, name, strlen(name) + 1);
        error = touch_subtree(view, who, path, node->children[i]);
    }
    path[end] = '\0';
    return error;
}

static void take_back(const struct node *node, void *context)
{
    charge(context, node, -1);
}

void view_drop(const struct view *view, const char *path)
{
    char parent[PATH_BYTES];
    struct view copy = *view;
    const struct node *node = node_find(*view->root, path);

    if (!node || !path_parent(path, parent))
        return;
    node_walk(node, take_back, &copy);
    node_remove_child(node_edit(view->root, parent), strrchr(path, '/') + 1, view->store->generation);
}

/* Removing what is not there succeeds when its parent is. */
static int remove_missing(const struct view *view, const struct identity *who, const char *path)
{
    char parent[PATH_BYTES];
    const struct node *node;
    int error = view_get(view, who, path, ACCESS_WRITE, false, &node);

    if (error != ENOENT)
        return error;
    return path_parent(path, parent) && node_find(*view->root, parent) ? 0 : ENOENT;
}

int view_remove(const struct view *view, const struct identity *who, const char *path)
{
    char scratch[PATH_BYTES];
    const struct node *node = node_find(*view->root, path);
    struct change change;
    int error;

    if (strcmp(path, "/") == 0)
        return EINVAL;
    if (!node)
        return remove_missing(view, who, path);
    if (!(permissions_of(&node->permissions, who) & ACCESS_WRITE))
        return EACCES;
    strcpy(scratch, path);
    error = view->transaction ? touch_subtree(view, who, scratch, node) : 0;
    if (error)
        return error;
    change = begin_change(view);
    view_drop(view, path);
    end_change(&change, path, CHANGE_REMOVE);
    return 0;
}

static int check_new_permissions(const struct view *view, const struct identity *who, const struct node *node,
                                 const struct permissions *permissions)
{
    unsigned need = ACCESS_WRITE | ACCESS_OWNER;
    int error;

    if ((permissions_of(&node->permissions, who) & need) != need)
        return EACCES;
    if (!identity_is_privileged(who) && permissions->entries[0].domid != node->permissions.entries[0].domid)
        return EPERM;
    error = check_size(view, who, node->value_bytes, permissions->count);
    if (error)
        return error;
    return check_quota(view, who, node->permissions.entries[0].domid, 0,
                       ((long)permissions->count - (long)node->permissions.count) * (long)sizeof(struct permission));
}

int view_set_permissions(const struct view *view, const struct identity *who, const char *path,
                         const struct permissions *permissions)
{
    const struct node *found;
    struct node *node;
    struct change change;
    int error = view_get(view, who, path, ACCESS_WRITE, false, &found);

    if (!error)
        error = check_new_permissions(view, who, found, permissions);
    if (error)
        return error;
    change = begin_change(view);
    node = node_edit(view->root, path);
    charge(view, node, -1);
    node_set_permissions(node, permissions, view->store->generation);
    charge(view, node, 1);
    end_change(&change, path, CHANGE_SET);
    return 0;
}

static void put_existing(const struct view *view, const char *path, const struct node *content)
{
    struct node *node = node_edit(view->root, path);

    charge(view, node, -1);
    node_set_value(node, content->value, content->value_bytes, view->store->generation);
    node_set_permissions(node, &content->permissions, view->store->generation);
    charge(view, node, 1);
}

void view_put(const struct view *view, const char *path, const struct node *from)
{
    char partial[PATH_BYTES];
    const struct node *content = node_find(from, path);

    if (!content)
        return;
    while (first_missing(*view->root, path, partial)) {
        const struct node *part = node_find(from, partial);

        add_node(view, partial, permissions_copy(&part->permissions));
        replace_value(view, partial, part->value, part->value_bytes);
    }
    put_existing(view, path, content);
}
