/* access.h - which domains a hypercall may act on */
#pragma once
#include <hv/hypercall.h>

/*
 * The domain that a caller names, with a reference (domain_put() by the caller): itself (DOMID_SELF or its own id), or
 * any other if the caller is the control domain. Returns 0 or Xen's answers, in Xen's order: -XEN_ESRCH if there is no
 * such domain, then -XEN_EPERM if it is not the caller's to act on.
 */
[[nodiscard]] long target_domain(struct vcpu *v, domid_t untrusted_id, struct domain **out);
/* Another domain, for the control domain only: -XEN_ESRCH (DOMID_SELF too), else -XEN_EPERM for itself and for others
 * than the control domain. */
[[nodiscard]] long remote_domain(struct vcpu *v, domid_t untrusted_id, struct domain **out);

/* Item `i` of an array that a guest handle names. Not pointer arithmetic: the address is the guest's, and may be
 * anything. */
#define guest_item(handle, i) guest_ptr_add(GUEST_PTR((uint64_t)(handle).p), (uint64_t)(i) * sizeof(*(handle).p))

/* The vCPU of `d` with that number, NULL if there is none. */
static inline struct vcpu *domain_vcpu(struct domain *d, uint64_t untrusted_id)
{
    if (untrusted_id >= d->max_vcpus)
        return NULL;
    return d->vcpus[index_nospec(untrusted_id, d->max_vcpus)];
}
