/*
 * bus_lock.c - locked accesses that stop the memory of all CPUs: those that straddle two cache lines or go to uncached
 * memory (APM vol. 2, 15.14.5, bus lock threshold). One in a loop would bring the machine nearly to a halt, so a vCPU
 * has a few of them per millisecond. The exit comes before the access: one that has none left gives its CPU away and
 * comes back to the same instruction.
 */
#include "caps.h"
#include "vmcb.h"
#include <hv/timer.h>

#define LOCKS     64u
#define PERIOD_NS 1000000ul

void svm_bus_lock_reset(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);

    if (!svm_caps.bus_lock_threshold)
        return;
    b->intercepts3 |= I3_BUS_LOCK;
    b->bus_locks = LOCKS;
    v->vendor->bus_lock_refill = 0;
}

void svm_bus_lock_exit(struct vcpu *v)
{
    uint64_t now = time_now();

    if (now - v->vendor->bus_lock_refill < PERIOD_NS) {
        vcpu_yield(v);
        return;
    }
    v->vendor->bus_lock_refill = now;
    vmcb_of(v)->bus_locks = LOCKS;
    vmcb_changed(vmcb_of(v), VMCB_INTERCEPTS);
}
