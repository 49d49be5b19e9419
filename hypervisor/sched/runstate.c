/* runstate.c - how long a vCPU was in which state, as the guest reads it (xen-abi.md 5.5) */
#include <hv/sched.h>
#include <hv/vcpu.h>

void vcpu_runstate_change(struct vcpu *v, int state, uint64_t now)
{
    struct vcpu_runstate_info *r = &v->runstate;
    unsigned int old = (unsigned int)r->state;

    if (old < ARRAY_SIZE(r->time) && now > r->state_entry_time)
        r->time[old] += now - r->state_entry_time;
    r->state = state;
    r->state_entry_time = now;
    vcpu_runstate_publish(v);
}
