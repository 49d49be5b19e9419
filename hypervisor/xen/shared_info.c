/* shared_info.c - between the two shapes of shared_info */
#include <hv/evtchn.h>
#include <hv/pvtime.h>
#include <hv/shared_info.h>
#include <hv/string.h>
#include <hv/vcpu.h>

/* Ports beyond those of the smaller shape start anew: masked, with nothing pending. control_lock held. */
static void reshape(struct domain *d, bool narrow)
{
    struct shared_info *s = d->shared_info;
    uint64_t pending[NARROW_PORTS / 64], mask[NARROW_PORTS / 64];

    memcpy(pending, pending_bits(d), sizeof(pending));
    memcpy(mask, mask_bits(d), sizeof(mask));
    memset(s->evtchn_pending, 0, sizeof(*s) - offsetof(struct shared_info, evtchn_pending));
    if (!narrow)
        memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
    write_once(d->is_narrow, narrow);
    memcpy(mask_bits(d), mask, sizeof(mask));
    memcpy(pending_bits(d), pending, sizeof(pending));
}

void shared_info_take_shape(struct vcpu *caller)
{
    struct domain *d = caller->domain;
    bool narrow = !vcpu_long_mode(caller);

    if (read_once(d->is_narrow) == narrow)
        return;
    spin_lock(&d->control_lock);
    if (d->is_narrow != narrow)
        reshape(d, narrow);
    spin_unlock(&d->control_lock);
    wallclock_publish(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        evtchn_rescan(d->vcpus[i]);
}
