/* apic.c - the local APIC of the machine's CPUs, x2APIC where there is one, else the memory-mapped one (SDM vol. 3 ch.
 * 11) */
#include <hv/cpu.h>
#include <hv/hostpci.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/timer.h>
#include <hv/x86.h>

enum {
    REG_ID = 0x02,
    REG_TPR = 0x08,
    REG_EOI = 0x0b,
    REG_SVR = 0x0f,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT_TIMER = 0x32,
    REG_LVT_LINT0 = 0x35,
    REG_LVT_LINT1 = 0x36,
    REG_LVT_ERROR = 0x37,
    REG_TIMER_INIT = 0x38,
    REG_TIMER_NOW = 0x39,
    REG_TIMER_DIV = 0x3e
};

static volatile uint32_t *xapic;
static uint64_t timer_ticks_per_ms;

static uint32_t reg_read(unsigned int reg)
{
    return host.x2apic ? (uint32_t)rdmsr(0x800 + reg) : xapic[reg * 4];
}

static void reg_write(unsigned int reg, uint32_t v)
{
    if (host.x2apic)
        wrmsr(0x800 + reg, v);
    else
        xapic[reg * 4] = v;
}

void apic_init_this(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | BIT(11);

    if (host.x2apic) {
        wrmsr(MSR_APIC_BASE, base);
        wrmsr(MSR_APIC_BASE, base | BIT(10));
    } else {
        wrmsr(MSR_APIC_BASE, base);
        if (!xapic)
            xapic = host_mmio_map(MADDR(base & 0x000ffffffffff000ul), PAGE_SIZE);
        if (!xapic)
            panic("the local APIC cannot be mapped");
        xapic[0xe * 4] = 0xffffffff; /* DFR: flat; unused, destinations are physical */
    }
    reg_write(REG_TPR, 0);
    reg_write(REG_LVT_LINT0, BIT(16));
    reg_write(REG_LVT_LINT1, 4 << 8); /* NMI */
    reg_write(REG_LVT_ERROR, BIT(16));
    reg_write(REG_TIMER_DIV, 3); /* by 16 */
    reg_write(REG_LVT_TIMER, VECTOR_TIMER);
    reg_write(REG_SVR, BIT(8) | VECTOR_SPURIOUS);
}

uint32_t apic_id_this(void)
{
    return host.x2apic ? reg_read(REG_ID) : reg_read(REG_ID) >> 24;
}

void apic_eoi(void)
{
    reg_write(REG_EOI, 0);
}

void apic_send_ipi(uint32_t apic_id, uint32_t icr_low)
{
    if (host.x2apic) {
        mb(); /* an x2APIC ICR write is not serialising: what the target shall see must be visible first */
        wrmsr(0x800 + REG_ICR, (uint64_t)apic_id << 32 | icr_low);
        return;
    }
    while (reg_read(REG_ICR) & BIT(12))
        cpu_relax();
    reg_write(REG_ICR_HIGH, apic_id << 24);
    reg_write(REG_ICR, icr_low);
}

void cpu_send_kick(unsigned int cpu)
{
    apic_send_ipi(cpus[cpu]->apic_id, VECTOR_KICK);
}

struct count {
    uint64_t ns;
    uint32_t left;
};

/* The timer's count with the time it was read at: the tightest of several pairs, see time.c. */
static struct count read_count(void)
{
    struct count best = {0};
    uint64_t narrowest = ~0ul;

    for (int i = 0; i < 16; i++) {
        uint64_t before = time_now();
        uint32_t left = reg_read(REG_TIMER_NOW);
        uint64_t after = time_now();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = (struct count){before + (after - before) / 2, left};
        }
    }
    return best;
}

/* Measures the timer's rate against system time, over at least 10 ms. */
void apic_timer_calibrate(void)
{
    struct count start, end;

    reg_write(REG_LVT_TIMER, BIT(16) | VECTOR_TIMER);
    reg_write(REG_TIMER_INIT, 0xffffffff);
    start = read_count();
    do {
        end = read_count();
    } while (end.ns - start.ns < 10000000);
    reg_write(REG_TIMER_INIT, 0);
    reg_write(REG_LVT_TIMER, VECTOR_TIMER);
    timer_ticks_per_ms = MAX((uint64_t)(start.left - end.left) * 1000000 / (end.ns - start.ns), 1ul);
}

void apic_timer_set(uint64_t deadline, uint64_t now)
{
    uint64_t ns = deadline > now ? deadline - now : 0;
    uint64_t ticks = 0xffffffff;

    if (ns < 4000000000ul)
        ticks = MIN(ns * timer_ticks_per_ms / 1000000 + 1, 0xfffffffful);
    reg_write(REG_TIMER_INIT, (uint32_t)ticks);
}
