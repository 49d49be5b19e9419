/* cpu.c - the local APIC, and starting further CPUs */
#include <hv/string.h>
#include "acpi/tables.h"
#include "guest.h"

#define MSR_APIC_BASE 0x1bu
#define APIC_X2APIC   BIT(10)
#define MSR_X2APIC    0x800u
#define XAPIC_PAGE    0xfee00000ul
#define REG_ID        0x20u
#define REG_EOI       0xb0u
#define REG_SPURIOUS  0xf0u
#define REG_ICR       0x300u
#define REG_ICR_HIGH  0x310u
#define ICR_BUSY      BIT(12)
#define ICR_INIT      0x4500u /* assert, INIT */
#define ICR_STARTUP   0x4600u
#define SPURIOUS      0xffu
#define SOFTWARE_ON   0x100u

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

bool lapic_is_x2apic(void)
{
    return rdmsr(MSR_APIC_BASE) & APIC_X2APIC;
}

uint32_t lapic_read(unsigned int reg)
{
    if (lapic_is_x2apic())
        return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
    return *(volatile uint32_t *)(XAPIC_PAGE + reg);
}

void lapic_write(unsigned int reg, uint32_t value)
{
    if (lapic_is_x2apic())
        wrmsr(MSR_X2APIC + reg / 16, value);
    else
        *(volatile uint32_t *)(XAPIC_PAGE + reg) = value;
}

void lapic_send(uint32_t dest, uint32_t icr)
{
    if (lapic_is_x2apic()) {
        wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)dest << 32 | icr);
        return;
    }
    lapic_write(REG_ICR_HIGH, dest << 24);
    lapic_write(REG_ICR, icr);
    while (lapic_read(REG_ICR) & ICR_BUSY)
        ;
}

void lapic_eoi(void)
{
    lapic_write(REG_EOI, 0);
}

static void spurious(struct trap_frame *f)
{
}

void lapic_enable(void)
{
    on_trap(SPURIOUS, spurious);
    lapic_write(REG_SPURIOUS, SOFTWARE_ON | SPURIOUS);
}

extern uint8_t ap_start[], ap_end[];
extern uint32_t ap_stack;
void ap_main(void);
static uint8_t stacks[MAX_GUEST_CPUS][STACK_BYTES] __aligned(16);
static void (*volatile ap_function)(void);
static volatile unsigned int ap_cpu, aps_running;

void ap_main(void)
{
    void (*fn)(void) = ap_function;
    cpu_tables_load(ap_cpu);
    __atomic_fetch_add(&aps_running, 1, __ATOMIC_SEQ_CST); /* the next one may be started: ours are read */
    fn();
}

void cpu_start(unsigned int cpu, void (*fn)(void))
{
    unsigned int before = aps_running;
    check(cpu && cpu < MAX_GUEST_CPUS, "cpu_start(%u)", cpu);
    memcpy((void *)AP_START, ap_start, (size_t)(ap_end - ap_start));
    ap_stack = (uint32_t)PTR(stacks[cpu] + STACK_BYTES);
    ap_function = fn;
    ap_cpu = cpu;
    __asm__ volatile("" ::: "memory");
    lapic_send(cpu * 2, ICR_INIT);
    lapic_send(cpu * 2, ICR_STARTUP | AP_START >> 12);
    lapic_send(cpu * 2, ICR_STARTUP | AP_START >> 12);
    while (aps_running == before)
        __asm__ volatile("pause");
}

static bool read_physical(void *dst, uint64_t from, size_t bytes)
{
    memcpy(dst, (const void *)from, bytes);
    return true;
}

const struct machine *machine_tables(void)
{
    static struct machine m;
    if (!m.cpu_count) {
        m.rsdp = start_info->rsdp_paddr;
        check(acpi_parse(&m, read_physical), "the ACPI tables are not usable");
    }
    return &m;
}

unsigned int cpu_count(void)
{
    return machine_tables()->cpu_count;
}
