/*
 * shared_info.h - the two shapes of what kernels share with us: 64-bit ones see words of 64 bits, 32-bit ones of 32.
 * A domain has one shape at a time, that of the kernel that last asked for its shared_info or for upcalls. A kernel
 * that changes it while events fly confuses itself: every place below lies in the same page, or the same vcpu_info, in
 * both shapes.
 */
#pragma once
#include <hv/domain.h>
#include <hv/lock.h>
#include <xen/foreign/x86_32.h>

struct vcpu;

#define NARROW_PORTS 1024u /* 32 words of 32 bits */

static_assert(sizeof(struct shared_info_x86_32) <= PAGE_SIZE && sizeof(struct vcpu_info_x86_32) == 64);
static_assert(offsetof(struct shared_info_x86_32, evtchn_pending) == offsetof(struct shared_info, evtchn_pending));
static_assert(offsetof(struct vcpu_info_x86_32, time) == offsetof(struct vcpu_info, time));

static inline struct shared_info_x86_32 *narrow_shared_info(struct domain *d)
{
    return (struct shared_info_x86_32 *)(void *)d->shared_info;
}

/* One bit per port. In memory, bit n of 64-bit words is bit n of 32-bit words; only the masks begin elsewhere. */
static inline uint64_t *pending_bits(struct domain *d)
{
    return d->shared_info->evtchn_pending;
}
static inline uint64_t *mask_bits(struct domain *d)
{
    return read_once(d->is_narrow) ? (uint64_t *)(void *)narrow_shared_info(d)->evtchn_mask
                                   : d->shared_info->evtchn_mask;
}

/* The word of the selector that stands for the word of `port`: sets it, and says whether it was set before. */
static inline bool select_word(const struct domain *d, struct vcpu_info *info, unsigned int port)
{
    if (!read_once(d->is_narrow))
        return bit_test_and_set(&info->evtchn_pending_sel, port / 64);
    uint32_t *selector = &((struct vcpu_info_x86_32 *)(void *)info)->evtchn_pending_sel;
    uint32_t bit = 1u << port / 32 % 32;
    return __atomic_fetch_or(selector, bit, __ATOMIC_SEQ_CST) & bit;
}

static inline void select_all(const struct domain *d, struct vcpu_info *info)
{
    if (read_once(d->is_narrow))
        __atomic_store_n(&((struct vcpu_info_x86_32 *)(void *)info)->evtchn_pending_sel, ~0u, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n(&info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
}

/* How many ports the shape has room for. */
static inline unsigned int port_limit(const struct domain *d, unsigned int max_ports)
{
    return read_once(d->is_narrow) ? MIN(max_ports, NARROW_PORTS) : max_ports;
}

/* The caller's domain gets the shape of the mode that the caller is in. Nothing pending is lost. */
void shared_info_take_shape(struct vcpu *caller);
