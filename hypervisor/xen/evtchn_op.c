/* evtchn_op.c - the event channel hypercall: arguments in, one operation, arguments out */
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include "access.h"
#include "ports.h"

static domid_t resolve_self(const struct vcpu *v, domid_t id)
{
    return id == DOMID_SELF ? v->domain->id : id;
}

/* A port that was opened for a caller who cannot be told is closed again. */
static long give_port(struct vcpu *v, struct domain *d, long port, guest_ptr_t field)
{
    uint32_t value = (uint32_t)port;

    if (port < 0)
        return port;
    if (!copy_to_guest(v, field, &value, sizeof(value)))
        return 0;
    (void)port_close(d, value);
    return -XEN_EFAULT;
}

static long alloc_unbound(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_alloc_unbound untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.dom, &d);
    if (rc)
        return rc;
    rc = port_alloc_unbound(d, resolve_self(v, untrusted.remote_dom));
    rc = give_port(v, d, rc, guest_ptr_add(arg, offsetof(struct evtchn_alloc_unbound, port)));
    domain_put(d);
    return rc;
}

static long bind_interdomain(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_bind_interdomain untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    struct domain *peer = hypercall_domain(v, untrusted.remote_dom); /* anybody: the peer's port says who may bind */
    if (!peer)
        return -XEN_ESRCH;
    long port = port_bind_interdomain(v->domain, peer, untrusted.remote_port);
    domain_put(peer);
    return give_port(v, v->domain, port, guest_ptr_add(arg, offsetof(struct evtchn_bind_interdomain, local_port)));
}

static long bind_virq(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_bind_virq untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.virq >= NR_VIRQS || (!virq_is_per_vcpu(untrusted.virq) && untrusted.vcpu != 0))
        return -XEN_EINVAL;
    struct vcpu *target = domain_vcpu(v->domain, untrusted.vcpu);
    if (!target)
        return -XEN_ENOENT;
    long port = port_bind_virq(v->domain, (uint32_t)index_nospec(untrusted.virq, NR_VIRQS), target->id);
    return give_port(v, v->domain, port, guest_ptr_add(arg, offsetof(struct evtchn_bind_virq, port)));
}

static long bind_ipi(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_bind_ipi untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    struct vcpu *target = domain_vcpu(v->domain, untrusted.vcpu);
    if (!target)
        return -XEN_ENOENT;
    return give_port(v, v->domain, port_bind_ipi(v->domain, target->id),
                     guest_ptr_add(arg, offsetof(struct evtchn_bind_ipi, port)));
}

static long bind_vcpu(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_bind_vcpu untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    struct vcpu *target = domain_vcpu(v->domain, untrusted.vcpu);
    return target ? port_bind_vcpu(v->domain, untrusted.port, target->id) : -XEN_ENOENT;
}

static long status(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_status untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.dom, &d);
    if (rc)
        return rc;
    rc = port_status(d, &untrusted);
    domain_put(d);
    if (rc == 0 && copy_to_guest(v, arg, &untrusted, sizeof(untrusted)))
        rc = -XEN_EFAULT;
    return rc;
}

static long reset(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_reset untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.dom, &d);
    if (rc)
        return rc;
    evtchn_close_all(d);
    domain_put(d);
    return 0;
}

/* send, close and unmask take a port and nothing else. */
static long with_port(struct vcpu *v, guest_ptr_t arg,
                      long (*operation)(struct domain *d, evtchn_port_t untrusted_port))
{
    evtchn_port_t untrusted_port;

    if (copy_from_guest(v, &untrusted_port, arg, sizeof(untrusted_port)))
        return -XEN_EFAULT;
    return operation(v->domain, untrusted_port);
}

static long send(struct vcpu *v, guest_ptr_t arg)
{
    struct evtchn_send untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    return port_send(v->domain, untrusted.port);
}

[[gnu::noinline]] static long other_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    switch (cmd) {
    case EVTCHNOP_unmask: return with_port(v, arg, port_unmask);
    case EVTCHNOP_close: return with_port(v, arg, port_close);
    case EVTCHNOP_alloc_unbound: return alloc_unbound(v, arg);
    case EVTCHNOP_bind_interdomain: return bind_interdomain(v, arg);
    case EVTCHNOP_bind_virq: return bind_virq(v, arg);
    case EVTCHNOP_bind_ipi: return bind_ipi(v, arg);
    case EVTCHNOP_bind_vcpu: return bind_vcpu(v, arg);
    case EVTCHNOP_status: return status(v, arg);
    case EVTCHNOP_reset: return reset(v, arg);
    default: return -XEN_ENOSYS; /* FIFO: Linux falls back to two levels. pirqs: XENFEAT_hvm_pirqs is 0 */
    }
}

/* Sending is what is done all the time: it does not pass the frame that the others need. */
long do_event_channel_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    return cmd == EVTCHNOP_send ? send(v, arg) : other_op(v, cmd, arg);
}
