/* timer - single-shot timer and poll, while halted and while running */
#include "guest.h"

#define VECTOR 0x40
#define MS     1000000ul

static volatile unsigned int fired;
static evtchn_port_t port;

static void upcall(struct trap_frame *f)
{
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0;
    uint64_t bit = 1ul << (port % 64);
    if (__atomic_fetch_and(&shared_info_map()->evtchn_pending[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit)
        fired++;
    lapic_eoi();
}

static uint64_t now(void)
{
    return system_time(vcpu_info(0));
}

static void arm(uint64_t deadline)
{
    struct vcpu_set_singleshot_timer arg = {.timeout_abs_ns = deadline};
    check_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &arg), 0);
}

static void sleep_until_fired(unsigned int times)
{
    while (fired < times)
        wait_for_interrupt();
}

static void spin_ns(uint64_t ns)
{
    uint64_t end = now() + ns;
    irq_on();
    while (now() < end)
        __asm__ volatile("pause");
    irq_off();
}

static void poll(uint64_t timeout, bool pending)
{
    evtchn_port_t ports[1] = {port};
    struct sched_poll arg = {.nr_ports = 1, .timeout = timeout};
    set_xen_guest_handle(arg.ports, ports);
    uint64_t *word = &shared_info_map()->evtchn_pending[port / 64];
    *word = pending ? 1ul << (port % 64) : 0;
    check_eq(sched_op(SCHEDOP_poll, &arg), 0);
    *word = 0;
}

void test_main(void)
{
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = 0, .vector = VECTOR};
    struct evtchn_bind_virq virq = {.virq = VIRQ_TIMER, .vcpu = 0};

    shared_info_map();
    on_trap(VECTOR, upcall);
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), 0);
    lapic_enable();
    check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    check_eq(evtchn_op(EVTCHNOP_bind_virq, &virq), 0);
    port = virq.port;
    struct evtchn_unmask unmask = {.port = port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);

    for (unsigned int i = 1; i <= 10; i++) {
        uint64_t deadline = now() + 2 * MS;
        arm(deadline);
        sleep_until_fired(i);
        check(now() >= deadline, "fired %lu ns early", deadline - now());
        check(now() < deadline + 500 * MS, "fired %lu ns late", now() - deadline);
    }
    arm(1); /* long past: at once */
    sleep_until_fired(11);

    arm(now() + 5 * MS);
    check_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    spin_ns(20 * MS);
    check_eq(fired, 11);

    arm(now() + 5 * MS); /* interrupts a loop as well as a halted vCPU */
    spin_ns(100 * MS);
    check_eq(fired, 12);

    arm(now() + 1000000 * MS); /* moved to earlier */
    arm(now() + 2 * MS);
    sleep_until_fired(13);

    struct vcpu_set_singleshot_timer other = {.timeout_abs_ns = now()};
    check(vcpu_op(VCPUOP_set_singleshot_timer, 1, &other) < 0, "another vCPU's timer can be set");

    struct evtchn_unmask masked = {.port = port};
    shared_info_map()->evtchn_mask[port / 64] |= 1ul << (port % 64);
    uint64_t start = now();
    poll(start + 10 * MS, false);
    check(now() >= start + 10 * MS, "poll came back %lu ns early", start + 10 * MS - now());
    start = now();
    poll(start + 60000 * MS, true); /* a masked pending port counts */
    check(now() < start + 30000 * MS, "poll slept over a pending port");
    check_eq(evtchn_op(EVTCHNOP_unmask, &masked), 0);
}
