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
 * executed again). */
void svm_reinject(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);
    uint64_t info = b->exit_int_info;

    b->event_inject = 0;
    if (!(info & EVENT_VALID) || (info & EVENT_TYPE) == EVENT_SOFTWARE)
        return;
    if ((info & EVENT_TYPE) == EVENT_EXCEPTION && ((info & 0xff) == 3 || (info & 0xff) == 4))
        return;
    b->event_inject = info;
}

static void want_window(struct vmcb *b, bool want)
{
    if (want) {
        b->vintr |= VINTR_IRQ;
        b->intercepts1 |= I1_VINTR;
    } else {
        b->vintr &= ~VINTR_IRQ;
        b->intercepts1 &= ~(uint32_t)I1_VINTR;
    }
}

static bool inject_nmi(struct vcpu *v, struct vmcb *b)
{
    struct vendor_vcpu *s = v->vendor;

    if (!s->nmi_pending || s->nmi_blocked || b->interrupt_shadow & 1)
        return false;
    s->nmi_pending = false;
    s->nmi_blocked = true;
    b->intercepts1 |= I1_IRET;
    b->event_inject = EVENT_VALID | EVENT_NMI | 2;
    return true;
}

void svm_inject_prepare(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);
    bool busy = b->event_inject & EVENT_VALID;
    int vector;

    if (__atomic_exchange_n(&v->nmi_signal, false, __ATOMIC_ACQUIRE))
        v->vendor->nmi_pending = true;
    if (!busy && inject_nmi(v, b))
        busy = true;
    b->vintr = (b->vintr & ~15ul) | vlapic_tpr(v) >> 4;
    vector = vlapic_pending(v);
    if (vector < 0) {
        vector = vcpu_callback_pending(v);
        if (vector < 0) {
            want_window(b, false);
            return;
        }
        if (!busy && v->private->regs.rflags & RFLAGS_IF && !(b->interrupt_shadow & 1)) {
            b->event_inject = EVENT_VALID | EVENT_INTR | (unsigned int)vector;
            want_window(b, false);
        } else {
            want_window(b, true);
        }
        return;
    }
    if (busy || !(v->private->regs.rflags & RFLAGS_IF) || b->interrupt_shadow & 1) {
        want_window(b, true);
        return;
    }
    vlapic_accept(v, (uint8_t)vector);
    b->event_inject = EVENT_VALID | EVENT_INTR | (unsigned int)vector;
    want_window(b, vlapic_pending(v) >= 0);
}

void svm_clear_shadow(struct vcpu *v)
{
    vmcb_of(v)->interrupt_shadow &= ~1ul;
}
