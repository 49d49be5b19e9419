#include "store.h"
#include "memory.h"
#include "path.h"
#include "view.h"
#include <stdlib.h>
#include <string.h>

struct store *store_create(const struct store_host *host)
{
    static const char *const first[] = {"/tool/xenstored", "/local/domain/0", "/vm"};
    static const struct identity dom0 = {0, DOMID_INVALID};
    struct store *store = must_alloc(sizeof(*store));
    struct view view = view_live(store);

    store->host = *host;
    store->quota = QUOTA_DEFAULT;
    store->generation = 1;
    store->on_introduce = permissions_single(0, ACCESS_NONE);
    store->on_release = permissions_single(0, ACCESS_NONE);
    store->watches_end = &store->watches;
    store->root = node_create("/", 1, permissions_single(0, ACCESS_NONE), store->generation);
    ledger_add(&store->ledger, 0, 1, (long)node_cost(store->root));
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        if (view_make(&view, &dom0, first[i]))
            abort();
    return store;
}

void store_destroy(struct store *store)
{
    while (store->domains) {
        struct domain *domain = store->domains;

        store->domains = domain->next;
        free(domain);
    }
    node_unref(store->root);
    ledger_free(&store->ledger);
    permissions_free(&store->on_introduce);
    permissions_free(&store->on_release);
    free(store);
}

struct permissions *store_special(struct store *store, const char *path)
{
    if (strcmp(path, PATH_INTRODUCE) == 0)
        return &store->on_introduce;
    return strcmp(path, PATH_RELEASE) == 0 ? &store->on_release : NULL;
}
