/* atoll_op.c - our own operations */
#include <hv/frame.h>
#include <hv/gnttab.h>
#include <hv/machine.h>
#include <hv/selfcheck.h>
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
    long rc = target_domain(v, untrusted.domid, &d);
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

static long memory(struct vcpu *v, guest_ptr_t arg)
{
    struct atoll_memory answer = {.free_pages = frames_free_count()};

    if (!v->domain->is_control)
        return -XEN_EPERM;
    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM)
            answer.ram_pages += machine.e820[i].size >> PAGE_SHIFT;
    return copy_to_guest(v, arg, &answer, sizeof(answer)) ? -XEN_EFAULT : 0;
}

static long look_at_tables(struct vcpu *v, guest_ptr_t arg)
{
    if (!v->domain->is_control)
        return -XEN_EPERM;
    struct private_view view = selfcheck_private();
    struct atoll_selfcheck answer = {
        .frames = frames_private_count(), .shown = view.shown, .others = view.others, .switches = view.switches};
    return copy_to_guest(v, arg, &answer, sizeof(answer)) ? -XEN_EFAULT : 0;
}

long do_atoll_op(struct vcpu *v, uint64_t op, guest_ptr_t arg)
{
    switch (op) {
    case ATOLL_OP_info: return info(v, arg);
    case ATOLL_OP_memory: return memory(v, arg);
    case ATOLL_OP_selfcheck: return look_at_tables(v, arg);
    default: return -XEN_ENOSYS;
    }
}
