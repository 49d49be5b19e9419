/* vtd.c - Intel VT-d: finding the units, what they have in common, switching them on */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/irq.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/timer.h>
#include "vtd.h"

#define PATIENCE         1000000000ul
#define PROTECTED_ENABLE ((uint32_t)BIT(31))
#define PROTECTED_STATUS 1u
#define ROOT_KIND        (3ul << 10) /* 0: what we use */
#define ALL_ONES         (~0ul)
#define RECORD_BYTES     16u

struct vtd_unit vtd_unit[DMAR_MAX_UNITS];
unsigned int vtd_unit_count;
struct vtd_common vtd_common;

/* Until the status shows what the command asks for. A flush of the write buffer shows itself only while it lasts. */
void vtd_command(const struct vtd_unit *u, uint32_t bit, bool on)
{
    uint64_t end = time_now() + PATIENCE;
    uint32_t now = vtd_read32(u, REG_STATUS) & ~GLOBAL_ONE_SHOT;
    bool wanted = on && bit != GLOBAL_FLUSH_WB;

    vtd_write32(u, REG_COMMAND, on ? now | bit : now & ~bit);
    while (!(vtd_read32(u, REG_STATUS) & bit) == wanted) {
        if (time_now() > end)
            panic("the IOMMU at %lx does not obey (command %x); start with iommu=off", u->firmware->registers, bit);
        cpu_relax();
    }
}

void vtd_visible(const volatile void *entries, size_t bytes)
{
    if (vtd_common.coherent)
        return;
    for (uintptr_t at = ALIGN_DOWN((uintptr_t)entries, 64); at < (uintptr_t)entries + bytes; at += 64)
        __asm__ volatile("clflush %0" : "+m"(*(volatile char *)at));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The fault records may lie behind the first page. */
static const char *map_unit(struct vtd_unit *u)
{
    u->registers = host_mmio_map(MADDR(u->firmware->registers), u->firmware->bytes);
    if (!u->registers)
        return "a unit's registers cannot be mapped";
    u->cap = vtd_read64(u, REG_CAP);
    u->ecap = vtd_read64(u, REG_ECAP);
    if (u->cap == ALL_ONES || !u->cap)
        return "a unit that the firmware names is not there";
    size_t end = CAP_FAULT_OFFSET(u->cap) + CAP_FAULT_COUNT(u->cap) * RECORD_BYTES;
    if (end > u->firmware->bytes)
        u->registers = host_mmio_map(MADDR(u->firmware->registers), end);
    if (!u->registers)
        return "a unit's registers cannot be mapped";
    return u->ecap & ECAP_QUEUE ? NULL : "a unit knows no queued invalidation";
}

/* Four levels where all units have them, else three or five: gfns of guests have 28 bits. */
static const char *choose_levels(unsigned int in_common)
{
    static const unsigned int order[] = {4, 5, 3};

    for (unsigned int i = 0; i < ARRAY_SIZE(order); i++)
        if (in_common & BIT(order[i] - 2)) {
            vtd_common.levels = order[i];
            vtd_common.address_bits = MIN(vtd_common.address_bits, 12 + 9 * order[i]);
            return NULL;
        }
    return "its units have no table depth in common";
}

static const char *combine(void)
{
    unsigned int levels = ~0u;
    uint64_t large = CAP_2M | CAP_1G, domains = ~0u;

    vtd_common = (struct vtd_common){.address_bits = 64, .coherent = true, .x2apic = host.x2apic};
    for (unsigned int i = 0; i < vtd_unit_count; i++) {
        const struct vtd_unit *u = &vtd_unit[i];
        levels &= CAP_LEVELS(u->cap);
        large &= u->cap;
        domains = MIN(domains, (uint64_t)CAP_DOMAINS(u->cap));
        vtd_common.address_bits = MIN(vtd_common.address_bits, CAP_WIDTH(u->cap));
        vtd_common.coherent &= (u->ecap & ECAP_COHERENT) != 0;
        vtd_common.flush_new |= (u->cap & (CAP_CACHING_MODE | CAP_WRITE_BUFFER)) != 0;
        vtd_common.write_buffer |= (u->cap & CAP_WRITE_BUFFER) != 0;
        vtd_common.x2apic &= (u->ecap & ECAP_X2APIC) != 0;
    }
    vtd.domains = (unsigned int)domains;
    vtd_common.largest_order = !(large & CAP_2M) ? 0 : large & CAP_1G ? 18 : 9;
    return choose_levels(levels);
}

/* All units, and an entry's owner for every I/O APIC. */
static bool can_remap_interrupts(void)
{
    struct irq_source s;

    if (!machine.dmar.can_remap_interrupts)
        return false;
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        if (!(vtd_unit[i].ecap & ECAP_REMAP))
            return false;
    for (unsigned int i = 0; i < machine.ioapic_count; i++)
        if (!vtd_ioapic_find(i, &s)) {
            log_warn("IOMMU: the firmware does not say which unit I/O APIC %u is behind", machine.ioapic[i].id);
            return false;
        }
    for (unsigned int i = 0; i < machine.cpu_count && !vtd_common.x2apic; i++)
        if (machine.cpu[i].apic_id > 0xff)
            return false;
    return true;
}

static const char *probe(void)
{
    if (machine.dmar.unusable)
        return machine.dmar.unusable;
    for (unsigned int i = 0; i < machine.dmar.units; i++) {
        struct vtd_unit *u = &vtd_unit[i];
        *u = (struct vtd_unit){.number = i, .firmware = &machine.dmar.unit[i]};
        const char *wrong = map_unit(u);
        if (wrong)
            return wrong;
        u->root = heap_page_alloc();
        if (!u->root || !vtd_queue_create(u))
            return "memory is short";
    }
    vtd_unit_count = machine.dmar.units;
    const char *wrong = combine();
    if (wrong)
        return wrong;
    vtd.remaps_interrupts = can_remap_interrupts() && vtd_irt_create();
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        vtd_visible(vtd_unit[i].root, PAGE_SIZE);
    return NULL;
}

/* Ranges that firmware has closed to DMA until the system is ready; our tables take over. */
static void open_protected(const struct vtd_unit *u)
{
    uint64_t end = time_now() + PATIENCE;

    if (!(u->cap & CAP_PROTECTED))
        return;
    vtd_write32(u, REG_PROTECTED, vtd_read32(u, REG_PROTECTED) & ~PROTECTED_ENABLE);
    while (vtd_read32(u, REG_PROTECTED) & PROTECTED_STATUS && time_now() < end)
        cpu_relax();
}

/* Translation that firmware has left on stays on while its tables are exchanged for ours, unless they are of another
 * kind. */
static void enable_unit(struct vtd_unit *u, int vector)
{
    if (vtd_read32(u, REG_STATUS) & GLOBAL_TRANSLATE && vtd_read64(u, REG_ROOT) & ROOT_KIND)
        vtd_command(u, GLOBAL_TRANSLATE, false);
    if (vtd_read32(u, REG_STATUS) & GLOBAL_REMAP)
        vtd_command(u, GLOBAL_REMAP, false);
    if (vtd_read32(u, REG_STATUS) & GLOBAL_QUEUE)
        vtd_command(u, GLOBAL_QUEUE, false);
    vtd_faults_clear(u);
    if (vector >= 0)
        vtd_faults_enable(u, (uint8_t)vector, cpus[0]->apic_id);
    vtd_write64(u, REG_ROOT, machine_address(u->root));
    vtd_command(u, GLOBAL_SET_ROOT, true);
    vtd_queue_enable(u);
    vtd_flush_everything(u);
    if (vtd.remaps_interrupts)
        vtd_irt_enable(u);
    vtd_command(u, GLOBAL_TRANSLATE, true);
    open_protected(u);
}

static void enable(void)
{
    int vector = irq_request(vtd_faults_interrupt);

    if (vector < 0)
        log_warn("IOMMU: no vector left: what is stopped is not logged");
    for (unsigned int i = 0; i < vtd_unit_count; i++)
        enable_unit(&vtd_unit[i], vector);
}

static void report(void)
{
    log_info("IOMMU: VT-d, %u unit%s, %u-bit addresses, %s pages%s%s", vtd_unit_count, vtd_unit_count == 1 ? "" : "s",
             vtd_common.address_bits,
             vtd_common.largest_order == 18  ? "1 GiB"
             : vtd_common.largest_order == 9 ? "2 MiB"
                                             : "4 KiB",
             vtd.remaps_interrupts ? ", interrupt remapping" : "", vtd_common.x2apic ? " for x2APIC" : "");
}

static bool covers(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < vtd_unit_count; i++) {
        const struct vtd_unit *u = &vtd_unit[i];
        uint64_t first = u->firmware->registers,
                 bytes = MAX(u->firmware->bytes, CAP_FAULT_OFFSET(u->cap) + CAP_FAULT_COUNT(u->cap) * RECORD_BYTES);
        if (start < first + ALIGN_UP(bytes, PAGE_SIZE) && end > first)
            return true;
    }
    return false;
}

static void flush(struct iommu_domain *t)
{
    uint64_t units = __atomic_load_n(&t->units, __ATOMIC_SEQ_CST);

    for (unsigned int i = 0; i < vtd_unit_count; i++)
        if (units & BIT(i))
            vtd_flush_translations(&vtd_unit[i], t->number);
}

struct iommu_kind vtd = {
    .name = "VT-d",
    .probe = probe,
    .enable = enable,
    .report = report,
    .covers = covers,
    .set = vtd_set,
    .flush = flush,
    .empty = vtd_empty,
    .attach = vtd_attach,
    .detach = vtd_detach,
    .detach_all = vtd_detach_all,
    .irq_set = vtd_irq_set,
    .irq_clear = vtd_irq_clear,
    .msi_message = vtd_msi_message,
    .ioapic_entry = vtd_ioapic_entry,
    .ioapic_source = vtd_ioapic_source,
    .reserve = vtd_reserve,
    .is_reserved = vtd_is_reserved,
};
