/* pvtime.c - the clocks that a guest reads from shared memory (xen-abi.md 5.1, 5.2): version odd while writing */
#include <hv/cpu.h>
#include <hv/guestcopy.h>
#include <hv/pvtime.h>
#include <hv/shared_info.h>
#include <hv/vcpu.h>

#define TSC_STABLE 1u

static void fill(struct vcpu *v, struct vcpu_time_info *t)
{
    /* One point on the line that all CPUs share: the boot instant. mul and shift carry on from there. */
    t->tsc_timestamp = time_scale.boot_tsc + v->tsc_offset;
    t->system_time = 0;
    t->tsc_to_system_mul = time_scale.mul;
    t->tsc_shift = time_scale.shift;
    t->flags = host.invariant_tsc ? TSC_STABLE : 0;
}

void vcpu_time_publish(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time, copy = {0};
    uint32_t version = read_once(t->version) & ~1u;

    store_release(t->version, version + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fill(v, t);
    store_release(t->version, version + 2);
    if (v->time_gpa.v) {
        fill(v, &copy);
        copy.version = version + 2;
        if (copy_to_gpa(v->domain, v->time_gpa, &copy, sizeof(copy)))
            v->time_gpa = GPA(0); /* the guest gave the page away: its clock there ends */
    }
}

void wallclock_publish(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    struct shared_info_x86_32 *narrow = narrow_shared_info(d);
    bool is_narrow = read_once(d->is_narrow);
    uint32_t *place = is_narrow ? &narrow->wc_version : &s->wc_version; /* and behind it, seconds and nanoseconds */
    uint64_t sec;
    uint32_t nsec;

    wallclock_get(&sec, &nsec);
    uint32_t version = read_once(place[0]) & ~1u;
    store_release(place[0], version + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    place[1] = (uint32_t)sec;
    place[2] = nsec;
    *(is_narrow ? &narrow->arch.wc_sec_hi : &s->wc_sec_hi) = (uint32_t)(sec >> 32);
    store_release(place[0], version + 2);
}
