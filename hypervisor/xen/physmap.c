/* physmap.c - putting pages into an address space: the domain's own shared pages, and others' for the control domain */
#include <hv/frame.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/p2m.h>
#include <hv/shared_info.h>
#include "access.h"
#include "arguments.h"
#include "direct.h"
#include "memory_ops.h"

/* Items handled between two looks at the clock */
#define CHUNK 32u

/* Maps a page that the caller holds a reference on; takes the reference over, also on failure. Never into a domain
 * whose map is being taken apart: nobody would give that page back. */
static long place(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    spin_lock(&d->control_lock);
    int rc = d->dying ? -XEN_ESRCH : direct_map(d, gfn, mfn, type);
    spin_unlock(&d->control_lock);
    if (rc)
        frame_put(mfn);
    return rc;
}

/* A page of ours that `owner` may see; MFN_NONE if there is no such. With a reference. */
static mfn_t shared_page(struct domain *owner, unsigned int space, uint64_t untrusted_index)
{
    mfn_t mfn = MFN_NONE;

    if (space == XENMAPSPACE_shared_info && untrusted_index == 0)
        mfn = heap_page_mfn(owner->shared_info);
    else if (space == XENMAPSPACE_grant_table && untrusted_index <= UINT32_MAX)
        mfn = gnttab_frame(owner, (unsigned int)untrusted_index); /* status frames (bit 31) are beyond every limit */
    return mfn.v != MFN_NONE.v && frame_get(mfn, NULL) ? mfn : MFN_NONE;
}

/* A page may be shown at several places: a kernel started by kexec puts it elsewhere. gmfn spaces move RAM about, which
 * no PVH kernel does: refused. */
static long add_one(struct domain *d, const struct xen_add_to_physmap *untrusted)
{
    if (untrusted->space == XENMAPSPACE_gmfn || untrusted->space == XENMAPSPACE_gmfn_range)
        return -XEN_EOPNOTSUPP;
    if (untrusted->space == XENMAPSPACE_dev_mmio && !d->is_control)
        return -XEN_EACCES;
    mfn_t mfn = shared_page(d, untrusted->space, untrusted->idx);
    if (mfn.v == MFN_NONE.v)
        return -XEN_EINVAL;
    return place(d, GFN(untrusted->gpfn), mfn, P2M_RAM);
}

long memory_add_to_physmap(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_add_to_physmap untrusted;
    struct domain *d;

    if (read_add_to_physmap(v, arg, &untrusted))
        return -XEN_EFAULT;
    if (untrusted.space == XENMAPSPACE_gmfn_foreign)
        return -XEN_ENOSYS; /* in batches only */
    long rc = target_domain(v, untrusted.domid, &d);
    if (rc)
        return rc;
    if (untrusted.space == XENMAPSPACE_shared_info && d == v->domain)
        shared_info_take_shape(v);
    rc = add_one(d, &untrusted);
    domain_put(d);
    return rc;
}

long memory_remove_from_physmap(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_remove_from_physmap untrusted;
    struct domain *d;

    if (read_remove_from_physmap(v, arg, &untrusted))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.domid, &d);
    if (rc)
        return rc;
    spin_lock(&d->control_lock);
    if (d->dying)
        rc = -XEN_ESRCH;
    else
        rc = p2m_lookup(d, GFN(untrusted.gpfn)).type == P2M_MMIO ? -XEN_ENOENT : direct_unmap(d, GFN(untrusted.gpfn));
    spin_unlock(&d->control_lock);
    domain_put(d);
    return rc;
}

/* The owner's page, as long as anybody holds it: a mapping outlives the owner's death, its memory does not change hands
 * before. */
static long add_foreign(struct domain *mapper, struct domain *owner, uint64_t untrusted_owner_gfn,
                        uint64_t untrusted_gfn)
{
    mfn_t mfn;

    if (p2m_get_frame(owner, GFN(untrusted_owner_gfn), true, false, &mfn))
        return -XEN_EINVAL; /* not -ENOENT: that would mean "paged out, try again" */
    return place(mapper, GFN(untrusted_gfn), mfn, P2M_FOREIGN);
}

/* Whose pages a batch puts where. */
struct batch {
    struct domain *mapper, *owner; /* owner: of foreign pages, else NULL */
    long owner_error;              /* why foreign pages cannot be had: told for each of them, as Xen does */
};

static long batch_item(const struct batch *with, const struct xen_add_to_physmap_batch *b, uint64_t index, uint64_t gfn)
{
    if (with->owner_error)
        return with->owner_error;
    if (with->owner)
        return add_foreign(with->mapper, with->owner, index, gfn);
    return add_one(with->mapper, &(struct xen_add_to_physmap){.space = b->space, .idx = index, .gpfn = gfn});
}

static long batch_items(struct vcpu *v, const struct batch *with, const struct xen_add_to_physmap_batch *b,
                        uint64_t start)
{
    for (uint64_t i = start; i < b->size; i++) {
        uint64_t untrusted_index, untrusted_gfn;
        if (i != start && i % CHUNK == 0 && hypercall_preempt(v))
            return memory_pause(v, XENMEM_add_to_physmap_batch, i);
        if (read_words(v, GUEST_PTR((uint64_t)b->idxs.p), i, &untrusted_index, 1) ||
            read_words(v, GUEST_PTR((uint64_t)b->gpfns.p), i, &untrusted_gfn, 1))
            return -XEN_EFAULT;
        int error = (int)batch_item(with, b, untrusted_index, untrusted_gfn);
        if (copy_to_guest(v, guest_item(b->errs, i), &error, sizeof(error)))
            return -XEN_EFAULT;
    }
    return 0;
}

/* Others' pages: only the control domain, and only into itself. The dying have none any more. */
static long find_owner(struct vcpu *v, struct domain *mapper, domid_t untrusted_id, struct domain **owner)
{
    long rc = remote_domain(v, untrusted_id, owner);

    if (rc == 0 && mapper == v->domain && !(*owner)->dying)
        return 0;
    if (rc == 0) {
        rc = mapper == v->domain ? -XEN_ESRCH : -XEN_EPERM;
        domain_put(*owner);
    }
    *owner = NULL;
    return rc;
}

long memory_add_batch(struct vcpu *v, guest_ptr_t arg, uint64_t start)
{
    struct xen_add_to_physmap_batch untrusted;
    struct batch with = {0};

    if (read_add_batch(v, arg, &untrusted))
        return -XEN_EFAULT;
    if (untrusted.space == XENMAPSPACE_gmfn_range)
        return -XEN_EOPNOTSUPP;
    long rc = target_domain(v, untrusted.domid, &with.mapper);
    if (rc)
        return rc;
    if (untrusted.space == XENMAPSPACE_gmfn_foreign)
        with.owner_error = find_owner(v, with.mapper, untrusted.u.foreign_domid, &with.owner);
    rc = start > untrusted.size ? -XEN_EILSEQ : batch_items(v, &with, &untrusted, start);
    if (with.owner)
        domain_put(with.owner);
    domain_put(with.mapper);
    return rc;
}

static long resource_items(struct vcpu *v, struct domain *owner, const struct xen_mem_acquire_resource *r,
                           uint64_t start)
{
    for (uint64_t i = start; i < r->nr_frames; i++) {
        xen_pfn_t untrusted_gfn;
        if (i != start && i % CHUNK == 0 && hypercall_preempt(v))
            return memory_pause(v, XENMEM_acquire_resource, i);
        if (read_words(v, GUEST_PTR((uint64_t)r->frame_list.p), i, &untrusted_gfn, 1))
            return -XEN_EFAULT;
        mfn_t mfn = shared_page(owner, XENMAPSPACE_grant_table, r->frame + i);
        if (mfn.v == MFN_NONE.v)
            return -XEN_ENOMEM;
        long rc = place(v->domain, GFN(untrusted_gfn), mfn, P2M_FOREIGN);
        if (rc)
            return rc;
    }
    return 0;
}

/* Without a list: how many frames there are. */
static long resource(struct vcpu *v, guest_ptr_t arg, struct domain *owner, const struct xen_mem_acquire_resource *r,
                     uint64_t start)
{
    uint32_t limit = gnttab_frame_limit(owner);

    if (!r->frame_list.p) {
        if (r->nr_frames)
            return -XEN_EINVAL;
        guest_ptr_t field = guest_ptr_add(arg, offsetof(struct xen_mem_acquire_resource, nr_frames));
        return copy_to_guest(v, field, &limit, sizeof(limit)) ? -XEN_EFAULT : 0;
    }
    if (r->nr_frames > limit || r->frame > limit - r->nr_frames)
        return -XEN_EINVAL;
    return resource_items(v, owner, r, start);
}

/* dom0 maps a new domain's grant table this way, to seed its console and store entries before it runs. */
long memory_acquire_resource(struct vcpu *v, guest_ptr_t arg, uint64_t start)
{
    struct xen_mem_acquire_resource untrusted;
    struct domain *owner;

    if (read_acquire_resource(v, arg, &untrusted))
        return -XEN_EFAULT;
    if (untrusted.pad || start > untrusted.nr_frames)
        return -XEN_EINVAL;
    long rc = find_owner(v, v->domain, untrusted.domid, &owner);
    if (rc)
        return rc;
    if (untrusted.type != XENMEM_resource_grant_table || untrusted.id != XENMEM_resource_grant_table_id_shared)
        rc = -XEN_EINVAL;
    else
        rc = resource(v, arg, owner, &untrusted, start);
    domain_put(owner);
    return rc;
}
