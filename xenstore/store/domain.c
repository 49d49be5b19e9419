#include "domain.h"
#include "connection.h"
#include "memory.h"
#include "path.h"
#include "view.h"
#include "watch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct identity dom0 = {0, DOMID_INVALID};

struct domain *domain_find(const struct store *store, domid_t domid)
{
    struct domain *domain = store->domains;

    while (domain && domain->domid != domid)
        domain = domain->next;
    return domain;
}

static int attach(struct store *store, struct domain *domain, uint64_t gfn, uint32_t port)
{
    if (!store->host.attach)
        return ENOSYS;
    domain->connection = store->host.attach(store->host.context, domain->domid, gfn, port);
    if (!domain->connection)
        return errno ? errno : EINVAL;
    domain->connection->who.target = domain->target;
    return 0;
}

static void detach(struct store *store, struct domain *domain)
{
    if (domain->connection)
        store->host.detach(store->host.context, domain->connection);
    domain->connection = NULL;
}

static int attach_again(struct store *store, struct domain *domain, uint64_t gfn, uint32_t port)
{
    detach(store, domain);
    return attach(store, domain, gfn, port);
}

static int attach_new(struct store *store, domid_t domid, uint64_t gfn, uint32_t port)
{
    struct domain *domain = must_alloc(sizeof(*domain));
    int error;

    domain->domid = domid;
    domain->target = DOMID_INVALID;
    error = attach(store, domain, gfn, port);
    if (error) {
        free(domain);
        return error;
    }
    domain->next = store->domains;
    store->domains = domain;
    return 0;
}

int domain_introduce(struct store *store, domid_t domid, uint64_t gfn, uint32_t port)
{
    struct domain *domain = domain_find(store, domid);
    int error = domain ? attach_again(store, domain, gfn, port) : attach_new(store, domid, gfn, port);

    if (!error)
        watches_fire_special(store, PATH_INTRODUCE);
    return error;
}

/* A stack of paths found by one walk, changed afterwards: changing while walking would move the nodes. */
struct findings {
    domid_t domid;
    char **paths;
    size_t count;
};

static void find_traces(const struct node *node, char path[static PATH_BYTES], struct findings *found, bool owned)
{
    size_t end = strlen(path);
    bool trace = owned ? node->permissions.entries[0].domid == found->domid : false;

    for (uint32_t i = 1; !owned && i < node->permissions.count; i++)
        trace |= node->permissions.entries[i].domid == found->domid;
    if (trace) {
        found->paths = must_grow(found->paths, (found->count + 1) * sizeof(*found->paths));
        found->paths[found->count++] = must_copy_string(path);
    }
    if (trace && owned)
        return; /* what lies below goes with it */
    for (uint32_t i = 0; i < node->child_count; i++) {
        const char *name = node->children[i]->name;
        size_t slash = end == 1 ? 0 : end;

        path[slash] = '/';
        memcpy(path + slash + 1, name, strlen(name) + 1);
        find_traces(node->children[i], path, found, owned);
        path[end] = '\0';
    }
}

static void forget_rights(const struct view *live, const char *path, domid_t domid)
{
    struct permissions list = permissions_copy(&node_find(*live->root, path)->permissions);

    if (permissions_forget(&list, domid))
        (void)view_set_permissions(live, &dom0, path, &list);
    permissions_free(&list);
}

/* The number may be given to another domain, which must inherit nothing. */
static void forget_domain(struct store *store, domid_t domid, bool owned)
{
    char path[PATH_BYTES] = "/";
    struct view live = view_live(store);
    struct findings found = {.domid = domid};

    find_traces(store->root, path, &found, owned);
    for (size_t i = 0; i < found.count; i++) {
        if (owned)
            (void)view_remove(&live, &dom0, found.paths[i]);
        else
            forget_rights(&live, found.paths[i], domid);
        free(found.paths[i]);
    }
    free(found.paths);
}

static void unlink_domain(struct store *store, struct domain *domain)
{
    struct domain **slot = &store->domains;

    while (*slot != domain)
        slot = &(*slot)->next;
    *slot = domain->next;
    for (struct domain *other = store->domains; other; other = other->next) {
        if (other->target != domain->domid)
            continue;
        other->target = DOMID_INVALID;
        if (other->connection)
            other->connection->who.target = DOMID_INVALID;
    }
    free(domain);
}

int domain_release(struct store *store, domid_t domid)
{
    struct domain *domain = domain_find(store, domid);

    if (!domain)
        return ENOENT;
    detach(store, domain);
    unlink_domain(store, domain);
    forget_domain(store, domid, true);
    forget_domain(store, domid, false);
    permissions_forget(&store->on_introduce, domid);
    permissions_forget(&store->on_release, domid);
    ledger_forget(&store->ledger, domid);
    watches_fire_special(store, PATH_RELEASE);
    return 0;
}

void domain_shut_down(struct store *store, struct domain *domain)
{
    if (domain->shut_down)
        return;
    domain->shut_down = true;
    watches_fire_special(store, PATH_RELEASE);
}

int domain_set_target(struct store *store, domid_t domid, domid_t target)
{
    struct domain *domain = domain_find(store, domid);

    if (!domain || !domain_find(store, target))
        return ENOENT;
    domain->target = target;
    if (domain->connection)
        domain->connection->who.target = target;
    return 0;
}
