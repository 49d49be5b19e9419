/* ioapic.c - the machine's I/O APICs */
#include <hv/cpu.h>
#include <hv/hostpci.h>
#include <hv/ioapic.h>
#include <hv/iommu.h>
#include <hv/lock.h>
#include <hv/log.h>

static volatile uint32_t *window[MAX_HOST_IOAPICS];
static spinlock_t lock = SPINLOCK_INIT;

static uint32_t reg_read(unsigned int unit, uint32_t reg)
{
    window[unit][0] = reg;
    return window[unit][4];
}

static void reg_write(unsigned int unit, uint32_t reg, uint32_t value)
{
    window[unit][0] = reg;
    window[unit][4] = value;
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < machine.ioapic_count; i++) {
        struct host_ioapic *a = &machine.ioapic[i];
        window[i] = host_mmio_map(MADDR(a->address), PAGE_SIZE);
        if (!window[i])
            panic("I/O APIC at %lx cannot be mapped", a->address);
        a->pins = (reg_read(i, 1) >> 16 & 0xff) + 1;
        for (uint32_t pin = 0; pin < a->pins; pin++)
            reg_write(i, 0x10 + pin * 2, BIT(16));
    }
}

static bool find(uint32_t gsi, unsigned int *unit, uint32_t *pin)
{
    for (unsigned int i = 0; i < machine.ioapic_count; i++) {
        const struct host_ioapic *a = &machine.ioapic[i];
        if (gsi >= a->gsi_base && gsi - a->gsi_base < a->pins) {
            *unit = i;
            *pin = gsi - a->gsi_base;
            return true;
        }
    }
    return false;
}

static uint64_t entry_for(unsigned int unit, uint8_t vector, uint32_t apic_id, bool level, bool active_low)
{
    if (iommu_remaps_interrupts())
        return iommu_ioapic_entry(unit, vector, apic_id, level, active_low);
    return (uint64_t)apic_id << 56 | vector | (active_low ? BIT(13) : 0) | (level ? BIT(15) : 0);
}

bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level, bool active_low)
{
    unsigned int unit;
    uint32_t pin;

    if (!find(gsi, &unit, &pin))
        return false;
    spin_lock(&lock);
    reg_write(unit, 0x10 + pin * 2, BIT(16));
    uint64_t entry = entry_for(unit, vector, apic_id, level, active_low);
    reg_write(unit, 0x11 + pin * 2, (uint32_t)(entry >> 32));
    reg_write(unit, 0x10 + pin * 2, (uint32_t)entry);
    spin_unlock(&lock);
    return true;
}

void ioapic_mask(uint32_t gsi, bool masked)
{
    unsigned int unit;
    uint32_t pin, low;

    if (!find(gsi, &unit, &pin))
        return;
    spin_lock(&lock);
    low = reg_read(unit, 0x10 + pin * 2);
    reg_write(unit, 0x10 + pin * 2, masked ? low | (uint32_t)BIT(16) : low & ~(uint32_t)BIT(16));
    spin_unlock(&lock);
}
