/* lapic.c - the local APIC: state, registers, priorities */
#include "lapic.h"
#include <hv/heap.h>
#include <hv/vioapic.h>

static const uint32_t lvt_writable[NR_LVTS] = {
    [LVT_TIMER] = 0x300ff | LVT_MASKED, /* bit 18, TSC-deadline, does not exist */
    [LVT_THERMAL] = 0x107ff,
    [LVT_PERF] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff,
    [LVT_LINT1] = 0x1a7ff,
    [LVT_ERROR] = 0x100ff,
};
#define LVT_READ_ONLY 0x5000u /* delivery status and remote IRR: writing them is allowed and does nothing */

void lapic_reset_registers(struct vlapic *l)
{
    lapic_timer_stop(l);
    for (unsigned int i = 0; i < 4; i++) {
        write_once(l->irr[i], 0ul);
        write_once(l->isr[i], 0ul);
        write_once(l->tmr[i], 0ul);
    }
    write_once(l->tpr, 0u);
    write_once(l->svr, 0xffu);
    write_once(l->ldr, 0u);
    write_once(l->dfr, 0xffffffffu);
    l->esr = l->esr_latched = 0;
    l->icr = 0;
    for (unsigned int i = 0; i < NR_LVTS; i++)
        write_once(l->lvt[i], LVT_MASKED);
    l->timer_initial = 0;
    l->timer_divide = 0;
}

int vlapic_create(struct vcpu *v)
{
    struct vlapic *l = heap_alloc(sizeof(*l));

    if (!l)
        return -XEN_ENOMEM;
    l->vcpu = v;
    /* x2APIC from the start: Linux takes it over as it is, and no LAPIC access needs the instruction emulator. */
    l->base = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC | (v->id == 0 ? APIC_BASE_BSP : 0);
    lapic_timer_init(l);
    lapic_reset_registers(l);
    v->lapic = l;
    return 0;
}

void vlapic_destroy(struct vcpu *v)
{
    if (!v->lapic)
        return;
    lapic_timer_stop(v->lapic);
    heap_free(v->lapic, sizeof(*v->lapic));
    v->lapic = NULL;
}

void vlapic_reset(struct vcpu *v)
{
    lapic_reset_registers(v->lapic);
}

uint64_t vlapic_base(struct vcpu *v)
{
    return v->lapic->base;
}

int vlapic_set_base(struct vcpu *v, uint64_t value)
{
    struct vlapic *l = v->lapic;
    uint64_t mode = value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    uint64_t old = l->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);

    /* The address cannot move: the page is a hole in every p2m. BSP is ours to say. */
    if ((value & ~(APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE)) != APIC_BASE_ADDRESS)
        return -1;
    if (mode == APIC_BASE_X2APIC)
        return -1;
    if (mode != old) {
        bool was_x2 = old & APIC_BASE_X2APIC;
        if (was_x2 && mode == APIC_BASE_ENABLE) /* only through disabled (SDM vol. 3, figure 11-27) */
            return -1;
        if (old == 0 && (mode & APIC_BASE_X2APIC))
            return -1;
        if (mode == 0)
            lapic_reset_registers(l);
    }
    write_once(l->base, APIC_BASE_ADDRESS | mode | (l->base & APIC_BASE_BSP));
    return 0;
}

bool vlapic_in_xapic_mode(struct vcpu *v)
{
    return (read_once(v->lapic->base) & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
}

/* ---- interrupts in and out ---- */

void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
    struct vlapic *l = v->lapic;

    if (!lapic_sw_enabled(l) || vector < 16)
        return;
    /* TMR before IRR: whoever sees the request also sees its kind. */
    if (level)
        (void)bit_test_and_set(l->tmr, vector);
    else if (bit_test(l->tmr, vector))
        (void)bit_test_and_clear(l->tmr, vector);
    if (!bit_test_and_set(l->irr, vector))
        vcpu_kick(v);
}

uint8_t lapic_ppr(const struct vlapic *l)
{
    int in_service = lapic_highest(l->isr);
    uint8_t tpr = (uint8_t)read_once(l->tpr);
    uint8_t isr_class = in_service < 0 ? 0 : (uint8_t)(in_service & 0xf0);

    return (tpr & 0xf0) >= isr_class ? tpr : isr_class;
}

int vlapic_deliverable(struct vcpu *v)
{
    struct vlapic *l = v->lapic;
    int vector = lapic_highest(l->irr); /* four loads when nothing is pending */

    if (vector < 0 || !lapic_hw_enabled(l))
        return -1;
    int in_service = lapic_highest(l->isr);
    return in_service < 0 || (vector & 0xf0) > (in_service & 0xf0) ? vector : -1;
}

int vlapic_pending(struct vcpu *v)
{
    int vector = vlapic_deliverable(v);

    return vector >= 0 && (vector & 0xf0) > (read_once(v->lapic->tpr) & 0xf0) ? vector : -1;
}

void vlapic_hand_over(struct vcpu *v, uint8_t vector)
{
    (void)bit_test_and_clear(v->lapic->irr, vector);
}

void vlapic_take_back(struct vcpu *v, uint8_t vector)
{
    (void)bit_test_and_set(v->lapic->irr, vector);
}

void vlapic_in_service(struct vcpu *v, uint8_t vector)
{
    struct vlapic *l = v->lapic;

    write_once(l->isr[vector / 64], l->isr[vector / 64] | 1ul << (vector % 64));
}

static void lapic_eoi(struct vlapic *l)
{
    int vector = lapic_highest(l->isr);

    if (vector < 0)
        return;
    write_once(l->isr[vector / 64], l->isr[vector / 64] & ~(1ul << (vector % 64)));
    if (bit_test(l->tmr, (size_t)vector) && l->vcpu->domain->vioapic)
        vioapic_eoi(l->vcpu->domain, (uint8_t)vector);
}

uint8_t vlapic_tpr(struct vcpu *v)
{
    return (uint8_t)v->lapic->tpr;
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
    write_once(v->lapic->tpr, (uint32_t)tpr);
}

void lapic_error(struct vlapic *l, uint32_t bit)
{
    uint32_t lvt = l->lvt[LVT_ERROR];
    bool is_new = !(l->esr & bit);

    l->esr |= bit;
    if (is_new && !(lvt & LVT_MASKED))
        vlapic_set_irq(l->vcpu, (uint8_t)lvt, false);
}

/* ---- registers, common to both access modes ---- */

static uint32_t bitmap_word(const uint64_t bits[4], uint32_t offset)
{
    unsigned int n = (offset & 0x70) >> 4;

    return (uint32_t)(read_once(bits[n / 2]) >> (n % 2 * 32));
}

static bool is_lvt(uint32_t offset)
{
    return offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR;
}

/* False: no such register, or it cannot be read. */
static bool read_register(struct vlapic *l, uint32_t offset, uint32_t *value)
{
    if (is_lvt(offset)) {
        *value = l->lvt[(offset - LAPIC_LVT_TIMER) >> 4];
        return true;
    }
    switch (offset) {
    case LAPIC_VERSION: *value = LAPIC_VERSION_VALUE; return true;
    case LAPIC_TPR: *value = l->tpr; return true;
    case LAPIC_PPR: *value = lapic_ppr(l); return true;
    case LAPIC_SVR: *value = l->svr; return true;
    case LAPIC_ISR ... LAPIC_ISR + 0x70: *value = bitmap_word(l->isr, offset); return true;
    case LAPIC_TMR ... LAPIC_TMR + 0x70: *value = bitmap_word(l->tmr, offset); return true;
    case LAPIC_IRR ... LAPIC_IRR + 0x70: *value = bitmap_word(l->irr, offset); return true;
    case LAPIC_ESR: *value = l->esr_latched; return true;
    case LAPIC_TIMER_INITIAL: *value = l->timer_initial; return true;
    case LAPIC_TIMER_CURRENT: *value = lapic_timer_current(l); return true;
    case LAPIC_TIMER_DIVIDE: *value = l->timer_divide; return true;
    default: return false;
    }
}

static void write_svr(struct vlapic *l, uint32_t value)
{
    struct vcpu *v = l->vcpu;
    bool was_enabled = l->svr & SVR_ENABLED;

    write_once(l->svr, value & 0x3ff);
    if (!(value & SVR_ENABLED)) {
        for (unsigned int i = 0; i < NR_LVTS; i++)
            write_once(l->lvt[i], l->lvt[i] | LVT_MASKED);
        return;
    }
    /* Against the other order on the CPU that sets the pending byte and then looks whether this APIC is enabled. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Linux registers its upcall vector before it enables the LAPIC: an event raised in between was dropped here, and
     * as the upcall is only raised on the 0 to 1 edge of the pending byte it would never come again. */
    if (!was_enabled && v->upcall_vector && v->info && read_once(v->info->evtchn_upcall_pending))
        vlapic_set_irq(v, v->upcall_vector, false);
}

static void write_lvt(struct vlapic *l, uint32_t offset, uint32_t value)
{
    unsigned int n = (offset - LAPIC_LVT_TIMER) >> 4;
    uint32_t old = l->lvt[n];

    value &= lvt_writable[n];
    if (!(l->svr & SVR_ENABLED))
        value |= LVT_MASKED;
    write_once(l->lvt[n], value);
    if (n == LVT_TIMER)
        lapic_timer_lvt_changed(l, old);
}

/* False: no such register, or it cannot be written. */
static bool write_register(struct vlapic *l, uint32_t offset, uint32_t value)
{
    if (is_lvt(offset)) {
        write_lvt(l, offset, value);
        return true;
    }
    switch (offset) {
    case LAPIC_TPR: write_once(l->tpr, value & 0xff); return true;
    case LAPIC_EOI: lapic_eoi(l); return true;
    case LAPIC_SVR: write_svr(l, value); return true;
    case LAPIC_ESR:
        l->esr_latched = l->esr;
        l->esr = 0;
        return true;
    case LAPIC_TIMER_INITIAL: lapic_timer_set_initial(l, value); return true;
    case LAPIC_TIMER_DIVIDE: lapic_timer_set_divide(l, value & 0xb); return true;
    default: return false;
    }
}

/* ---- x2APIC: MSRs 0x800-0x83f ---- */

/* Bits that may be set when a register is written; the others raise #GP. Registers not listed cannot be written. */
static bool x2apic_write_ok(uint32_t offset, uint64_t value)
{
    switch (offset) {
    case LAPIC_TPR: return !(value & ~0xfful);
    case LAPIC_SVR: return !(value & ~0x3fful);
    case LAPIC_EOI:
    case LAPIC_ESR: return value == 0;
    case LAPIC_TIMER_INITIAL: return value <= UINT32_MAX;
    case LAPIC_TIMER_DIVIDE: return !(value & ~0xbul);
    default:
        return is_lvt(offset) && !(value & ~(uint64_t)(lvt_writable[(offset - LAPIC_LVT_TIMER) >> 4] | LVT_READ_ONLY));
    }
}

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    struct vlapic *l = v->lapic;
    uint32_t offset = (msr - 0x800) << 4, low;

    if (!lapic_is_x2(l) || msr < 0x800 || msr > 0x83f)
        return -1;
    switch (offset) {
    case LAPIC_ID: *value = vcpu_apic_id(v->id); return 0;
    case LAPIC_LDR: *value = lapic_x2_ldr(vcpu_apic_id(v->id)); return 0;
    case LAPIC_ICR: *value = l->icr; return 0;
    default:
        if (!read_register(l, offset, &low))
            return -1;
        *value = low;
        return 0;
    }
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vlapic *l = v->lapic;
    uint32_t offset = (msr - 0x800) << 4;

    if (!lapic_is_x2(l) || msr < 0x800 || msr > 0x83f)
        return -1;
    switch (offset) {
    case LAPIC_ICR:
        if (value & 0xfff32000ul)
            return -1;
        lapic_send(l, value);
        return 0;
    case LAPIC_SELF_IPI:
        if (value & ~0xfful)
            return -1;
        lapic_self_ipi(l, (uint8_t)value);
        return 0;
    default: return x2apic_write_ok(offset, value) && write_register(l, offset, (uint32_t)value) ? 0 : -1;
    }
}

/* ---- xAPIC: the page at 0xFEE00000 ---- */

uint32_t vlapic_mmio_read(struct vcpu *v, uint32_t offset)
{
    struct vlapic *l = v->lapic;
    uint32_t value = 0;

    if (offset & 0xf)
        return 0;
    switch (offset) {
    case LAPIC_ID: return vcpu_apic_id(v->id) << 24;
    case LAPIC_LDR: return l->ldr;
    case LAPIC_DFR: return l->dfr;
    case LAPIC_ICR: return (uint32_t)l->icr;
    case LAPIC_ICR_HIGH: return (uint32_t)(l->icr >> 32);
    case LAPIC_EOI:
    case LAPIC_APR: return 0;
    default:
        if (!read_register(l, offset, &value))
            lapic_error(l, ESR_REGISTER);
        return value;
    }
}

void vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
    struct vlapic *l = v->lapic;

    if (offset & 0xf)
        return;
    switch (offset) {
    case LAPIC_ID: return; /* the id is given by us */
    case LAPIC_LDR: write_once(l->ldr, value & 0xff000000u); return;
    case LAPIC_DFR: write_once(l->dfr, value | 0x0fffffffu); return;
    case LAPIC_ICR: {
        /* Destination 0xff is everybody here; the x2APIC form of that is all ones. */
        uint32_t dest = (uint32_t)(l->icr >> 56);
        bool logical = value & (1u << 11);
        uint64_t high = l->icr & 0xff00000000000000ul;
        lapic_send(l, (value & 0xfffffu) | (uint64_t)(dest == 0xff && !logical ? DEST_BROADCAST : dest) << 32);
        l->icr = high | (value & 0xcefffu);
        return;
    }
    case LAPIC_ICR_HIGH: l->icr = (l->icr & 0xffffffffu) | (uint64_t)(value & 0xff000000u) << 32; return;
    default:
        if (!write_register(l, offset, value))
            lapic_error(l, ESR_REGISTER);
    }
}
