/*
 * vtd_fault.c - requests that a unit refused: read from its records, and logged. A device can make them by the million:
 * after a burst of lines the unit's interrupt stays masked for a second, and what came meanwhile is only counted.
 */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/timer.h>
#include "vtd.h"

#define RECORD_BYTES     16u
#define RECORD_VALID     BIT(63) /* of the upper word */
#define RECORD_READ      BIT(62)
#define RECORD_REASON(h) ((unsigned int)((h) >> 32 & 0xff))
#define RECORD_SOURCE(h) ((uint16_t)(h))
#define CONTROL_MASKED   ((uint32_t)BIT(31))
#define BURST            16u
#define PAUSE            1000000000ul
#define FIRST_IRQ_REASON 0x20u

static const char *const dma_reasons[] = {
    [1] = "nobody has this device",
    [2] = "nobody has this device",
    [3] = "its context entry is wrong",
    [4] = "the address is beyond what devices can use",
    [5] = "it may not write there",
    [6] = "it may not read there",
    [7] = "a table is out of reach",
    [8] = "the root table is out of reach",
    [9] = "the context table is out of reach",
    [10] = "reserved bits in the root table",
    [11] = "reserved bits in the context table",
    [12] = "reserved bits in the tables",
    [13] = "it may not send requests of this kind",
};

static const char *const irq_reasons[] = {
    [0] = "reserved bits in the message",   [1] = "there is no such entry",     [2] = "the entry is nobody's",
    [3] = "the table is out of reach",      [4] = "reserved bits in the entry", [5] = "it did not go through an entry",
    [6] = "the entry is not this device's",
};

/* All units together; their interrupts come to one CPU, where the timer runs too. */
static struct timer unmask;
static unsigned int shown;
static uint64_t hidden, period; /* until when `shown` counts */

static const char *text_of(const char *const *list, size_t count, unsigned int n)
{
    return n < count && list[n] ? list[n] : "reason unknown";
}

static void log_fault(const struct vtd_unit *u, uint64_t low, uint64_t high)
{
    unsigned int reason = RECORD_REASON(high);
    uint16_t id = RECORD_SOURCE(high);
    struct pci_addr a = {u->firmware->segment, (uint8_t)(id >> 8), (uint8_t)id};
    struct device_name n = device_name(a);

    if (reason >= FIRST_IRQ_REASON)
        log_warn("IOMMU: interrupt of %02x:%02x.%x (%s %04x:%04x) through entry %lu stopped: %s", a.bus, a.devfn >> 3,
                 a.devfn & 7u, n.what, n.vendor, n.device, low >> 48,
                 text_of(irq_reasons, ARRAY_SIZE(irq_reasons), reason - FIRST_IRQ_REASON));
    else
        log_warn("IOMMU: DMA of %02x:%02x.%x (%s %04x:%04x) stopped, %s at %lx: %s", a.bus, a.devfn >> 3, a.devfn & 7u,
                 n.what, n.vendor, n.device, high & RECORD_READ ? "reading" : "writing", low & ~PAGE_MASK,
                 text_of(dma_reasons, ARRAY_SIZE(dma_reasons), reason));
}

/* A new second begins: what the last one did not show is told. */
static void look_at_clock(uint64_t now)
{
    if (now < period)
        return;
    if (hidden)
        log_warn("IOMMU: %lu more requests were stopped", hidden);
    shown = 0;
    hidden = 0;
    period = now + PAUSE;
}

static void show(const struct vtd_unit *u, uint64_t low, uint64_t high)
{
    look_at_clock(time_now());
    if (shown == BURST) {
        hidden++;
        return;
    }
    shown++;
    log_fault(u, low, high);
}

/* One look at each record: those that come while we look wait for the next time. */
static void read_records(struct vtd_unit *u)
{
    uint32_t offset = CAP_FAULT_OFFSET(u->cap);

    for (unsigned int i = 0; i < CAP_FAULT_COUNT(u->cap); i++) {
        unsigned int at = offset + i * RECORD_BYTES;
        uint64_t high = vtd_read64(u, at + 8);
        if (!(high & RECORD_VALID))
            continue;
        uint64_t low = vtd_read64(u, at);
        vtd_write64(u, at + 8, RECORD_VALID);
        show(u, low, high);
    }
    vtd_write32(u, REG_FAULT_STATUS, (uint32_t)FAULT_OVERFLOW);
}

void vtd_faults_clear(struct vtd_unit *u)
{
    for (unsigned int i = 0; i < CAP_FAULT_COUNT(u->cap); i++)
        vtd_write64(u, CAP_FAULT_OFFSET(u->cap) + i * RECORD_BYTES + 8, RECORD_VALID);
    vtd_write32(u, REG_FAULT_STATUS, (uint32_t)(FAULT_OVERFLOW | FAULT_QUEUE_ERROR | FAULT_COMPLETION | FAULT_TIMEOUT));
}

static void all_masked(bool masked)
{
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        vtd_write32(&vtd_unit[i], REG_FAULT_CONTROL, masked ? CONTROL_MASKED : 0);
}

/* Unmasked first: a fault in between raises the interrupt, the ones before are read here. */
static void pause_is_over(struct timer *t)
{
    look_at_clock(time_now());
    all_masked(false);
    vtd_faults_interrupt();
}

void vtd_faults_interrupt(void)
{
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        if (vtd_read32(&vtd_unit[i], REG_FAULT_STATUS) & (FAULT_PENDING | FAULT_OVERFLOW))
            read_records(&vtd_unit[i]);
    if (shown < BURST)
        return;
    all_masked(true);
    timer_set(&unmask, period);
}

void vtd_faults_enable(struct vtd_unit *u, uint8_t vector, uint32_t apic_id)
{
    if (!unmask.fire)
        timer_init(&unmask, pause_is_over);
    vtd_write32(u, REG_FAULT_DATA, vector);
    vtd_write32(u, REG_FAULT_ADDRESS, 0xfee00000u | (apic_id & 0xff) << 12);
    vtd_write32(u, REG_FAULT_UPPER, apic_id & ~0xffu);
    vtd_write32(u, REG_FAULT_CONTROL, 0);
}
