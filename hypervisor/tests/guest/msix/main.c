/* msix - an NVMe controller's admin queue with MSI-X: completion by interrupt, masked and unmasked, table and pending
 * bits */
#include "guest.h"
#include "pci.h"

#define CLASS_NVME  0x010802u
#define CC          0x14
#define CSTS        0x1c
#define AQA         0x24
#define ASQ         0x28
#define ACQ         0x30
#define SQ_DOORBELL 0x1000
#define CQ_DOORBELL 0x1004
#define ENTRIES     8u
#define IDENTIFY    0x06
#define VECTOR      0x62

struct command {
    uint32_t op, nsid, reserved[4];
    uint64_t prp1, prp2;
    uint32_t args[6];
};
struct completion {
    uint32_t result, reserved;
    uint16_t sq_head, sq_id, id, status;
};

static volatile uint8_t *regs;
static volatile uint32_t *table;
static struct command *sq;
static volatile struct completion *cq;
static uint32_t *data;
static unsigned int submitted, reaped;
static volatile unsigned int interrupts;

static void on_interrupt(struct trap_frame *f)
{
    interrupts++;
    lapic_eoi();
}

static volatile uint32_t *reg(unsigned int at)
{
    return (volatile uint32_t *)(regs + at);
}

static void controller_on(struct pci_device p)
{
    pci_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    regs = (volatile uint8_t *)pci_bar(p, 0);
    sq = page_alloc(1);
    cq = page_alloc(1);
    data = page_alloc(1);
    *reg(CC) = 0;
    while (*reg(CSTS) & 1)
        ;
    *reg(AQA) = (ENTRIES - 1) << 16 | (ENTRIES - 1);
    *(volatile uint64_t *)(regs + ASQ) = PTR(sq);
    *(volatile uint64_t *)(regs + ACQ) = PTR(cq);
    *reg(CC) = 0x460001; /* entry sizes, enable */
    while (!(*reg(CSTS) & 1))
        ;
}

static void submit(void)
{
    sq[submitted % ENTRIES] = (struct command){.op = IDENTIFY | submitted << 16, .prp1 = PTR(data), .args = {1}};
    submitted++;
    __asm__ volatile("" ::: "memory");
    *reg(SQ_DOORBELL) = submitted % ENTRIES;
}

static void reap(void)
{
    volatile struct completion *c = &cq[reaped % ENTRIES];
    unsigned int phase = reaped / ENTRIES % 2 ? 0 : 1;
    uint64_t end = system_time(vcpu_info(0)) + 5000000000ul;
    while ((c->status & 1) != phase)
        check(system_time(vcpu_info(0)) < end, "no completion after 5 s");
    check_eq(c->status >> 1, 0);
    check_eq(c->id, reaped & 0xffff);
    reaped++;
    *reg(CQ_DOORBELL) = reaped % ENTRIES;
}

static void wait_for(unsigned int wanted)
{
    uint64_t end = system_time(vcpu_info(0)) + 5000000000ul;
    irq_on();
    while (interrupts < wanted)
        check(system_time(vcpu_info(0)) < end, "%u interrupts of %u after 5 s", interrupts, wanted);
    irq_off();
    check_eq(interrupts, wanted);
}

void test_main(void)
{
    struct pci_device p = pci_find(8, 0xffffff00, CLASS_NVME << 8);
    unsigned int cap = pci_capability(p, PCI_CAP_MSIX);
    controller_on(p);
    uint32_t where = pci_read(p, cap + 4, 4), pba = pci_read(p, cap + 8, 4);
    table = (volatile uint32_t *)(pci_bar(p, where & 7) + (where & ~7u));
    on_trap(VECTOR, on_interrupt);
    lapic_enable();

    check_eq(table[3] & 1, 1); /* entries start masked */
    pci_write(p, cap + 2, 2, 0xc000);
    table[0] = 0xfee00000;
    table[1] = 0;
    table[2] = VECTOR;
    table[3] = 0;
    pci_write(p, cap + 2, 2, 0x8000);
    check_eq(table[0], 0xfee00000);
    check_eq(*(volatile uint64_t *)(table + 2), VECTOR);
    for (unsigned int i = 1; i <= 20; i++) { /* more than the queue has entries */
        submit();
        wait_for(i);
        reap();
    }
    check(data[0], "the controller wrote nothing");

    table[3] = 1;
    submit();
    reap();
    irq_on();
    __asm__ volatile("nop; nop");
    irq_off();
    check_eq(interrupts, 20);
    check_eq(*(volatile uint64_t *)(pci_bar(p, pba & 7) + (pba & ~7u)) & 1, 1); /* pending in the device */
    table[3] = 0;
    wait_for(21);
    pci_write(p, cap + 2, 2, 0);
}
