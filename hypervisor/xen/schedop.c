/* schedop.c - what a vCPU tells the scheduler, and how a domain ends */
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/sched.h>
#include "access.h"
#include "arguments.h"
#include "ports.h"

static long shutdown(struct vcpu *v, guest_ptr_t arg)
{
    struct sched_shutdown untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    domain_shutdown(v->domain, (int)untrusted.reason); /* soft reset too: the toolstack starts the domain anew */
    return 0;
}

static long remote_shutdown(struct vcpu *v, guest_ptr_t arg)
{
    struct sched_remote_shutdown untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    d = domain_get(untrusted.domain_id);
    if (!d)
        return -XEN_ESRCH;
    long rc = !v->domain->is_control ? -XEN_EPERM : untrusted.reason > SHUTDOWN_MAX ? -XEN_EINVAL : 0;
    if (rc == 0)
        domain_shutdown(d, (int)untrusted.reason);
    domain_put(d);
    return rc;
}

static bool any_pending(struct vcpu *v)
{
    for (unsigned int i = 0; i < v->poll_count; i++) {
        if (evtchn_is_pending(v->domain, v->poll_ports[i]))
            return true;
    }
    return false;
}

/* Ports are read once; senders look at the list while it is announced, so it is taken back before it changes. */
static long take_poll(struct vcpu *v, guest_ptr_t arg, struct sched_poll *poll)
{
    evtchn_port_t untrusted_ports[ARRAY_SIZE(v->poll_ports)];

    if (read_poll(v, arg, poll))
        return -XEN_EFAULT;
    if (poll->nr_ports > ARRAY_SIZE(untrusted_ports))
        return -XEN_EINVAL;
    if (copy_from_guest(v, untrusted_ports, GUEST_PTR((uint64_t)poll->ports.p), poll->nr_ports * sizeof(evtchn_port_t)))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < poll->nr_ports; i++) {
        if (untrusted_ports[i] >= v->domain->evtchns->max_ports)
            return -XEN_EINVAL;
    }
    for (unsigned int i = 0; i < poll->nr_ports; i++)
        write_once(v->poll_ports[i], untrusted_ports[i]);
    write_once(v->poll_count, poll->nr_ports);
    return 0;
}

/*
 * Returns to the guest when a listed port is pending (masked or not), the time is up, or for any other wake-up: Linux
 * looks again by itself. Announce first, then look: a sender sets the bit first and then looks for pollers, so one of
 * the two sees the other. And look again when asleep: a sender that came before that had nobody to wake.
 */
static long poll(struct vcpu *v, guest_ptr_t arg)
{
    struct sched_poll untrusted;

    vcpu_poll_finish(v);
    long rc = take_poll(v, arg, &untrusted);
    if (rc)
        return rc;
    __atomic_store_n(&v->poll_ports_active, 1, __ATOMIC_SEQ_CST);
    poll_announce(v);
    if (any_pending(v) || vcpu_has_work(v) || (untrusted.timeout && untrusted.timeout <= time_now())) {
        vcpu_poll_finish(v);
        return 0;
    }
    v->poll_deadline = untrusted.timeout;
    if (untrusted.timeout)
        timer_set(&v->poll_timer, untrusted.timeout);
    vcpu_block(v);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (any_pending(v))
        sched_wake(v);
    return 0;
}

long do_sched_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    switch (cmd) {
    case SCHEDOP_yield: vcpu_yield(v); return 0;
    case SCHEDOP_block:
        if (!vcpu_has_work(v))
            vcpu_block(v);
        return 0;
    case SCHEDOP_shutdown: return shutdown(v, arg);
    case SCHEDOP_poll: return poll(v, arg);
    case SCHEDOP_remote_shutdown: return remote_shutdown(v, arg);
    case SCHEDOP_pin_override:
        return v->domain->is_control ? 0 : -XEN_EPERM; /* for firmware calls on CPU 0: scheduling is not bound */
    default: return -XEN_ENOSYS;                       /* watchdog: its driver then refuses to load */
    }
}
