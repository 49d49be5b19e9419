/* intx - a level-triggered line of a real device through the I/O APIC: once per request, again while it is held */
#include "edu.h"
#include "guest.h"
#include "pci.h"

#define IOAPIC     0xfec00000ul
#define FIRST_GSI  16u
#define GSIS       8u
#define VECTOR     0x60
#define RTE_LEVEL  0xa000u /* level, active low */
#define RTE_MASKED 0x10000u

static volatile uint32_t *edu;
static volatile unsigned int count[GSIS], hold;

static void rte_write(unsigned int gsi, uint32_t value)
{
    *(volatile uint32_t *)IOAPIC = 0x11 + 2 * gsi;
    *(volatile uint32_t *)(IOAPIC + 16) = 0; /* to the first CPU */
    *(volatile uint32_t *)IOAPIC = 0x10 + 2 * gsi;
    *(volatile uint32_t *)(IOAPIC + 16) = value;
}

static uint32_t rte_read(unsigned int gsi)
{
    *(volatile uint32_t *)IOAPIC = 0x10 + 2 * gsi;
    return *(volatile uint32_t *)(IOAPIC + 16);
}

static void on_line(struct trap_frame *f)
{
    unsigned int i = (unsigned int)(f->vector - VECTOR);
    count[i]++;
    check(rte_read(FIRST_GSI + i) & 0x4000, "no remote IRR while the interrupt is served");
    if (!hold || !--hold)
        edu[EDU_ACK / 4] = edu[EDU_STATUS / 4];
    lapic_eoi();
}

static unsigned int total(void)
{
    unsigned int n = 0;
    for (unsigned int i = 0; i < GSIS; i++)
        n += count[i];
    return n;
}

static void wait_for(unsigned int wanted)
{
    uint64_t end = system_time(vcpu_info(0)) + 5000000000ul;
    irq_on();
    while (total() < wanted)
        check(system_time(vcpu_info(0)) < end, "%u interrupts of %u after 5 s", total(), wanted);
    end = system_time(vcpu_info(0)) + 2000000; /* and no more than that */
    while (system_time(vcpu_info(0)) < end)
        ;
    irq_off();
    check_eq(total(), wanted);
}

void test_main(void)
{
    struct pci_device p = pci_find(0, ~0u, EDU_ID);
    edu = (volatile uint32_t *)pci_bar(p, 0);
    pci_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    lapic_enable();
    for (unsigned int i = 0; i < GSIS; i++) {
        on_trap(VECTOR + i, on_line);
        rte_write(FIRST_GSI + i, RTE_LEVEL | (VECTOR + i));
    }
    for (unsigned int i = 1; i <= 20; i++) {
        edu[EDU_RAISE / 4] = 1;
        wait_for(i);
    }
    hold = 5; /* acknowledged at the fifth time only: the line stays up and comes again after each EOI */
    edu[EDU_RAISE / 4] = 1;
    wait_for(25);

    for (unsigned int i = 0; i < GSIS; i++)
        rte_write(FIRST_GSI + i, RTE_LEVEL | RTE_MASKED | (VECTOR + i));
    edu[EDU_RAISE / 4] = 1;
    wait_for(25); /* masked: nothing */
    for (unsigned int i = 0; i < GSIS; i++)
        rte_write(FIRST_GSI + i, RTE_LEVEL | (VECTOR + i));
    wait_for(26); /* what was raised meanwhile comes now */
}
