/* domctl.c - making, inspecting and ending other domains: the operations our toolstack uses, in Xen 4.20's layouts */
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/private.h>
#include <hv/sched.h>
#include <hv/string.h>
#include "access.h"
#include "domain_info.h"
#include "hvm_context.h"

#define DEFAULT_GRANT_FRAMES    1024
#define DEFAULT_MAPTRACK_FRAMES 1024
#define CONTEXT_MAX             PAGE_SIZE /* bytes of records: four times what a vCPU needs */

/* One destruction at a time: its steps are not for two CPUs. */
static spinlock_t destroy_lock = SPINLOCK_INIT;

static long check_create(const struct xen_domctl_createdomain *c)
{
    if (c->flags != (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap))
        return -XEN_EOPNOTSUPP; /* PVH only; no IOMMU, nested virtualization, vPMU yet */
    if (c->iommu_opts || c->altp2m_opts || c->vmtrace_size || c->arch.emulation_flags & ~XEN_X86_EMU_LAPIC ||
        c->arch.misc_flags)
        return -XEN_EOPNOTSUPP;
    if (c->max_vcpus < 1 || c->max_vcpus > MAX_VCPUS || !XEN_DOMCTL_GRANT_version(c->grant_opts))
        return -XEN_EINVAL;
    return 0;
}

static struct domain_limits limits_of(const struct xen_domctl_createdomain *c)
{
    return (struct domain_limits){
        .max_vcpus = c->max_vcpus,
        .max_grant_frames = c->max_grant_frames < 0 ? DEFAULT_GRANT_FRAMES : (unsigned int)c->max_grant_frames,
        .max_maptrack_frames =
            c->max_maptrack_frames < 0 ? DEFAULT_MAPTRACK_FRAMES : (unsigned int)c->max_maptrack_frames,
        .max_ports = (unsigned int)MIN(c->max_evtchn_port, EVTCHN_2L_NR_CHANNELS - 1) + 1,
    };
}

static long create(struct xen_domctl *op)
{
    struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain *d;
    long rc = check_create(c);

    if (rc)
        return rc;
    struct domain_limits limits = limits_of(c);
    domid_t id = op->domain ? op->domain : DOMID_INVALID; /* beyond all ids: one never used is chosen */
    rc = domain_create(id, &limits, c->handle, false, &d);
    if (rc)
        return rc;
    op->domain = d->id;
    domain_put(d);
    return 0;
}

static long max_mem(struct domain *d, const struct xen_domctl *op)
{
    write_once(d->max_pages, op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10));
    return 0;
}

static long destroy(struct domain *d)
{
    spin_lock(&destroy_lock);
    long rc = domain_destroy(d);
    spin_unlock(&destroy_lock);
    return rc;
}

static long unpause(struct domain *d)
{
    spin_lock(&d->control_lock);
    bool paused = d->pause_count != 0;
    spin_unlock(&d->control_lock);
    if (!paused)
        return -XEN_EINVAL;
    domain_unpause(d);
    return 0;
}

static long get_vcpu(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.getvcpuinfo.vcpu);

    if (!v)
        return -XEN_EINVAL;
    enum vcpu_state state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);
    op->u.getvcpuinfo.online = state != VCPU_DOWN && state != VCPU_WAIT_SIPI;
    op->u.getvcpuinfo.blocked = state == VCPU_BLOCKED;
    op->u.getvcpuinfo.running = read_once(v->running);
    op->u.getvcpuinfo.cpu_time = sched_runtime(v);
    op->u.getvcpuinfo.cpu = read_once(v->cpu);
    return 0;
}

static long start_vcpu(struct domain *d, const struct vcpu_regs *regs)
{
    struct vcpu *v = d->vcpus[0];
    long rc = 0;

    spin_lock(&d->control_lock);
    if (d->dying || !d->pause_count || v->initialised)
        rc = d->dying ? -XEN_ESRCH : -XEN_EBUSY;
    else {
        struct domain *was = private_enter(d);
        v->private->regs = *regs;
        private_leave(was);
        v->initialised = true;
    }
    spin_unlock(&d->control_lock);
    if (rc == 0)
        vcpu_online(v);
    return rc;
}

/* Records of MTRRs alone change nothing: our guests' memory is write-back from the start. */
static long set_context(struct vcpu *caller, struct domain *d, const struct xen_domctl *op)
{
    size_t bytes = op->u.hvmcontext.size;
    struct vcpu_regs regs;
    uint8_t *records;
    long rc;

    if (!bytes || bytes > CONTEXT_MAX)
        return -XEN_EINVAL;
    records = heap_alloc(bytes);
    if (!records)
        return -XEN_ENOMEM;
    if (copy_from_guest(caller, records, GUEST_PTR((uint64_t)op->u.hvmcontext.buffer.p), bytes))
        rc = -XEN_EFAULT;
    else
        rc = hvm_context_from_records(records, bytes, &regs);
    heap_free(records, bytes);
    if (rc)
        return rc == -XEN_ENODATA ? 0 : rc;
    return start_vcpu(d, &regs);
}

static long shadow_op(struct xen_domctl *op)
{
    switch (op->u.shadow_op.op) {
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION: return 0; /* page tables come from the heap */
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION: op->u.shadow_op.mb = 0; return 0;
    default: return -XEN_EOPNOTSUPP;
    }
}

static long set_handle(struct domain *d, const struct xen_domctl *op)
{
    spin_lock(&d->control_lock);
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    spin_unlock(&d->control_lock);
    return 0;
}

/* Operations that would stop or end the caller itself. */
static bool is_for_others(uint32_t cmd)
{
    return cmd == XEN_DOMCTL_destroydomain || cmd == XEN_DOMCTL_pausedomain || cmd == XEN_DOMCTL_unpausedomain ||
           cmd == XEN_DOMCTL_sethvmcontext;
}

static long on_domain(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    if (d == caller->domain && is_for_others(op->cmd))
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_DOMCTL_destroydomain: return destroy(d);
    case XEN_DOMCTL_pausedomain: domain_pause(d); return 0;
    case XEN_DOMCTL_unpausedomain: return unpause(d);
    case XEN_DOMCTL_getdomaininfo: domain_info_fill(d, &op->u.getdomaininfo); return 0;
    case XEN_DOMCTL_max_mem: return max_mem(d, op);
    case XEN_DOMCTL_max_vcpus: return op->u.max_vcpus.max == d->max_vcpus ? 0 : -XEN_EINVAL;
    case XEN_DOMCTL_getvcpuinfo: return get_vcpu(d, op);
    case XEN_DOMCTL_sethvmcontext: return set_context(caller, d, op);
    case XEN_DOMCTL_shadow_op: return shadow_op(op);
    case XEN_DOMCTL_setdomainhandle: return set_handle(d, op);
    case XEN_DOMCTL_set_paging_mempool_size:
    case XEN_DOMCTL_hypercall_init: return 0;
    case XEN_DOMCTL_gethvmcontext:
    case XEN_DOMCTL_get_cpu_policy:
    case XEN_DOMCTL_set_cpu_policy:
    case XEN_DOMCTL_assign_device: return -XEN_EOPNOTSUPP;
    default: return -XEN_ENOSYS;
    }
}

long do_domctl(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_domctl untrusted;
    struct domain *d;
    long rc;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (untrusted.cmd == XEN_DOMCTL_createdomain) {
        rc = create(&untrusted);
    } else {
        d = domain_get(untrusted.domain);
        if (!d)
            return -XEN_ESRCH;
        rc = on_domain(v, d, &untrusted);
        domain_put(d);
    }
    if (rc == 0 && copy_to_guest(v, arg, &untrusted, sizeof(untrusted)))
        rc = -XEN_EFAULT;
    return rc;
}
