/*
 * storm - exits of every cheap kind on both CPUs and interrupts between them: each interrupt arrives exactly once.
 * Run with --kicks it also finds an emulator, or a hypervisor, that delivers one twice (docs/emulators.md).
 */
#include "guest.h"

#define VECTOR 0x60
#define ROUNDS 500u

static volatile uint64_t storms[2];
static volatile unsigned int taken;

static void on_interrupt(struct trap_frame *f)
{
    (void)f;
    taken++;
    lapic_eoi();
}

static void storm(unsigned int cpu)
{
    uint64_t value;
    uint8_t byte;

    __asm__ volatile("inb $0x42, %0" : "=a"(byte));
    check(!try_rdmsr(0x1b, &value), "APIC_BASE cannot be read");
    check(cpuid(0x40000000, 0).a >= 0x40000000, "the hypervisor's CPUID leaves are gone");
    storms[cpu]++;
}

static void second(void)
{
    lapic_enable();
    irq_on();
    for (;;)
        storm(1);
}

void test_main(void)
{
    trap_setup();
    on_trap(VECTOR, on_interrupt);
    lapic_enable();
    cpu_start(1, second);
    while (!storms[1])
        storm(0);
    for (unsigned int sent = 1; sent <= ROUNDS; sent++) {
        uint64_t seen = storms[1];
        lapic_send(2, VECTOR);
        while (taken < sent || storms[1] < seen + 3) /* a second delivery would come in that time */
            storm(0);
        check(taken == sent, "%u interrupts were sent, %u came", sent, taken);
    }
    print("storm: %u interrupts between %lu storms\n", taken, storms[0] + storms[1]);
}
