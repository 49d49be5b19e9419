/* events - a channel to ourselves: pending, mask, upcall by the per-vCPU vector, close */
#include <hv/string.h>
#include "guest.h"

#define VECTOR 0x40

static volatile unsigned int upcalls;
static volatile uint64_t seen_selector;

static void upcall(struct trap_frame *f)
{
    struct vcpu_info *v = vcpu_info(0);
    upcalls++;
    v->evtchn_upcall_pending = 0;
    seen_selector |= __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    lapic_eoi();
}

static bool is_pending(evtchn_port_t port)
{
    return shared_info_map()->evtchn_pending[port / 64] >> (port % 64) & 1;
}

static void clear(evtchn_port_t port)
{
    __atomic_fetch_and(&shared_info_map()->evtchn_pending[port / 64], ~(1ul << (port % 64)), __ATOMIC_SEQ_CST);
}

static long send(evtchn_port_t port)
{
    struct evtchn_send arg = {.port = port};
    return evtchn_op(EVTCHNOP_send, &arg);
}

static long unmask(evtchn_port_t port)
{
    struct evtchn_unmask arg = {.port = port};
    return evtchn_op(EVTCHNOP_unmask, &arg);
}

/* An interrupt of the LAPIC is taken at the first instruction behind STI's shadow. */
static unsigned int upcalls_now(void)
{
    irq_on();
    __asm__ volatile("nop; nop");
    irq_off();
    return upcalls;
}

static void counts_of(evtchn_port_t port, unsigned int status)
{
    struct evtchn_status arg = {.dom = DOMID_SELF, .port = port};
    check_eq(evtchn_op(EVTCHNOP_status, &arg), 0);
    check_eq(arg.status, status);
}

void test_main(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = 0, .vector = VECTOR};

    memset(shared_info_map()->evtchn_mask, 0xff, sizeof(shared_info_map()->evtchn_mask)); /* as kernels do */
    on_trap(VECTOR, upcall);
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), 0);
    vector.vector = 15; /* exceptions are not for this */
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), -XEN_EINVAL);
    lapic_enable();

    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    evtchn_port_t near = alloc.port;
    check(near > 0 && near < 4096, "port %u", near);
    counts_of(near, EVTCHNSTAT_unbound);
    check_eq(send(near), 0); /* to nobody: silent */

    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF, .remote_port = near};
    check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &bind), 0);
    evtchn_port_t far = bind.local_port;
    counts_of(near, EVTCHNSTAT_interdomain);
    check(is_pending(far), "a new binding does not start pending");
    clear(far);
    bind.remote_port = near;
    check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL); /* taken */

    /* Masked: only the pending bit. */
    check_eq(upcalls_now(), 0);
    check_eq(send(far), 0);
    check(is_pending(near), "send does not set the peer's pending bit");
    check_eq(upcalls_now(), 0);
    /* Unmasking delivers it, once. */
    check_eq(unmask(near), 0);
    check_eq(upcalls_now(), 1);
    check_eq(seen_selector, 1ul << (near / 64));
    check_eq(send(far), 0); /* still pending: no further upcall */
    check_eq(upcalls_now(), 1);
    clear(near);
    for (unsigned int i = 0; i < 100; i++) {
        clear(near);
        check_eq(send(far), 0);
        check_eq(upcalls_now(), i + 2);
    }

    /* With interrupts off the upcall waits. */
    clear(near);
    check_eq(send(far), 0);
    check_eq(upcalls, 101);
    check_eq(upcalls_now(), 102);

    struct evtchn_close close = {.port = far};
    check_eq(evtchn_op(EVTCHNOP_close, &close), 0);
    counts_of(near, EVTCHNSTAT_unbound);
    check_eq(send(far), -XEN_EINVAL);
    close.port = near;
    check_eq(evtchn_op(EVTCHNOP_close, &close), 0);
    counts_of(near, EVTCHNSTAT_closed);
}
