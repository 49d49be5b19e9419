/* gnttab_map.c - mapping granted pages, and unmapping them, in batches */
#include <hv/hypercall.h>
#include <hv/p2m.h>
#include "direct.h"
#include "grants.h"

/* Xen's answers: nothing to map to is a bad reference, the forms for PV guests and devices are general errors. */
static int check_flags(uint32_t flags)
{
    if (!(flags & (GNTMAP_device_map | GNTMAP_host_map)))
        return GNTST_bad_gntref;
    if (flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte))
        return GNTST_general_error;
    return GNTST_okay;
}

struct map_request {
    struct domain *granter; /* borrowed from the cache */
    gfn_t gfn;
    grant_ref_t ref;
    bool write;
};

static int decode_map(struct granter_cache *cache, const struct gnttab_map_grant_ref *untrusted, struct map_request *r)
{
    int status = check_flags(untrusted->flags);

    if (status != GNTST_okay)
        return status;
    r->granter = granter_find(cache, untrusted->dom);
    if (!r->granter || r->granter->dying)
        return GNTST_bad_domain;
    if (untrusted->host_addr & PAGE_MASK)
        return GNTST_general_error;
    r->gfn = gpa_to_gfn(GPA(untrusted->host_addr));
    r->ref = untrusted->ref;
    r->write = !(untrusted->flags & GNTMAP_readonly);
    return GNTST_okay;
}

/* The handle becomes usable last, when the page is in place. */
static void activate(struct map_entry *m, const struct map_request *r, mfn_t mfn)
{
    domain_ref(r->granter);
    __atomic_fetch_add(&r->granter->grants->mapped, 1, __ATOMIC_RELAXED);
    m->granter = r->granter;
    m->gfn = r->gfn;
    m->mfn = mfn;
    m->ref = r->ref;
    m->write = r->write;
    __atomic_store_n(&m->state, MAP_ACTIVE, __ATOMIC_RELEASE);
}

static int map(struct domain *d, const struct map_request *r, grant_handle_t *handle)
{
    mfn_t mfn;
    struct map_entry *m = map_alloc(d->grants, handle);

    if (!m)
        return GNTST_no_space;
    int status = grant_use(r->granter, d->id, r->ref, r->write, true, &mfn);
    if (status != GNTST_okay) {
        map_free(d->grants, *handle, m);
        return status;
    }
    if (direct_map(d, r->gfn, mfn, r->write ? P2M_GRANT_RW : P2M_GRANT_RO)) {
        frame_put(mfn);
        grant_unuse(r->granter, r->ref, r->write);
        map_free(d->grants, *handle, m);
        return GNTST_general_error;
    }
    activate(m, r, mfn);
    return GNTST_okay;
}

static void map_one(struct vcpu *v, struct granter_cache *cache, struct gnttab_map_grant_ref *op)
{
    struct map_request request;
    grant_handle_t handle = 0;
    int status = decode_map(cache, op, &request);

    if (status == GNTST_okay)
        status = map(v->domain, &request, &handle);
    op->status = (int16_t)status;
    op->handle = handle;
    op->dev_bus_addr = 0;
}

void grant_map_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n)
{
    struct gnttab_map_grant_ref *op = ops;

    direct_lock(v->domain);
    p2m_batch_begin(v->domain);
    for (size_t i = 0; i < n; i++)
        map_one(v, cache, &op[i]);
    p2m_batch_end(v->domain);
    direct_unlock(v->domain);
}

/* First half: takes the handle and the page out of the p2m. The grant is given back only after the flush. */
static int take_out(struct domain *d, const struct gnttab_unmap_grant_ref *untrusted, struct map_entry **out)
{
    struct map_entry *m = map_of(d->grants, untrusted->handle);
    uint16_t active = MAP_ACTIVE;

    if (!m || !__atomic_compare_exchange_n(&m->state, &active, MAP_BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return GNTST_bad_handle;
    if (untrusted->dev_bus_addr || untrusted->host_addr != gfn_to_gpa(m->gfn).v) {
        __atomic_store_n(&m->state, MAP_ACTIVE, __ATOMIC_RELEASE);
        return untrusted->dev_bus_addr ? GNTST_bad_dev_addr : GNTST_general_error;
    }
    /* If the domain has put something else there since, that stays: our page is gone from there already. */
    struct p2m_entry e = p2m_lookup(d, m->gfn);
    if ((e.type == P2M_GRANT_RW || e.type == P2M_GRANT_RO) && e.mfn.v == m->mfn.v &&
        p2m_unmap(d, m->gfn) == -XEN_ENOMEM) {
        __atomic_store_n(&m->state, MAP_ACTIVE, __ATOMIC_RELEASE);
        return GNTST_general_error;
    }
    *out = m;
    return GNTST_okay;
}

void grant_unmap_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n)
{
    struct gnttab_unmap_grant_ref *op = ops;
    struct map_entry *taken[GRANT_CHUNK] = {0};

    direct_lock(v->domain);
    p2m_batch_begin(v->domain);
    for (size_t i = 0; i < n; i++)
        op[i].status = (int16_t)take_out(v->domain, &op[i], &taken[i]);
    p2m_batch_end(v->domain);
    direct_unlock(v->domain);
    /* No CPU can reach the pages any more: now the granters may see that they are theirs again. */
    for (size_t i = 0; i < n; i++) {
        if (taken[i])
            map_release(v->domain->grants, op[i].handle, taken[i]);
    }
}
