/* arguments.c - see arguments.h */
#include "arguments.h"
#include <hv/string.h>

struct narrow_reservation {
    uint32_t extent_start, nr_extents, extent_order, mem_flags;
    domid_t domid;
};
struct narrow_add_to_physmap {
    domid_t domid;
    uint16_t size;
    uint32_t space, idx, gpfn;
};
struct narrow_add_batch {
    domid_t domid;
    uint16_t space, size, foreign_domid;
    uint32_t idxs, gpfns, errs;
};
struct narrow_remove {
    domid_t domid;
    uint32_t gpfn;
};
struct narrow_resource {
    domid_t domid;
    uint16_t type;
    uint32_t id, nr_frames, pad, frame[2], frame_list;
};
struct narrow_poll {
    uint32_t ports, nr_ports, timeout[2];
};
static_assert(sizeof(struct narrow_reservation) == 20 && sizeof(struct narrow_add_to_physmap) == 16);
static_assert(sizeof(struct narrow_add_batch) == 20 && sizeof(struct narrow_remove) == 8);
static_assert(sizeof(struct narrow_resource) == 28 && sizeof(struct narrow_poll) == 16);

#define wide_address(field, address) ((field).p = (void *)(uintptr_t)(address))

static uint64_t joined(const uint32_t halves[2])
{
    return (uint64_t)halves[1] << 32 | halves[0];
}

int read_reservation(struct vcpu *v, guest_ptr_t arg, struct xen_memory_reservation *out)
{
    struct narrow_reservation untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct xen_memory_reservation){.nr_extents = untrusted.nr_extents,
                                           .extent_order = untrusted.extent_order,
                                           .mem_flags = untrusted.mem_flags,
                                           .domid = untrusted.domid};
    wide_address(out->extent_start, untrusted.extent_start);
    return 0;
}

int read_add_to_physmap(struct vcpu *v, guest_ptr_t arg, struct xen_add_to_physmap *out)
{
    struct narrow_add_to_physmap untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct xen_add_to_physmap){.domid = untrusted.domid,
                                       .size = untrusted.size,
                                       .space = untrusted.space,
                                       .idx = untrusted.idx,
                                       .gpfn = untrusted.gpfn};
    return 0;
}

int read_add_batch(struct vcpu *v, guest_ptr_t arg, struct xen_add_to_physmap_batch *out)
{
    struct narrow_add_batch untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct xen_add_to_physmap_batch){.domid = untrusted.domid,
                                             .space = untrusted.space,
                                             .size = untrusted.size,
                                             .u.foreign_domid = untrusted.foreign_domid};
    wide_address(out->idxs, untrusted.idxs);
    wide_address(out->gpfns, untrusted.gpfns);
    wide_address(out->errs, untrusted.errs);
    return 0;
}

int read_remove_from_physmap(struct vcpu *v, guest_ptr_t arg, struct xen_remove_from_physmap *out)
{
    struct narrow_remove untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct xen_remove_from_physmap){.domid = untrusted.domid, .gpfn = untrusted.gpfn};
    return 0;
}

int read_acquire_resource(struct vcpu *v, guest_ptr_t arg, struct xen_mem_acquire_resource *out)
{
    struct narrow_resource untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct xen_mem_acquire_resource){.domid = untrusted.domid,
                                             .type = untrusted.type,
                                             .id = untrusted.id,
                                             .nr_frames = untrusted.nr_frames,
                                             .pad = untrusted.pad,
                                             .frame = joined(untrusted.frame)};
    wide_address(out->frame_list, untrusted.frame_list);
    return 0;
}

int read_poll(struct vcpu *v, guest_ptr_t arg, struct sched_poll *out)
{
    struct narrow_poll untrusted;

    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, arg, sizeof(*out));
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    *out = (struct sched_poll){.nr_ports = untrusted.nr_ports, .timeout = joined(untrusted.timeout)};
    wide_address(out->ports, untrusted.ports);
    return 0;
}

int read_words(struct vcpu *v, guest_ptr_t list, uint64_t first, uint64_t *out, size_t n)
{
    if (!is_narrow_caller(v))
        return copy_from_guest(v, out, guest_ptr_add(list, first * sizeof(*out)), n * sizeof(*out));
    if (copy_from_guest(v, out, guest_ptr_add(list, first * sizeof(uint32_t)), n * sizeof(uint32_t)))
        return -XEN_EFAULT;
    for (size_t i = n; i-- > 0;) { /* in place, from the end */
        uint32_t narrow;
        memcpy(&narrow, (const char *)out + i * sizeof(narrow), sizeof(narrow));
        out[i] = narrow;
    }
    return 0;
}

struct gnttab_copy copy_from_narrow(const struct narrow_copy *untrusted)
{
    struct gnttab_copy wide = {.len = untrusted->len, .flags = untrusted->flags};

    /* Reference or frame number: the former is the lower half of the latter. */
    wide.source.u.gmfn = untrusted->source.ref_or_gmfn;
    wide.source.domid = untrusted->source.domid;
    wide.source.offset = untrusted->source.offset;
    wide.dest.u.gmfn = untrusted->dest.ref_or_gmfn;
    wide.dest.domid = untrusted->dest.domid;
    wide.dest.offset = untrusted->dest.offset;
    return wide;
}

struct runstate_image runstate_image(const struct vcpu_runstate_info *r, bool narrow)
{
    struct runstate_image image = {.start = narrow ? NARROW_RUNSTATE_GAP : 0};

    memcpy(image.bytes, r, sizeof(*r));
    memcpy(image.bytes + image.start, &r->state, sizeof(r->state));
    return image;
}
