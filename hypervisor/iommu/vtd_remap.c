/*
 * vtd_remap.c - interrupt remapping (VT-d specification, chapter 5). One table for all units, one entry per vector of
 * the machine, with the same number: so a device's message names an entry, the entry says which vector it may raise on
 * which CPU, and who may use it.
 */
#include <hv/cpu.h>
#include <hv/machine.h>
#include "vtd.h"

#define ENTRIES        256u
#define ENTRIES_CODE   7u /* 2^(n + 1) */
#define ENTRY_WORDS    2u
#define MODE_X2APIC    BIT(11)
#define ENTRY_PRESENT  BIT(0)
#define ENTRY_LEVEL    BIT(4)
#define SOURCE_EXACT   (1ul << 18)
#define SOURCE_BUSES   (2ul << 18)
#define MESSAGE        0xfee00000ul
#define MESSAGE_REMAPS BIT(4)
#define PIN_REMAPS     BIT(48)
#define PIN_LOW        BIT(13)
#define PIN_LEVEL      BIT(15)

static uint64_t *table;
static spinlock_t lock = SPINLOCK_INIT;

bool vtd_irt_create(void)
{
    table = heap_page_alloc();
    if (table)
        vtd_visible(table, PAGE_SIZE);
    return table;
}

void vtd_irt_enable(struct vtd_unit *u)
{
    vtd_write64(u, REG_IRT, machine_address(table) | (vtd_common.x2apic ? MODE_X2APIC : 0) | ENTRIES_CODE);
    vtd_command(u, GLOBAL_SET_IRT, true);
    vtd_flush_irt(u);
    vtd_command(u, GLOBAL_COMPAT, false);
    vtd_command(u, GLOBAL_REMAP, true);
}

static void flush(uint8_t vector)
{
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        vtd_flush_irq(&vtd_unit[i], vector);
}

static void write_low(uint64_t *e, uint64_t low)
{
    __atomic_store_n(&e[0], low, __ATOMIC_RELEASE);
    vtd_visible(e, ENTRY_WORDS * sizeof(*e));
}

void vtd_irq_clear(uint8_t vector)
{
    uint64_t *e = &table[vector * ENTRY_WORDS];

    spin_lock(&lock);
    if (e[0] & ENTRY_PRESENT) {
        write_low(e, 0);
        flush(vector);
    }
    spin_unlock(&lock);
}

static uint64_t source_word(struct irq_source s)
{
    uint16_t bus = s.id >> 8;
    return s.whole_bus ? SOURCE_BUSES | (uint64_t)bus << 8 | bus : SOURCE_EXACT | s.id;
}

void vtd_irq_set(uint8_t vector, struct irq_source source, uint32_t apic_id, bool level)
{
    uint64_t *e = &table[vector * ENTRY_WORDS], destination = vtd_common.x2apic ? apic_id : (apic_id & 0xff) << 8;
    uint64_t low = ENTRY_PRESENT | (level ? ENTRY_LEVEL : 0) | (uint64_t)vector << 16 | destination << 32;
    uint64_t high = source_word(source);

    spin_lock(&lock);
    bool was = e[0] & ENTRY_PRESENT;
    if (was && (e[0] != low || e[1] != high)) {
        write_low(e, 0); /* never half old, half new */
        flush(vector);
    }
    __atomic_store_n(&e[1], high, __ATOMIC_RELEASE);
    write_low(e, low);
    if (!was && vtd_common.flush_new)
        flush(vector);
    spin_unlock(&lock);
}

void vtd_msi_message(uint8_t vector, uint64_t *address, uint32_t *data)
{
    *address = MESSAGE | (uint64_t)vector << 5 | MESSAGE_REMAPS;
    *data = 0;
}

/* The vector stands here too: the I/O APIC compares it with the number in an EOI. */
uint64_t vtd_ioapic_entry(uint8_t vector, bool level, bool active_low)
{
    return (uint64_t)vector << 49 | PIN_REMAPS | (level ? PIN_LEVEL : 0) | (active_low ? PIN_LOW : 0) | vector;
}

bool vtd_ioapic_find(unsigned int ioapic, struct irq_source *out)
{
    for (unsigned int i = 0; i < machine.dmar.units; i++) {
        const struct dmar_unit *u = &machine.dmar.unit[i];
        for (unsigned int n = 0; n < u->scopes.count; n++) {
            const struct dmar_scope *s = &machine.dmar.scope[u->scopes.first + n];
            struct pci_addr a;
            if (s->type != DMAR_IOAPIC || s->id != machine.ioapic[ioapic].id || !vtd_scope_device(s, u->segment, &a))
                continue;
            *out = (struct irq_source){.id = (uint16_t)(a.bus << 8 | a.devfn)};
            return true;
        }
    }
    return false;
}

struct irq_source vtd_ioapic_source(unsigned int ioapic)
{
    struct irq_source s = {0};
    (void)vtd_ioapic_find(ioapic, &s); /* probe has seen that it is there */
    return s;
}
