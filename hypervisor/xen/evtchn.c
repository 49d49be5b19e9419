/* evtchn.c - event delivery, two-level ABI; nothing here takes a lock */
#include <hv/sched.h>
#include <hv/shared_info.h>
#include "ports.h"

/* The word of ports has something: tells the vCPU. All of it is memory that the guest changes at the same time. */
static void notify(struct vcpu *v, evtchn_port_t port)
{
    struct vcpu_info *info = load_acquire(v->info);

    if (select_word(v->domain, info, port))
        return;
    /* The upcall is raised on the 0 -> 1 edge only: the guest clears the byte before it scans. */
    if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_raise_upcall(v);
}

/* A kick alone does not wake the vCPU whose hypercall has just ended on this very CPU: it would look for interrupts
 * only. */
void poll_wake(struct vcpu *v)
{
    vcpu_kick(v);
    sched_wake(v);
}

static bool polls_for(const struct vcpu *v, evtchn_port_t port)
{
    unsigned int count = MIN(read_once(v->poll_count), (unsigned int)ARRAY_SIZE(v->poll_ports));

    for (unsigned int i = 0; i < count; i++) {
        if (read_once(v->poll_ports[i]) == port)
            return true;
    }
    return false;
}

/* A bit may be stale (the vCPU woke for another reason): then this is one kick too many, which does no harm. */
static void wake_pollers(struct domain *d, evtchn_port_t port, uint32_t polling)
{
    while (polling) {
        unsigned int id = (unsigned int)__builtin_ctz(polling);
        polling &= polling - 1;
        if (!polls_for(d->vcpus[id], port))
            continue;
        __atomic_fetch_and(&d->evtchns->polling, ~(1u << id), __ATOMIC_SEQ_CST);
        poll_wake(d->vcpus[id]);
    }
}

void evtchn_set_pending(struct vcpu *v, evtchn_port_t port)
{
    struct domain *d = v->domain;

    if (bit_test_and_set(pending_bits(d), port))
        return;
    if (!bit_test(mask_bits(d), port))
        notify(v, port);
    uint32_t polling = read_once(d->evtchns->polling);
    if (polling) /* pollers wait for masked ports too */
        wake_pollers(d, port, polling);
}

static void set_port_pending(struct domain *d, evtchn_port_t port)
{
    struct port *p = port_entry(d, port);

    if (p)
        evtchn_set_pending(d->vcpus[read_once(p->vcpu)], port);
}

/* The count keeps the peer's reference and port from going away; whoever closes waits for 0. */
static long send_interdomain(struct port *p)
{
    long rc = 0;

    __atomic_fetch_add(&p->senders, 1, __ATOMIC_SEQ_CST);
    switch (port_kind(p)) { /* again: it may have been closed in between */
    case PORT_INTERDOMAIN: set_port_pending(p->peer, p->peer_port); break;
    case PORT_UNBOUND: break;
    default: rc = -XEN_EINVAL; break;
    }
    __atomic_fetch_sub(&p->senders, 1, __ATOMIC_RELEASE);
    return rc;
}

long port_send(struct domain *d, evtchn_port_t untrusted_port)
{
    struct port *p = port_entry(d, untrusted_port);

    if (!p)
        return -XEN_EINVAL;
    switch (port_kind(p)) {
    case PORT_IPI: evtchn_set_pending(d->vcpus[read_once(p->vcpu)], untrusted_port); return 0;
    case PORT_INTERDOMAIN: return send_interdomain(p);
    case PORT_UNBOUND: return 0; /* nobody is there any more: silent, as senders cannot know */
    default: return -XEN_EINVAL;
    }
}

long port_unmask(struct domain *d, evtchn_port_t untrusted_port)
{
    if (untrusted_port == 0 || untrusted_port >= d->evtchns->max_ports)
        return -XEN_EINVAL;
    struct port *p = port_entry(d, untrusted_port);
    if (bit_test_and_clear(mask_bits(d), untrusted_port) && p && bit_test(pending_bits(d), untrusted_port))
        notify(d->vcpus[read_once(p->vcpu)], untrusted_port);
    return 0;
}

static void raise(struct domain *d, unsigned int vcpu, unsigned int virq)
{
    evtchn_port_t port = load_acquire(d->evtchns->virq_port[vcpu][virq]);

    if (port)
        set_port_pending(d, port);
}

void evtchn_raise_virq(struct vcpu *v, unsigned int virq)
{
    raise(v->domain, v->id, virq);
}

void evtchn_raise_global_virq(struct domain *d, unsigned int virq)
{
    raise(d, 0, virq);
}

bool evtchn_is_pending(struct domain *d, evtchn_port_t port)
{
    return bit_test(pending_bits(d), port);
}

void evtchn_rescan(struct vcpu *v)
{
    struct vcpu_info *info = load_acquire(v->info);

    select_all(v->domain, info);
    __atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_raise_upcall(v);
}

void poll_announce(struct vcpu *v)
{
    __atomic_fetch_or(&v->domain->evtchns->polling, 1u << v->id, __ATOMIC_SEQ_CST);
}
