/* runstate.c - how long a vCPU was in which state, as the guest reads it (xen-abi.md 5.5) */
#include <hv/sched.h>
#include <hv/vcpu.h>

static void enter(struct vcpu_runstate_info *r, int state, uint64_t at)
{
    unsigned int old = (unsigned int)r->state;

    at = MAX(at, r->state_entry_time);
    if (old < ARRAY_SIZE(r->time))
        r->time[old] += at - r->state_entry_time;
    r->state = state;
    r->state_entry_time = at;
}

void vcpu_runstate_change(struct vcpu *v, int state, uint64_t now)
{
    enter(&v->runstate, state, now);
    vcpu_runstate_publish(v);
}

/* Whoever wakes it is on another CPU and leaves only the time: from then on it was kept waiting, which the guest counts
 * as stolen. */
void vcpu_runstate_run(struct vcpu *v, uint64_t now)
{
    if (v->runstate.state != RUNSTATE_runnable)
        enter(&v->runstate, RUNSTATE_runnable, MIN(v->queued_at, now));
    enter(&v->runstate, RUNSTATE_running, now);
    vcpu_runstate_publish(v);
}
