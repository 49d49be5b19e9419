/*
 * p2m.c - the typed map from guest frames to machine frames: four levels of 512 entries, kept in the vendor's encoding.
 * The lock guards the tables. Frames that leave are handed to p2m_release_frame() after the lock is dropped.
 */
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/heap.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/p2m_impl.h>
#include <hv/tlb.h>

#define TEARDOWN_PAGES 4096u /* entries given back per call */
#define TABLE_COST     8u    /* of looking through one table, in entries */

/*
 * Tables are our memory: a guest that maps one page here and one there shall not use it all up. Enough for its RAM in
 * single pages, four times over, and 4 MiB for what it maps besides.
 */
static bool may_have_table(const struct domain *d)
{
    return d->p2m->tables < 1024 + read_once(d->max_pages) / 128;
}

/* A zeroed table, counted; NULL: no memory, or the domain has enough. Lock held. */
static uint64_t *table_alloc(struct domain *d)
{
    uint64_t *table = may_have_table(d) ? heap_page_alloc() : NULL;
    d->p2m->tables += table != NULL;
    return table;
}

static unsigned int slot(gfn_t gfn, unsigned int level)
{
    return (unsigned int)(gfn.v >> (9 * level) & 511);
}

static uint64_t *table_of(uint64_t pte)
{
    return heap_page_of(npt_mfn(pte));
}

/* Replaces a large mapping by a table of the next smaller ones. */
static int split(struct domain *d, uint64_t *pte, unsigned int level)
{
    struct p2m_entry e = npt_decode(*pte, 9 * (level - 1));
    uint64_t *table = table_alloc(d);
    uint64_t base = e.mfn.v;

    if (!table)
        return -XEN_ENOMEM;
    for (uint64_t i = 0; i < 512; i++) {
        e.mfn = MFN(base + (i << (9 * (level - 1))));
        table[i] = npt_encode(e);
    }
    store_release(*pte, npt_table(heap_page_mfn(table)));
    return 0;
}

/* The entry for gfn at `level`, making tables and splitting large mappings on the way. NULL: no memory. */
static uint64_t *entry_at(struct domain *d, gfn_t gfn, unsigned int level)
{
    uint64_t *pte = &d->p2m->root[slot(gfn, 3)];

    for (unsigned int l = 3; l > level; l--) {
        if (npt_is_leaf(*pte, l)) {
            if (split(d, pte, l))
                return NULL;
        } else if (!npt_is_table(*pte, l)) {
            uint64_t *table = table_alloc(d);
            if (!table)
                return NULL;
            store_release(*pte, npt_table(heap_page_mfn(table)));
        }
        pte = &table_of(*pte)[slot(gfn, l - 1)];
    }
    return pte;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    struct p2m *p = d->p2m;
    struct p2m_entry e;

    if (gfn.v >> P2M_GFN_BITS)
        return (struct p2m_entry){.type = P2M_HOLE, .mfn = MFN_NONE};
    spin_lock(&p->lock);
    e = npt_walk(p->root, gfn);
    spin_unlock(&p->lock);
    return e;
}

static bool has_frame(struct p2m_entry e)
{
    return e.type != P2M_HOLE && e.type != P2M_MMIO;
}

int p2m_map_order(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    struct p2m *p = d->p2m;
    struct p2m_entry old, e = {.type = type, .mfn = mfn, .order = order};
    unsigned int level = order / 9;

    if ((gfn.v + (1ul << order) - 1) >> P2M_GFN_BITS || (gfn.v & ((1ul << order) - 1)))
        return -XEN_EINVAL;
    spin_lock(&p->lock);
    uint64_t *pte = entry_at(d, gfn, level);
    if (!pte || (level && npt_is_table(*pte, level))) {
        /* a large mapping over single ones: the caller uses single ones then */
        spin_unlock(&p->lock);
        return pte ? -XEN_EEXIST : -XEN_ENOMEM;
    }
    if (iommu_map(d, gfn, mfn, order, type)) {
        spin_unlock(&p->lock);
        return -XEN_ENOMEM;
    }
    old = npt_decode(*pte, order);
    *(volatile uint64_t *)pte = npt_encode(e);
    p->max_gfn = MAX(p->max_gfn, gfn.v + (1ul << order) - 1);
    spin_unlock(&p->lock);
    if (has_frame(old))
        for (uint64_t i = 0; i < 1ul << order; i++)
            p2m_release_frame(d, MFN(old.mfn.v + i));
    else if (old.type == P2M_MMIO)
        p2m_flush(d);
    else
        iommu_flush(d); /* some remember that nothing was there */
    return 0;
}

int p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    return p2m_map_order(d, gfn, mfn, 0, type);
}

int p2m_unmap(struct domain *d, gfn_t gfn)
{
    struct p2m *p = d->p2m;

    if (gfn.v >> P2M_GFN_BITS || p2m_lookup(d, gfn).type == P2M_HOLE)
        return -XEN_ENOENT;
    spin_lock(&p->lock);
    uint64_t *pte = entry_at(d, gfn, 0);
    if (!pte || iommu_unmap(d, gfn)) {
        spin_unlock(&p->lock);
        return -XEN_ENOMEM;
    }
    struct p2m_entry old = npt_decode(*pte, 0);
    *(volatile uint64_t *)pte = 0;
    spin_unlock(&p->lock);
    if (has_frame(old))
        p2m_release_frame(d, old.mfn);
    else
        p2m_flush(d);
    return old.type == P2M_HOLE ? -XEN_ENOENT : 0;
}

int p2m_get_frame(struct domain *d, gfn_t gfn, bool write, bool any, mfn_t *out)
{
    struct p2m_entry e = p2m_lookup(d, gfn);

    switch (e.type) {
    case P2M_RAM: break;
    case P2M_RAM_RO:
        if (write)
            return -XEN_EACCES;
        break;
    case P2M_GRANT_RO:
        if (write)
            return -XEN_EACCES;
        [[fallthrough]];
    case P2M_GRANT_RW:
    case P2M_FOREIGN:
        if (!any)
            return -XEN_EINVAL;
        break;
    default: return -XEN_EINVAL;
    }
    /* Between lookup and here the entry may have gone and the frame with it: a reference on a frame in use again by
     * another is refused by looking again. */
    if (!frame_get(e.mfn, NULL))
        return -XEN_EINVAL;
    struct p2m_entry again = p2m_lookup(d, gfn);
    if (again.type != e.type || again.mfn.v != e.mfn.v) {
        frame_put(e.mfn);
        return -XEN_EINVAL;
    }
    *out = e.mfn;
    return 0;
}

gfn_t p2m_max_gfn(struct domain *d)
{
    return GFN(d->p2m->max_gfn);
}

int p2m_create(struct domain *d)
{
    d->p2m = heap_alloc(sizeof(*d->p2m));
    if (!d->p2m)
        return -XEN_ENOMEM;
    d->p2m->root = heap_page_alloc();
    if (!d->p2m->root) {
        heap_free(d->p2m, sizeof(*d->p2m));
        d->p2m = NULL;
        return -XEN_ENOMEM;
    }
    return 0;
}

/* Others may look things up meanwhile: what is given back is out of their sight first. */
static void take_out(struct domain *d, uint64_t *pte)
{
    spin_lock(&d->p2m->lock);
    *pte = 0;
    spin_unlock(&d->p2m->lock);
}

/* Gives back everything below `table`; `budget` counts down; false when it is used up. Depth is bounded by the four
 * levels. */
static bool empty_table(struct domain *d, uint64_t *table, unsigned int level, unsigned int *budget)
{
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t pte = table[i];
        if (!pte)
            continue;
        if (npt_is_table(pte, level)) {
            if (!empty_table(d, table_of(pte), level - 1, budget))
                return false;
            take_out(d, &table[i]);
            heap_page_free(table_of(pte));
            d->p2m->tables--;
            *budget -= MIN(TABLE_COST, *budget);
        } else {
            struct p2m_entry e = npt_decode(pte, 9 * level);
            uint64_t pages = has_frame(e) ? 1ul << e.order : 0;
            take_out(d, &table[i]);
            for (uint64_t n = 0; n < pages; n++)
                frame_put(MFN(e.mfn.v + n));
            *budget -= (unsigned int)MIN(pages + 1, *budget);
        }
        if (!*budget)
            return false;
    }
    return true;
}

int p2m_teardown(struct domain *d)
{
    unsigned int budget = TEARDOWN_PAGES;

    if (!d->p2m)
        return 0;
    if (iommu_domain_destroy(d))
        return -XEN_ERESTART;
    p2m_flush(d); /* no vCPU of it runs any more; this is for the ledger's sake */
    return empty_table(d, d->p2m->root, 3, &budget) ? 0 : -XEN_ERESTART;
}

void p2m_destroy(struct domain *d)
{
    if (!d->p2m)
        return;
    heap_page_free(d->p2m->root);
    heap_free(d->p2m, sizeof(*d->p2m));
    d->p2m = NULL;
}
