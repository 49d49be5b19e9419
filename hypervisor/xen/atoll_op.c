/* atoll_op.c - our own operations */
#include <hv/gnttab.h>
#include <public/atoll.h>
#include "access.h"
#include "atoll_op.h"

static long info(struct vcpu *v, guest_ptr_t arg)
{
    struct atoll_info untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.pad0 || untrusted.pad1)
        return -XEN_EINVAL;
    long rc = hypercall_target(v, untrusted.domid, &d);
    if (rc)
        return rc;
    struct atoll_info answer = {
        .domid = d->id,
        .mapped_grants = gnttab_mapped_count(d),
        .grant_frames = gnttab_frame_count(d),
    };
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        answer.exits += read_once(d->vcpus[i]->exits);
    domain_put(d);
    return copy_to_guest(v, arg, &answer, sizeof(answer)) ? -XEN_EFAULT : 0;
}

long do_atoll_op(struct vcpu *v, uint64_t op, guest_ptr_t arg)
{
    return op == ATOLL_OP_info ? info(v, arg) : -XEN_ENOSYS;
}
