/*
 * arguments.h - structures that 32-bit callers lay out otherwise than 64-bit ones: all with an address, an xen_ulong_t
 * or a frame number in them. Both come out in the 64-bit form. The other structures of the ABI are the same for both.
 */
#pragma once
#include <hv/hypercall.h>

static inline bool is_narrow_caller(struct vcpu *v)
{
    return !vcpu_long_mode(v);
}

/* An address inside a structure that is the same for both: the upper half is not the caller's if it has no such. */
static inline guest_ptr_t caller_pointer(struct vcpu *v, uint64_t field)
{
    return GUEST_PTR(is_narrow_caller(v) ? (uint32_t)field : field);
}

/* These return 0 or -XEN_EFAULT. */
[[nodiscard]] int read_reservation(struct vcpu *v, guest_ptr_t arg, struct xen_memory_reservation *out);
[[nodiscard]] int read_add_to_physmap(struct vcpu *v, guest_ptr_t arg, struct xen_add_to_physmap *out);
[[nodiscard]] int read_add_batch(struct vcpu *v, guest_ptr_t arg, struct xen_add_to_physmap_batch *out);
[[nodiscard]] int read_remove_from_physmap(struct vcpu *v, guest_ptr_t arg, struct xen_remove_from_physmap *out);
[[nodiscard]] int read_acquire_resource(struct vcpu *v, guest_ptr_t arg, struct xen_mem_acquire_resource *out);
[[nodiscard]] int read_poll(struct vcpu *v, guest_ptr_t arg, struct sched_poll *out);
/* Items [first, first + n) of a list of frame numbers or xen_ulong_t. */
[[nodiscard]] int read_words(struct vcpu *v, guest_ptr_t list, uint64_t first, uint64_t *out, size_t n);

/* A 32-bit caller's element of GNTTABOP_copy. */
struct narrow_copy_end {
    uint32_t ref_or_gmfn;
    domid_t domid;
    uint16_t offset;
};
struct narrow_copy {
    struct narrow_copy_end source, dest;
    uint16_t len, flags;
    int16_t status;
};
static_assert(sizeof(struct narrow_copy) == 24);
struct gnttab_copy copy_from_narrow(const struct narrow_copy *untrusted);

/*
 * A runstate area as kernels see it: 32-bit ones have no gap behind the state, so that theirs is 4 bytes shorter and
 * all but the state stands 4 bytes earlier.
 */
#define NARROW_RUNSTATE_GAP 4u
struct runstate_image {
    uint8_t bytes[sizeof(struct vcpu_runstate_info)];
    size_t start; /* of what the kernel sees, in `bytes`; it goes to their end */
};
struct runstate_image runstate_image(const struct vcpu_runstate_info *r, bool narrow);
