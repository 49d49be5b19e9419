/* halt - no wake-up is lost between STI and HLT, however the sender's events fall */
#include "guest.h"

#define VECTOR 0x40
#define ROUNDS 2000u

static volatile unsigned int got, sent;
static evtchn_port_t port;

static void upcall(struct trap_frame *f)
{
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0;
    uint64_t bit = 1ul << (port % 64);
    if (__atomic_fetch_and(&shared_info_map()->evtchn_pending[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit)
        got++;
    lapic_eoi();
}

/* Sends one event for each that has been taken, after a delay that is different each time. */
static void sender(void)
{
    struct evtchn_send arg = {.port = port};
    for (unsigned int i = 0; i < ROUNDS; i++) {
        while (got < i)
            __asm__ volatile("pause");
        for (unsigned int n = i * 37 % 211; n; n--)
            __asm__ volatile("pause");
        sent++;
        check_eq(evtchn_op(EVTCHNOP_send, &arg), 0);
    }
}

void test_main(void)
{
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = 0, .vector = VECTOR};
    struct evtchn_bind_ipi ipi = {.vcpu = 0};

    shared_info_map();
    on_trap(VECTOR, upcall);
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), 0);
    lapic_enable();
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    port = ipi.port;
    struct evtchn_unmask unmask = {.port = port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);

    cpu_start(1, sender);
    while (got < ROUNDS)
        wait_for_interrupt(); /* a lost one ends in the runner's timeout */
    check_eq(sent, ROUNDS);
}
