/* mmio - emulated device pages: I/O APIC and xAPIC, by every form of MOV that compilers make */
#include "guest.h"

#define IOAPIC 0xfec00000ul
#define SELECT 0x00
#define WINDOW 0x10
#define LAPIC  0xfee00000ul

#define MSR_APIC_BASE 0x1bu
#define APIC_ENABLE   BIT(11)
#define APIC_X2APIC   BIT(10)

static volatile uint32_t *reg(uint64_t at)
{
    return (volatile uint32_t *)at;
}

static uint32_t ioapic_read(uint32_t index)
{
    *reg(IOAPIC + SELECT) = index;
    return *reg(IOAPIC + WINDOW);
}

static void ioapic_write(uint32_t index, uint32_t value)
{
    *reg(IOAPIC + SELECT) = index;
    *reg(IOAPIC + WINDOW) = value;
}

static void ioapic(void)
{
    uint32_t version = ioapic_read(1), last = version >> 16 & 0xff;
    check(last >= 15 && last <= 239, "version register %#x", version);
    for (uint32_t pin = 0; pin <= last; pin++)
        check(ioapic_read(0x10 + 2 * pin) & 0x10000, "pin %u starts unmasked", pin);
    ioapic_write(0x10 + 2 * last, 0x1a050);
    ioapic_write(0x11 + 2 * last, 0x03000000);
    check_eq(ioapic_read(0x10 + 2 * last), 0x1a050);
    check_eq(ioapic_read(0x11 + 2 * last), 0x03000000);
    ioapic_write(0x10 + 2 * last, 0x1ffff); /* status and remote IRR are read-only */
    check_eq(ioapic_read(0x10 + 2 * last) & 0x5000, 0);
    ioapic_write(0x10 + 2 * last, 0x10000);
}

/* One form each: store `value`, load it back. The select register holds a byte. */
#define STORE(insn, value) __asm__ volatile(insn : : "r"(IOAPIC), "a"((uint64_t)(value)), "c"(4ul) : "memory", "r11")
#define LOAD(insn, out)    __asm__ volatile(insn : "=a"(out) : "r"(IOAPIC), "c"(4ul) : "memory", "r11")

static void forms(void)
{
    uint64_t got;
    STORE("movl %%eax, (%0)", 1);
    LOAD("xor %%eax, %%eax; movl (%1), %%eax", got);
    check_eq(got, 1);
    STORE("movl $0x11, (%0)", 0);
    LOAD("movl -16(%1,%2,4), %%eax", got); /* scaled index and displacement */
    check_eq(got, 0x11);
    STORE("movq %%rax, %%r11; movl %%r11d, (%0)", 0x12);
    LOAD("movl (%1), %%r11d; movq %%r11, %%rax", got);
    check_eq(got, 0x12);
    LOAD("movl $-1, %%eax; movzbl (%1), %%eax", got);
    check_eq(got, 0x12);
    LOAD("movabsl 0xfec00000, %%eax", got);
    check_eq(got, 0x12);
    STORE("movabsl %%eax, 0xfec00000", 0x10);
    LOAD("movslq (%1), %%rax", got);
    check_eq(got, 0x10);
    STORE("movl %%eax, %%fs:(%0)", 1);
    LOAD("mov %1, %%rdi; mov $0x55555555, %%eax; .byte 0x8b, 0x07", got);
    check_eq(got, 1);
}

static void xapic(void)
{
    uint64_t base;
    check_eq(try_rdmsr(MSR_APIC_BASE, &base), 0);
    check(base & APIC_ENABLE, "the LAPIC is off");
    if (base & APIC_X2APIC) { /* only by way of "off" */
        check_eq(try_wrmsr(MSR_APIC_BASE, base & ~APIC_X2APIC), 13);
        check_eq(try_wrmsr(MSR_APIC_BASE, base & ~(APIC_X2APIC | APIC_ENABLE)), 0);
        check_eq(try_wrmsr(MSR_APIC_BASE, (base & ~APIC_X2APIC) | APIC_ENABLE), 0);
    }
    check(!lapic_is_x2apic(), "still in x2APIC mode");
    check_eq(*reg(LAPIC + 0x20) >> 24, 0);
    check((*reg(LAPIC + 0x30) & 0xf0) == 0x10, "version %#x", *reg(LAPIC + 0x30));
    *reg(LAPIC + 0x80) = 0x20;
    check_eq(*reg(LAPIC + 0x80), 0x20);
    *reg(LAPIC + 0x80) = 0;
    *reg(LAPIC + 0x350) = 0x10041;
    check_eq(*reg(LAPIC + 0x350), 0x10041);
}

static volatile unsigned int interrupts;

static void on_interrupt(struct trap_frame *f)
{
    interrupts++;
    lapic_eoi();
}

static void interrupts_to_itself(void)
{
    on_trap(0x61, on_interrupt);
    lapic_enable();
    irq_on();
    for (unsigned int i = 1; i <= 20; i++) {
        lapic_send(0, 0x44000 | 0x61);
        __asm__ volatile("nop; nop");
        check_eq(interrupts, i);
    }
    *reg(LAPIC + 0x80) = 0x70; /* above the vector's class: held back */
    lapic_send(0, 0x44000 | 0x61);
    __asm__ volatile("nop; nop");
    check_eq(interrupts, 20);
    *reg(LAPIC + 0x80) = 0;
    __asm__ volatile("nop; nop");
    check_eq(interrupts, 21);
    irq_off();
}

void test_main(void)
{
    ioapic();
    forms();
    xapic();
    interrupts_to_itself();
}
