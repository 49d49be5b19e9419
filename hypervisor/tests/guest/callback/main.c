/* callback - the upcall by the domain's callback vector: injected while upcall_pending is set and interrupts are on,
 * without LAPIC */
#include "guest.h"

#define VECTOR 0x50

static volatile unsigned int upcalls;

static void upcall(struct trap_frame *f)
{
    upcalls++;
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0; /* no EOI: it does not come from the LAPIC */
}

void test_main(void)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = 2ul << 56 | VECTOR};
    struct evtchn_bind_ipi ipi = {.vcpu = 0};

    struct shared_info *s = shared_info_map();
    on_trap(VECTOR, upcall);
    check_eq(hvm_op(HVMOP_set_param, &param), 0);
    param.value = 0;
    check_eq(hvm_op(HVMOP_get_param, &param), 0);
    check_eq(param.value, 2ul << 56 | VECTOR);
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    struct evtchn_unmask unmask = {.port = ipi.port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);

    struct evtchn_send send = {.port = ipi.port};
    for (unsigned int i = 1; i <= 50; i++) {
        s->evtchn_pending[ipi.port / 64] = 0;
        check_eq(evtchn_op(EVTCHNOP_send, &send), 0);
        check_eq(upcalls, i - 1);
        irq_on();
        __asm__ volatile("nop; nop");
        irq_off();
        check_eq(upcalls, i);
    }
    s->evtchn_pending[ipi.port / 64] = 0;
    check_eq(evtchn_op(EVTCHNOP_send, &send), 0);
    wait_for_interrupt(); /* must not sleep: it is pending */
    check_eq(upcalls, 51);
}
