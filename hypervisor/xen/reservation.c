/* reservation.c - giving RAM to a domain, and taking it back */
#include <hv/frame.h>
#include <hv/p2m.h>
#include "access.h"
#include "arguments.h"
#include "direct.h"
#include "memory_ops.h"

/* Largest pieces, 2 MiB: what there is of contiguous memory, and what one step may take. */
#define MAX_ORDER 9u
/* Pages taken out between two looks at the clock, with one flush. */
#define CHUNK_PAGES 64u

/* What both operations ask, checked: the lists' items are read one at a time. */
struct request {
    struct domain *domain; /* with a reference */
    guest_ptr_t list;      /* of gfns */
    uint64_t count;
    unsigned int order;
};

/* False: nothing can be done. Xen tells no reason then: the answer of these calls is always how far they came. */
static bool decode(struct vcpu *v, guest_ptr_t arg, uint64_t start, struct request *r)
{
    struct xen_memory_reservation untrusted;

    if (read_reservation(v, arg, &untrusted))
        return false;
    if (untrusted.nr_extents > memory_list_limit(v) || start >= untrusted.nr_extents ||
        untrusted.extent_order > MAX_ORDER || target_domain(v, untrusted.domid, &r->domain))
        return false;
    r->list = GUEST_PTR((uint64_t)untrusted.extent_start.p);
    r->count = untrusted.nr_extents;
    r->order = untrusted.extent_order;
    return true;
}

static void give_back(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < 1ul << order; i++)
        frame_put(MFN(mfn.v + i));
}

static bool populate_direct(struct domain *d, gfn_t gfn, unsigned int order)
{
    bool all = true;

    direct_lock(d);
    for (uint64_t i = 0; i < 1ul << order && all; i++)
        all = direct_unpark(d, GFN(gfn.v + i)) == 0;
    direct_unlock(d);
    return all;
}

/* Where single pages are or have been, there is a table of them. Gives back the frames that do not get in. */
static int map_singly(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    int failed = 0;

    for (uint64_t i = 0; i < 1ul << order; i++) {
        int rc = p2m_map(d, GFN(gfn.v + i), MFN(mfn.v + i), P2M_RAM);
        if (rc) {
            frame_put(MFN(mfn.v + i));
            failed = rc;
        }
    }
    return failed;
}

/* Takes the frames over, also on failure. */
static int map_extent(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    bool one_entry = order == 0 || order == MAX_ORDER; /* as page tables have it */
    int rc = d->dying ? -XEN_ESRCH : one_entry ? p2m_map_order(d, gfn, mfn, order, P2M_RAM) : -XEN_EEXIST;

    if (rc == -XEN_EEXIST)
        return map_singly(d, gfn, mfn, order);
    if (rc)
        give_back(mfn, order);
    return rc;
}

/* Frames come first, since that takes long; the domain may have died by then. */
static bool populate_extent(struct domain *d, gfn_t gfn, unsigned int order)
{
    if (gfn.v & ((1ul << order) - 1))
        return false;
    if (d->is_direct)
        return populate_direct(d, gfn, order);
    mfn_t mfn = frame_alloc(d, order);
    if (mfn.v == MFN_NONE.v)
        return false;
    spin_lock(&d->control_lock);
    int rc = map_extent(d, gfn, mfn, order);
    spin_unlock(&d->control_lock);
    return rc == 0;
}

/* Reads gfns [i, i + n) of the list. */
static bool read_gfns(struct vcpu *v, const struct request *r, uint64_t i, xen_pfn_t *untrusted_gfns, uint64_t n)
{
    return !read_words(v, r->list, i, untrusted_gfns, n);
}

static long populate_list(struct vcpu *v, const struct request *r, uint64_t start)
{
    for (uint64_t i = start; i < r->count; i++) {
        xen_pfn_t untrusted_gfn;
        if (i != start && hypercall_preempt(v))
            return memory_pause(v, XENMEM_populate_physmap, i);
        if (!read_gfns(v, r, i, &untrusted_gfn, 1) || !populate_extent(r->domain, GFN(untrusted_gfn), r->order))
            return (long)i;
    }
    return (long)r->count;
}

/* A hole, or part of one, ends the list: the count tells the caller how far it went. control_lock held, which is also
 * what direct_lock() would take. */
static bool decrease_extent(struct domain *d, gfn_t gfn, unsigned int order)
{
    for (uint64_t i = 0; i < 1ul << order; i++) {
        gfn_t page = GFN(gfn.v + i);
        if (d->dying || p2m_lookup(d, page).type == P2M_MMIO || direct_unmap(d, page))
            return false;
    }
    return true;
}

/* Some extents with one flush for all; returns how many are done. */
static uint64_t decrease_chunk(struct domain *d, const xen_pfn_t *untrusted_gfns, uint64_t n, unsigned int order)
{
    uint64_t done = 0;

    spin_lock(&d->control_lock);
    p2m_batch_begin(d);
    while (done < n && decrease_extent(d, GFN(untrusted_gfns[done]), order))
        done++;
    p2m_batch_end(d);
    spin_unlock(&d->control_lock);
    return done;
}

static long decrease_list(struct vcpu *v, const struct request *r, uint64_t start)
{
    xen_pfn_t untrusted_gfns[CHUNK_PAGES];
    uint64_t chunk = MAX(CHUNK_PAGES >> r->order, 1u);

    for (uint64_t done = start; done < r->count;) {
        uint64_t n = MIN(chunk, r->count - done);
        if (done != start && hypercall_preempt(v))
            return memory_pause(v, XENMEM_decrease_reservation, done);
        if (!read_gfns(v, r, done, untrusted_gfns, n)) {
            n = 1; /* the list ends in memory that is not there: as far as it goes */
            if (!read_gfns(v, r, done, untrusted_gfns, n))
                return (long)done;
        }
        uint64_t taken = decrease_chunk(r->domain, untrusted_gfns, n, r->order);
        done += taken;
        if (taken < n)
            return (long)done;
    }
    return (long)r->count;
}

static long work_through(struct vcpu *v, guest_ptr_t arg, uint64_t start,
                         long (*list)(struct vcpu *v, const struct request *r, uint64_t start))
{
    struct request r;

    if (!decode(v, arg, start, &r))
        return (long)start;
    long rc = list(v, &r, start);
    domain_put(r.domain);
    return rc;
}

long memory_populate(struct vcpu *v, guest_ptr_t arg, uint64_t start)
{
    return work_through(v, arg, start, populate_list);
}

long memory_decrease(struct vcpu *v, guest_ptr_t arg, uint64_t start)
{
    return work_through(v, arg, start, decrease_list);
}
