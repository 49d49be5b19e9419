/* hvmop.c - HVM parameters and the event upcall vector */
#include <hv/hypercall.h>
#include <hv/p2m.h>
#include <hv/shared_info.h>
#include <hv/timer.h>
#include "access.h"

#define LOWEST_VECTOR 0x10u

/* An event may have come before there was a way to tell the guest. */
static void raise_again(struct vcpu *v)
{
    if (__atomic_load_n(&load_acquire(v->info)->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
        vcpu_raise_upcall(v);
}

/*
 * Type 2 is a vector for all vCPUs. Type 0 is a GSI; Linux writes GSI 1 after it has set a vector per vCPU, only to
 * hear that events work, so it is taken and nothing is ever asserted there. A PCI pin does not exist in a PVH machine.
 */
static long set_callback(struct domain *d, uint64_t value)
{
    uint64_t type = value >> 56;

    if (type != HVM_PARAM_CALLBACK_TYPE_GSI && type != HVM_PARAM_CALLBACK_TYPE_VECTOR)
        return -XEN_EINVAL;
    if (type == HVM_PARAM_CALLBACK_TYPE_VECTOR && (uint8_t)value < LOWEST_VECTOR)
        return -XEN_EINVAL;
    __atomic_store_n(&d->params[HVM_PARAM_CALLBACK_IRQ], value, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        raise_again(d->vcpus[i]);
    return 0;
}

/* What a domain may read and write of its own; all else is for the toolstack. */
enum { OWN_READ = 1, OWN_WRITE = 2, DEPRECATED = 4 };

static const uint8_t rights[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_STORE_PFN] = OWN_READ,
    [HVM_PARAM_STORE_EVTCHN] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_PAE_ENABLED] = DEPRECATED,
    [HVM_PARAM_DM_DOMAIN] = DEPRECATED,
    [HVM_PARAM_VM86_TSS] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_CONSOLE_PFN] = OWN_READ,
    [HVM_PARAM_CONSOLE_EVTCHN] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_MEMORY_EVENT_CR0... HVM_PARAM_BUFIOREQ_EVTCHN] = DEPRECATED,
    [HVM_PARAM_MEMORY_EVENT_MSR] = DEPRECATED,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = OWN_READ | OWN_WRITE,
    [HVM_PARAM_ALTP2M] = OWN_READ,
    [HVM_PARAM_X87_FIP_WIDTH] = OWN_READ,
    [HVM_PARAM_VM86_TSS_SIZED] = OWN_READ | OWN_WRITE,
};

static long may(const struct vcpu *v, const struct domain *d, uint32_t index, uint8_t right)
{
    if (rights[index] & DEPRECATED)
        return -XEN_EINVAL;
    return d == v->domain && !(rights[index] & right) ? -XEN_EPERM : 0;
}

/* The argument, with its index within bounds, and the domain it names with a reference. */
static long read_param(struct vcpu *v, guest_ptr_t arg, struct xen_hvm_param *param, struct domain **d)
{
    if (copy_from_guest(v, param, arg, sizeof(*param)))
        return -XEN_EFAULT;
    if (param->index >= HVM_NR_PARAMS)
        return -XEN_EINVAL;
    param->index = (uint32_t)index_nospec(param->index, HVM_NR_PARAMS);
    return target_domain(v, param->domid, d);
}

static long set_param(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_hvm_param param;
    struct domain *d;
    long rc = read_param(v, arg, &param, &d);

    if (rc)
        return rc;
    rc = may(v, d, param.index, OWN_WRITE);
    if (rc == 0 && param.index == HVM_PARAM_CALLBACK_IRQ && d == v->domain)
        shared_info_take_shape(v);
    if (rc == 0 && param.index == HVM_PARAM_CALLBACK_IRQ)
        rc = set_callback(d, param.value);
    else if (rc == 0)
        __atomic_store_n(&d->params[param.index], param.value, __ATOMIC_RELAXED);
    domain_put(d);
    return rc;
}

/* A parameter that nobody has set reads 0: for Linux an error means that there is no console, or no store. */
static long get_param(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_hvm_param param;
    struct domain *d;
    long rc = read_param(v, arg, &param, &d);

    if (rc)
        return rc;
    rc = may(v, d, param.index, OWN_READ);
    param.value = read_once(d->params[param.index]);
    domain_put(d);
    if (rc == 0 && copy_to_guest(v, arg, &param, sizeof(param)))
        rc = -XEN_EFAULT;
    return rc;
}

static long set_upcall_vector(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_hvm_evtchn_upcall_vector untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.vector < LOWEST_VECTOR)
        return -XEN_EINVAL;
    struct vcpu *target = domain_vcpu(v->domain, untrusted.vcpu);
    if (!target)
        return -XEN_ENOENT;
    shared_info_take_shape(v);
    __atomic_store_n(&target->upcall_vector, untrusted.vector, __ATOMIC_SEQ_CST);
    raise_again(target);
    return 0;
}

static long get_time(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_hvm_get_time now = {.now = time_now()};

    return copy_to_guest(v, arg, &now, sizeof(now)) ? -XEN_EFAULT : 0;
}

/* The crash kernel asks this of each page before it reads it: device memory would bite. */
static long get_mem_type(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_hvm_get_mem_type untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.domid, &d);
    if (rc)
        return rc;
    switch (p2m_lookup(d, GFN(untrusted.pfn)).type) {
    case P2M_RAM:
    case P2M_GRANT_RW:
    case P2M_FOREIGN: untrusted.mem_type = HVMMEM_ram_rw; break;
    case P2M_RAM_RO:
    case P2M_GRANT_RO: untrusted.mem_type = HVMMEM_ram_ro; break;
    default: untrusted.mem_type = HVMMEM_mmio_dm; break;
    }
    domain_put(d);
    return copy_to_guest(v, arg, &untrusted, sizeof(untrusted)) ? -XEN_EFAULT : 0;
}

long do_hvm_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    switch (cmd) {
    case HVMOP_set_param: return set_param(v, arg);
    case HVMOP_get_param: return get_param(v, arg);
    case HVMOP_set_evtchn_upcall_vector: return set_upcall_vector(v, arg);
    case HVMOP_get_time: return get_time(v, arg);
    case HVMOP_get_mem_type: return get_mem_type(v, arg);
    default: return -XEN_ENOSYS;
    }
}
