/* parse.c - what the hypervisor needs to know of the host's ACPI tables */
#include "tables.h"
#include <hv/log.h>
#include <hv/string.h>

static void add_cpu(struct machine *m, uint32_t apic_id, uint32_t flags)
{
    if (!(flags & MADT_ENABLED))
        return;
    for (unsigned int i = 0; i < m->cpu_count; i++)
        if (m->cpu[i].apic_id == apic_id)
            return; /* firmware may list one both as LAPIC and as x2APIC */
    if (m->cpu_count == MAX_HOST_CPUS) {
        log_warn("acpi: CPU with APIC id %u is left out: at most %u are supported", apic_id, MAX_HOST_CPUS);
        return;
    }
    m->cpu[m->cpu_count].apic_id = apic_id;
    m->cpu[m->cpu_count++].usable = true;
}

static void add_ioapic(struct machine *m, const struct madt_ioapic *e)
{
    if (m->ioapic_count == MAX_HOST_IOAPICS) {
        log_warn("acpi: I/O APIC %u is left out: at most %u are supported", e->id, MAX_HOST_IOAPICS);
        return;
    }
    m->ioapic[m->ioapic_count++] = (struct host_ioapic){.id = e->id, .address = e->address, .gsi_base = e->gsi_base};
}

static void add_override(struct machine *m, const struct madt_override *e)
{
    if (m->override_count == MAX_OVERRIDES) {
        log_warn("acpi: override of ISA interrupt %u is left out: at most %u are supported", e->irq, MAX_OVERRIDES);
        return;
    }
    m->override[m->override_count++] = (struct irq_override){.isa_irq = e->irq, .gsi = e->gsi, .flags = e->flags};
}

union madt_entry {
    struct madt_lapic lapic;
    struct madt_ioapic ioapic;
    struct madt_override override;
    struct madt_lapic_address lapic_address;
    struct madt_x2apic x2apic;
};

/* Bytes an entry of this type must have for us to read it; 0: not of interest. */
static size_t madt_entry_bytes(uint8_t type)
{
    switch (type) {
    case MADT_LAPIC: return sizeof(struct madt_lapic);
    case MADT_IOAPIC: return sizeof(struct madt_ioapic);
    case MADT_OVERRIDE: return sizeof(struct madt_override);
    case MADT_LAPIC_ADDRESS: return sizeof(struct madt_lapic_address);
    case MADT_X2APIC: return sizeof(struct madt_x2apic);
    default: return 0;
    }
}

static bool parse_madt_entry(struct machine *m, const union madt_entry *e)
{
    switch (e->lapic.type) {
    case MADT_LAPIC: add_cpu(m, e->lapic.apic_id, e->lapic.flags); break;
    case MADT_X2APIC: add_cpu(m, e->x2apic.apic_id, e->x2apic.flags); break;
    case MADT_IOAPIC: add_ioapic(m, &e->ioapic); break;
    case MADT_OVERRIDE: add_override(m, &e->override); break;
    case MADT_LAPIC_ADDRESS:
        if (e->lapic_address.address != LAPIC_ADDRESS) {
            log_err("acpi: the local APIC is at %#llx, only %#x is supported",
                    (unsigned long long)e->lapic_address.address, LAPIC_ADDRESS);
            return false;
        }
        break;
    }
    return true;
}

static bool parse_madt(struct machine *m, uint64_t at, const struct acpi_header *h, acpi_reader read)
{
    uint64_t end = at + h->length, p = at + sizeof(struct acpi_madt);

    while (p + 2 <= end) {
        uint8_t head[2]; /* type, length */
        union madt_entry e;
        if (!read(head, p, sizeof(head)))
            return false;
        if (head[1] < 2 || head[1] > end - p) {
            log_err("acpi: MADT entry at %#llx has the impossible length %u", (unsigned long long)p, head[1]);
            return false;
        }
        size_t want = madt_entry_bytes(head[0]);
        memset(&e, 0, sizeof(e));
        if (want && head[1] >= want && (!read(&e, p, want) || !parse_madt_entry(m, &e)))
            return false;
        p += head[1];
    }
    return true;
}

static bool parse_mcfg(struct machine *m, uint64_t at, const struct acpi_header *h, acpi_reader read)
{
    struct mcfg_region r;
    for (uint64_t off = MCFG_FIRST; off + sizeof(r) <= h->length; off += sizeof(r)) {
        if (!read(&r, at + off, sizeof(r)))
            return false;
        if (m->ecam_count == MAX_ECAM || r.bus_end < r.bus_start || !r.base || (r.base & (BIT(20) - 1))) {
            log_warn("acpi: ECAM region %#llx (buses %u-%u) is left out", (unsigned long long)r.base, r.bus_start,
                     r.bus_end);
            continue;
        }
        m->ecam[m->ecam_count++] = (struct ecam_region){r.base, r.segment, r.bus_start, r.bus_end};
    }
    return true;
}

/* The 64-bit form of a register block wins when the table is long enough to have it and it names an I/O port. */
static uint16_t io_block(uint32_t legacy, const struct acpi_gas *extended)
{
    if (extended->space == GAS_IO && extended->address && extended->address <= UINT16_MAX)
        return (uint16_t)extended->address;
    return legacy <= UINT16_MAX ? (uint16_t)legacy : 0;
}

static bool parse_fadt(struct machine *m, uint64_t at, const struct acpi_header *h, acpi_reader read)
{
    struct acpi_fadt f = {};
    if (!read(&f, at, MIN(h->length, sizeof(f))))
        return false;
    m->pm1a_cnt = io_block(f.pm1a_cnt, &f.x_pm1a_cnt);
    m->pm1b_cnt = io_block(f.pm1b_cnt, &f.x_pm1b_cnt);
    m->pm_timer = io_block(f.pm_timer, &f.x_pm_timer);
    m->sci_irq = f.sci_irq;
    m->smi_command = f.smi_command <= UINT16_MAX ? (uint16_t)f.smi_command : 0;
    m->reset_space = GAS_NONE;
    bool usable = f.reset.space == GAS_MEMORY || (f.reset.space == GAS_IO && f.reset.address <= UINT16_MAX);
    if ((f.flags & FADT_RESET_SUPPORTED) && f.reset.address && usable) {
        m->reset_space = f.reset.space;
        m->reset_address = f.reset.address;
        m->reset_value = f.reset_value;
    }
    return true;
}

struct found {
    bool madt, fadt;
};

static bool parse_table(struct machine *m, uint64_t at, const struct acpi_header *h, acpi_reader read,
                        struct found *found)
{
    bool madt = acpi_is(h, "APIC"), fadt = acpi_is(h, "FACP"), mcfg = acpi_is(h, "MCFG"), hpet = acpi_is(h, "HPET");
    bool dmar = acpi_is(h, "DMAR") && !m->dmar.found;
    if (!madt && !fadt && !mcfg && !hpet && !dmar)
        return true;
    if (!acpi_checksum_good(at, h->length, read)) {
        log_warn("acpi: table %c%c%c%c at %#llx has a wrong checksum and is ignored", h->signature[0], h->signature[1],
                 h->signature[2], h->signature[3], (unsigned long long)at);
        if (dmar)
            m->dmar.unusable = "its DMAR table has a wrong checksum";
        return true;
    }
    if (hpet)
        m->has_hpet = true;
    if (dmar)
        acpi_parse_dmar(&m->dmar, at, h, read);
    if (mcfg)
        return parse_mcfg(m, at, h, read);
    if (fadt && !found->fadt)
        return found->fadt = parse_fadt(m, at, h, read);
    if (madt && !found->madt)
        return found->madt = parse_madt(m, at, h, read);
    return true;
}

bool acpi_parse(struct machine *m, acpi_reader read)
{
    struct acpi_rsdp rsdp;
    struct acpi_root root;
    struct found found = {};

    m->reset_space = GAS_NONE;
    memset(&m->dmar, 0, sizeof(m->dmar));
    m->dmar.unusable = "it has no DMAR table";
    if (!acpi_find_rsdp(m->rsdp, read, &m->rsdp, &rsdp)) {
        log_err("acpi: no RSDP from the boot loader and none in the BIOS area");
        return false;
    }
    if (!acpi_find_root(&rsdp, read, &root))
        return false;
    for (unsigned int i = 0; i < root.count; i++) {
        struct acpi_header h;
        uint64_t at;
        if (!acpi_table(&root, i, read, &at, &h)) {
            log_warn("acpi: table %u at %#llx is unreadable and is ignored", i, (unsigned long long)at);
            continue;
        }
        if (!parse_table(m, at, &h, read, &found)) {
            log_err("acpi: table %c%c%c%c at %#llx cannot be used", h.signature[0], h.signature[1], h.signature[2],
                    h.signature[3], (unsigned long long)at);
            return false;
        }
    }
    if (!found.madt || !found.fadt || !m->cpu_count || !m->ioapic_count) {
        log_err("acpi: %s", !found.madt     ? "there is no MADT"
                            : !found.fadt   ? "there is no FADT"
                            : !m->cpu_count ? "the MADT lists no enabled CPU"
                                            : "the MADT lists no I/O APIC");
        return false;
    }
    return true;
}
