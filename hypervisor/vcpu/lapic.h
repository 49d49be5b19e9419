/*
 * lapic.h - inside of the local APIC; private to lapic*.c (and their tests).
 * Who writes what: irr and tmr any CPU, by atomic bit operations; isr and the registers only the CPU that runs the
 * vCPU, with plain stores that other CPUs may read at any time (tpr, logical ids, svr, base for routing). There is no
 * lock.
 */
#pragma once
#include <hv/lock.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

enum lapic_reg { /* offset in the xAPIC page; the x2APIC MSR is 0x800 + offset / 16 */
                 LAPIC_ID = 0x020,
                 LAPIC_VERSION = 0x030,
                 LAPIC_TPR = 0x080,
                 LAPIC_APR = 0x090,
                 LAPIC_PPR = 0x0a0,
                 LAPIC_EOI = 0x0b0,
                 LAPIC_LDR = 0x0d0,
                 LAPIC_DFR = 0x0e0,
                 LAPIC_SVR = 0x0f0,
                 LAPIC_ISR = 0x100, /* eight registers each, 0x10 apart */
                 LAPIC_TMR = 0x180,
                 LAPIC_IRR = 0x200,
                 LAPIC_ESR = 0x280,
                 LAPIC_ICR = 0x300,
                 LAPIC_ICR_HIGH = 0x310,
                 LAPIC_LVT_TIMER = 0x320, /* then thermal, performance, LINT0, LINT1, error, 0x10 apart */
                 LAPIC_LVT_ERROR = 0x370,
                 LAPIC_TIMER_INITIAL = 0x380,
                 LAPIC_TIMER_CURRENT = 0x390,
                 LAPIC_TIMER_DIVIDE = 0x3e0,
                 LAPIC_SELF_IPI = 0x3f0,
};

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, NR_LVTS };

#define LAPIC_VERSION_VALUE 0x00050014u
#define LVT_MASKED          (1u << 16)
#define LVT_TIMER_PERIODIC  (1u << 17)
#define SVR_ENABLED         (1u << 8)
#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECEIVE_ILLEGAL (1u << 6)
#define ESR_REGISTER        (1u << 7)

#define APIC_BASE_ADDRESS 0xfee00000ul
#define APIC_BASE_BSP     (1ul << 8)
#define APIC_BASE_X2APIC  (1ul << 10)
#define APIC_BASE_ENABLE  (1ul << 11)

#define DEST_BROADCAST 0xffffffffu

struct vlapic {
    uint64_t irr[4], isr[4], tmr[4]; /* bit = vector */
    uint64_t base;                   /* IA32_APIC_BASE */
    uint32_t tpr, svr;
    uint32_t ldr, dfr;         /* xAPIC only; in x2APIC mode the LDR follows from the id */
    uint32_t esr, esr_latched; /* errors since the last write to ESR; what a read shows */
    uint64_t icr;
    uint32_t lvt[NR_LVTS];
    uint32_t timer_initial, timer_divide;
    uint64_t timer_period;   /* ns, 0 = not periodic; read by the timer's CPU */
    uint64_t timer_deadline; /* ns of system time of the next expiry, 0 = not running */
    struct vcpu *vcpu;
    struct timer timer;
};

static inline bool lapic_is_x2(const struct vlapic *l)
{
    return read_once(l->base) & APIC_BASE_X2APIC;
}
static inline bool lapic_hw_enabled(const struct vlapic *l)
{
    return read_once(l->base) & APIC_BASE_ENABLE;
}
/* Accepts fixed interrupts: enabled in APIC_BASE and in SVR. */
static inline bool lapic_sw_enabled(const struct vlapic *l)
{
    return lapic_hw_enabled(l) && (read_once(l->svr) & SVR_ENABLED);
}
/* Highest vector set in a bitmap, -1 if none. */
static inline int lapic_highest(const uint64_t bits[4])
{
    for (int i = 3; i >= 0; i--) {
        uint64_t word = read_once(bits[i]);
        if (word)
            return i * 64 + 63 - __builtin_clzll(word);
    }
    return -1;
}
static inline uint32_t lapic_x2_ldr(uint32_t id)
{
    return (id >> 4) << 16 | 1u << (id & 15);
}

uint8_t lapic_ppr(const struct vlapic *l);
void lapic_error(struct vlapic *l, uint32_t bit); /* sets an ESR bit and raises LVT_ERROR; on the vCPU's own CPU */
void lapic_reset_registers(struct vlapic *l);

/* lapic_ipi.c */
void lapic_send(struct vlapic *l, uint64_t icr); /* an ICR write, destination in bits 63:32 as x2APIC has it */
void lapic_self_ipi(struct vlapic *l, uint8_t vector);
/* Does the message address this vCPU? */
bool lapic_matches(const struct vlapic *l, uint32_t dest, bool logical);

/* lapic_timer.c */
void lapic_timer_init(struct vlapic *l);
void lapic_timer_stop(struct vlapic *l);
void lapic_timer_set_initial(struct vlapic *l, uint32_t count);
void lapic_timer_set_divide(struct vlapic *l, uint32_t value);
void lapic_timer_lvt_changed(struct vlapic *l, uint32_t old);
uint32_t lapic_timer_current(const struct vlapic *l);
