/* smp - INIT and STARTUP, events and interrupts between two vCPUs, and starting one anew */
#include "guest.h"

#define UPCALL 0x40
#define FIXED  0x41
#define ROUNDS 500u

static volatile unsigned int at[2], fixed[2], nmis, generation;
static volatile uint32_t ap_id, ap_leaf_id;
static evtchn_port_t port[2]; /* ports that notify vCPU 0 and 1 */
static volatile bool stop;

static unsigned int self(void)
{
    return cpuid(1, 0).b >> 24 ? 1 : 0;
}

static void send(evtchn_port_t p)
{
    struct evtchn_send arg = {.port = p};
    check_eq(evtchn_op(EVTCHNOP_send, &arg), 0);
}

static void upcall(struct trap_frame *f)
{
    unsigned int me = self();
    struct vcpu_info *v = vcpu_info(me);
    v->evtchn_upcall_pending = 0;
    __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    uint64_t bit = 1ul << (port[me] % 64);
    if (__atomic_fetch_and(&shared_info_map()->evtchn_pending[port[me] / 64], ~bit, __ATOMIC_SEQ_CST) & bit)
        at[me]++;
    lapic_eoi();
}

static void on_fixed(struct trap_frame *f)
{
    fixed[self()]++;
    lapic_eoi();
}

static void on_nmi(struct trap_frame *f)
{
    nmis++;
}

static void ap(void)
{
    ap_leaf_id = cpuid(1, 0).b >> 24;
    ap_id = lapic_is_x2apic() ? lapic_read(0x20) : lapic_read(0x20) >> 24;
    lapic_enable();
    generation++;
    for (unsigned int answered = 0; !stop;) {
        wait_for_interrupt();
        for (; answered != at[1]; answered++)
            send(port[0]);
    }
}

static void bind(unsigned int vcpu)
{
    struct evtchn_bind_ipi ipi = {.vcpu = vcpu};
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = vcpu, .vector = UPCALL};
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), 0);
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    port[vcpu] = ipi.port;
    struct evtchn_unmask unmask = {.port = ipi.port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);
}

static void wait_until(volatile unsigned int *value, unsigned int wanted, const char *what)
{
    uint64_t end = system_time(vcpu_info(0)) + 10000000000ul;
    while (*value < wanted) {
        check(system_time(vcpu_info(0)) < end, "%s: %u of %u after 10 s", what, *value, wanted);
        __asm__ volatile("pause");
    }
}

void test_main(void)
{
    check_eq(cpu_count(), 2);
    shared_info_map();
    on_trap(UPCALL, upcall);
    on_trap(FIXED, on_fixed);
    on_trap(2, on_nmi);
    lapic_enable();
    bind(0);
    bind(1); /* before it ever ran, as kernels do */
    check_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);

    cpu_start(1, ap);
    wait_until(&generation, 1, "start of vCPU 1");
    check_eq(ap_id, 2);
    check_eq(ap_leaf_id, 2);
    check_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 1);

    for (unsigned int i = 1; i <= ROUNDS; i++) {
        send(port[1]);
        while (at[0] < i)
            wait_for_interrupt();
    }
    check_eq(at[1], ROUNDS);

    lapic_send(2, 0x4000 | FIXED);
    wait_until(&fixed[1], 1, "fixed interrupt");
    lapic_send(2, 0x4400);
    wait_until(&nmis, 1, "NMI");
    lapic_send(0, 0x40000 | 0x4000 | FIXED); /* to itself */
    irq_on();
    wait_until(&fixed[0], 1, "interrupt to itself");
    irq_off();
    lapic_send(0, 0xc0000 | 0x4000 | FIXED); /* all but itself */
    wait_until(&fixed[1], 2, "interrupt to all others");

    /* Down, by halting with interrupts off, and up again. */
    stop = true;
    send(port[1]);
    while (vcpu_op(VCPUOP_is_up, 1, NULL) == 1)
        __asm__ volatile("pause");
    stop = false;
    cpu_start(1, ap);
    wait_until(&generation, 2, "second start of vCPU 1");
    /* INIT while it runs. */
    cpu_start(1, ap);
    wait_until(&generation, 3, "start of a running vCPU 1");
}
