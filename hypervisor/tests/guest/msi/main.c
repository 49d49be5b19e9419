/* msi - configuration space in both ways, and MSIs of a real device: delivered, moved, switched off */
#include "edu.h"
#include "guest.h"
#include "pci.h"

#define FIRST  0x61
#define SECOND 0x71

static volatile unsigned int first, second;
static volatile uint32_t *edu;

static void on_first(struct trap_frame *f)
{
    first++;
    lapic_eoi();
}

static void on_second(struct trap_frame *f)
{
    second++;
    lapic_eoi();
}

static void both_ways_agree(struct pci_device p)
{
    if (!pci_ecam(p, 0))
        return;
    for (unsigned int reg = 0; reg < 256; reg += 4) {
        uint32_t value = *(volatile uint32_t *)pci_ecam(p, reg);
        check(value == pci_read(p, reg, 4), "register %#x: %#x in memory, %#x through the ports", reg, value,
              pci_read(p, reg, 4));
    }
    check_eq(*(volatile uint16_t *)pci_ecam(p, 2), EDU_ID >> 16);
    check_eq(*(volatile uint8_t *)pci_ecam(p, 1), EDU_ID >> 8 & 0xff);
    check_eq(*(volatile uint32_t *)pci_ecam((struct pci_device){255, 255}, 0), 0xffffffff);
}

static void wait_for(volatile unsigned int *count, unsigned int wanted)
{
    uint64_t end = system_time(vcpu_info(0)) + 5000000000ul;
    irq_on();
    while (*count < wanted)
        check(system_time(vcpu_info(0)) < end, "%u interrupts of %u after 5 s", *count, wanted);
    irq_off();
}

void test_main(void)
{
    struct pci_device p = pci_find(0, ~0u, EDU_ID);
    unsigned int msi = pci_capability(p, PCI_CAP_MSI);
    both_ways_agree(p);
    edu = (volatile uint32_t *)pci_bar(p, 0);
    pci_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    edu[EDU_LIVENESS / 4] = 0x12345678;
    check_eq(edu[EDU_LIVENESS / 4], ~0x12345678u);

    on_trap(FIRST, on_first);
    on_trap(SECOND, on_second);
    lapic_enable();
    check_eq(pci_read(p, msi + 2, 2) & 0xe, 0); /* one vector only */
    pci_write(p, msi + 4, 4, 0xfee00000);
    pci_write(p, msi + 8, 4, 0);
    pci_write(p, msi + 12, 2, FIRST);
    pci_write(p, msi + 2, 2, pci_read(p, msi + 2, 2) | 1);
    check_eq(pci_read(p, msi + 4, 4), 0xfee00000);
    check_eq(pci_read(p, msi + 12, 2), FIRST);
    for (unsigned int i = 1; i <= 20; i++) {
        edu[EDU_RAISE / 4] = 1;
        wait_for(&first, i);
        edu[EDU_ACK / 4] = 1;
    }
    pci_write(p, msi + 12, 2, SECOND);
    edu[EDU_RAISE / 4] = 1;
    wait_for(&second, 1);
    edu[EDU_ACK / 4] = 1;
    check_eq(first, 20);

    pci_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 0x400); /* no INTx instead */
    pci_write(p, msi + 2, 2, pci_read(p, msi + 2, 2) & ~1u);
    edu[EDU_RAISE / 4] = 1;
    uint64_t end = system_time(vcpu_info(0)) + 20000000;
    irq_on();
    while (system_time(vcpu_info(0)) < end)
        ;
    irq_off();
    check_eq(second, 1);
    edu[EDU_ACK / 4] = 1;
}
