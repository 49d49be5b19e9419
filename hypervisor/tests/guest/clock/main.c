/* clock - system time is there from the start, never goes back, and follows the registered places */
#include <hv/string.h>
#include "guest.h"

static struct vcpu_info own_info __aligned(64);
static struct vcpu_runstate_info runstate;
static struct vcpu_time_info time_page[128] __aligned(4096);

static uint64_t spin_until(const struct vcpu_info *info, uint64_t ns)
{
    uint64_t last = system_time(info), end = last + ns;
    while (last < end) {
        uint64_t t = system_time(info);
        check(t >= last, "system time went back by %lu ns", last - t);
        last = t;
    }
    return last;
}

static void registered_info(struct shared_info *s)
{
    struct vcpu_register_vcpu_info arg = {.mfn = PTR(&own_info) >> PAGE_SHIFT, .offset = PTR(&own_info) & PAGE_MASK};
    uint64_t before = system_time(&s->vcpu_info[0]);

    own_info.evtchn_upcall_pending = 0;
    check_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &arg), 0);
    check_eq(own_info.evtchn_upcall_pending, 1); /* so that nothing is lost */
    check(own_info.time.tsc_to_system_mul, "no time in the registered page");
    check(system_time(&own_info) >= before, "time went back with the move");
    check(vcpu_op(VCPUOP_register_vcpu_info, 0, &arg) < 0, "registered twice");
    arg.offset = 4090; /* would leave the page */
    check(vcpu_op(VCPUOP_register_vcpu_info, 1, &arg) < 0, "registered across the end of a page");
}

static void registered_areas(void)
{
    struct vcpu_register_runstate_memory_area r = {};
    r.addr.v = &runstate;
    check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
    spin_until(&own_info, 50000000);
    check_eq(runstate.state, RUNSTATE_running);
    check(runstate.state_entry_time, "no entry time");

    struct vcpu_register_time_memory_area t = {};
    t.addr.v = time_page;
    check_eq(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &t), 0);
    spin_until(&own_info, 5000000);
    check(time_page[0].tsc_to_system_mul == own_info.time.tsc_to_system_mul, "no time in the second place");
}

void test_main(void)
{
    struct shared_info *s = shared_info_map();
    check(s->vcpu_info[0].time.tsc_to_system_mul, "time is not valid when shared_info appears");
    check(!(s->wc_version & 1), "the wall clock is being written for ever");
    check(s->wc_sec > 1600000000u, "the wall clock stands at %u", s->wc_sec);

    uint64_t start = system_time(&s->vcpu_info[0]);
    check(start < 3600000000000ul, "system time starts at %lu", start);
    spin_until(&s->vcpu_info[0], 100000000);
    registered_info(s);
    spin_until(&own_info, 100000000);
    registered_areas();
}
