/* inject.c - interrupts and exceptions into the guest (APM vol. 2, 15.20) */
#include "vmcb.h"
#include <hv/cpu.h>
#include <hv/fault.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

/* May `vector` make a double fault of a first exception (SDM vol. 3, table 6-5)? */
static bool is_contributory(unsigned int vector)
{
    return vector == 0 || (vector >= 10 && vector <= 13);
}

static bool makes_double_fault(unsigned int first, unsigned int second)
{
    return is_contributory(first) ? is_contributory(second)
                                  : first == VECTOR_PF && (second == VECTOR_PF || is_contributory(second));
}

void svm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
{
    struct vmcb *b = vmcb_of(v);

    if (b->event_inject & EVENT_VALID && (b->event_inject & EVENT_TYPE) == EVENT_EXCEPTION) {
        unsigned int first = b->event_inject & 0xff;
        if (first == 8 && (vector == VECTOR_PF || is_contributory(vector))) {
            vcpu_triple_fault(v);
            return;
        }
        if (makes_double_fault(first, vector)) {
            b->event_inject = EVENT_VALID | EVENT_EXCEPTION | EVENT_ERROR | 8;
            return;
        }
        /* Else the second is delivered; the first one's instruction is executed again after it. */
    }
    b->event_inject = EVENT_VALID | EVENT_EXCEPTION | vector | (has_error ? EVENT_ERROR | (uint64_t)error << 32 : 0);
}

/* An event whose delivery the exit cut short comes again, unless it is a software interrupt (its instruction is
 * executed again). QEMU calls a virtual interrupt that was cut short an exception of that vector; V_IRQ still stands
 * then, so it comes again by itself. */
void svm_reinject(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);
    uint64_t info = b->exit_int_info;

    b->event_inject = 0;
    if (!(info & EVENT_VALID) || (info & EVENT_TYPE) == EVENT_SOFTWARE)
        return;
    if ((info & EVENT_TYPE) == EVENT_EXCEPTION && ((info & 0xff) == 3 || (info & 0xff) == 4 || (info & 0xff) >= 32))
        return;
    b->event_inject = info;
}

/*
 * Interrupts go in as the virtual interrupt of the VMCB (APM vol. 2, 15.21.4): the CPU delivers it by itself once IF,
 * the interrupt shadow and the task priority (for the local APIC's ones) allow. So no exit is needed to find that
 * moment, as with an event injection and an interrupt window. svm_settle_interrupt() sees after the exit what became of
 * it. In QEMU 7.2 to 10 an injected external interrupt can also be delivered twice (docs/emulators.md).
 */
static void offer_interrupt(struct vcpu *v, struct vmcb *b)
{
    uint64_t task_class = vlapic_tpr(v) >> 4;
    int vector = vlapic_deliverable(v);
    int callback = vector < 0 || (uint64_t)vector >> 4 <= task_class ? vcpu_callback_pending(v) : -1;

    vmcb_changed(b, VMCB_VINTR);
    b->vintr = VINTR_MASKING | task_class;
    v->vendor->task_class = task_class;
    v->vendor->offered = -1;
    if (callback >= 0) {
        b->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_VECTOR((uint64_t)callback);
    } else if (vector >= 0) {
        b->vintr |= VINTR_IRQ | VINTR_PRIORITY((uint64_t)vector) | VINTR_VECTOR((uint64_t)vector);
        v->vendor->offered = vector;
        vlapic_hand_over(v, (uint8_t)vector);
    }
}

void svm_settle_interrupt(struct vcpu *v)
{
    struct vendor_vcpu *s = v->vendor;

    if (s->offered < 0)
        return;
    if (vmcb_of(v)->vintr & VINTR_IRQ)
        vlapic_take_back(v, (uint8_t)s->offered);
    else
        vlapic_in_service(v, (uint8_t)s->offered);
    s->offered = -1;
}

static void inject_nmi(struct vcpu *v, struct vmcb *b)
{
    struct vendor_vcpu *s = v->vendor;

    if (!s->nmi_pending || s->nmi_blocked || b->interrupt_shadow & 1)
        return;
    s->nmi_pending = false;
    s->nmi_blocked = true;
    b->intercepts1 |= I1_IRET;
    vmcb_changed(b, VMCB_INTERCEPTS);
    b->event_inject = EVENT_VALID | EVENT_NMI | 2;
}

void svm_inject_prepare(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);

    if (__atomic_exchange_n(&v->nmi_signal, false, __ATOMIC_ACQUIRE))
        v->vendor->nmi_pending = true;
    if (!(b->event_inject & EVENT_VALID))
        inject_nmi(v, b);
    offer_interrupt(v, b);
    v->vendor->settled = !(b->event_inject & EVENT_VALID) && !(b->vintr & VINTR_IRQ) && !v->vendor->nmi_pending;
}

void svm_clear_shadow(struct vcpu *v)
{
    vmcb_of(v)->interrupt_shadow &= ~1ul;
}
