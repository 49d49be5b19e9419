/* memory.c - the memory hypercall: dispatch and questions */
#include <hv/machine.h>
#include <hv/p2m.h>
#include "access.h"
#include "arguments.h"
#include "memory_ops.h"

/* The command's upper bits say where an interrupted call goes on, as in Xen. */
#define OP_BITS 6u
#define OP_MASK ((1u << OP_BITS) - 1)

long memory_pause(struct vcpu *v, uint64_t op, uint64_t done)
{
    v->private->regs.gpr[RDI] = op | done << OP_BITS;
    return HYPERCALL_RESTART;
}

uint64_t memory_list_limit(struct vcpu *v)
{
    return is_narrow_caller(v) ? UINT32_MAX >> OP_BITS : INT32_MAX;
}

static long maximum_ram_page(void)
{
    uint64_t end = 0;

    for (unsigned int i = 0; i < machine.e820_count; i++) {
        if (machine.e820[i].type == E820_RAM)
            end = MAX(end, machine.e820[i].start + machine.e820[i].size);
    }
    return end ? (long)((end - 1) >> PAGE_SHIFT) : 0;
}

/* The argument is a domain id alone. */
static long ask_domain(struct vcpu *v, guest_ptr_t arg, long (*answer)(struct domain *d))
{
    domid_t untrusted_id;
    struct domain *d;

    if (copy_from_guest(v, &untrusted_id, arg, sizeof(untrusted_id)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted_id, &d);
    if (rc)
        return rc;
    rc = answer(d);
    domain_put(d);
    return rc;
}

static long current_reservation(struct domain *d)
{
    return (long)__atomic_load_n(&d->owned_pages, __ATOMIC_RELAXED);
}

static long maximum_reservation(struct domain *d)
{
    return (long)MIN(read_once(d->max_pages), (uint64_t)INT64_MAX);
}

static long maximum_gpfn(struct domain *d)
{
    return (long)p2m_max_gfn(d).v;
}

/* Calls that go on from a position; the others have none. */
static bool is_list(uint64_t op)
{
    return op == XENMEM_populate_physmap || op == XENMEM_decrease_reservation || op == XENMEM_add_to_physmap_batch ||
           op == XENMEM_acquire_resource;
}

/* memory_map is not answered: start_info (version 1) carries the map, and then kernels do not ask. */
long do_memory_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    uint64_t start = cmd >> OP_BITS;

    if (start && !is_list(cmd & OP_MASK))
        return -XEN_EINVAL;
    switch (cmd & OP_MASK) {
    case XENMEM_populate_physmap: return memory_populate(v, arg, start);
    case XENMEM_decrease_reservation: return memory_decrease(v, arg, start);
    case XENMEM_add_to_physmap: return memory_add_to_physmap(v, arg);
    case XENMEM_add_to_physmap_batch: return memory_add_batch(v, arg, start);
    case XENMEM_remove_from_physmap: return memory_remove_from_physmap(v, arg);
    case XENMEM_acquire_resource: return memory_acquire_resource(v, arg, start);
    case XENMEM_current_reservation: return ask_domain(v, arg, current_reservation);
    case XENMEM_maximum_reservation: return ask_domain(v, arg, maximum_reservation);
    case XENMEM_maximum_gpfn: return ask_domain(v, arg, maximum_gpfn);
    case XENMEM_maximum_ram_page: return maximum_ram_page();
    default: return -XEN_ENOSYS;
    }
}
