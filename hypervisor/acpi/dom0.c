/*
 * dom0.c - the tables that dom0 sees: a RSDP, XSDT and MADT of our own, which refer to the host's tables in place.
 * dom0 owns the devices, so it gets what describes them (DSDT, SSDT, MCFG ...) and nothing that describes what the
 * hypervisor owns (DMAR, HPET, SRAT, error records).
 */
#include "tables.h"
#include <hv/domain.h>
#include <hv/string.h>
#include <hv/vlapic.h>

static const char allowed[][4] = {"FACP", "PSDT", "SSDT", "SBST", "MCFG", "SLIC", "MSDM",
                                  "WDAT", "FPDT", "S3PT", "TCPA", "TPM2", "VFCT"};

static bool is_allowed(const struct acpi_header *h)
{
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        if (acpi_is(h, allowed[i]))
            return true;
    return !memcmp(h->signature, "OEM", 3);
}

static bool find_root(const struct machine *m, acpi_reader read, struct acpi_rsdp *rsdp, struct acpi_root *root)
{
    uint64_t at;
    return acpi_find_rsdp(m->rsdp, read, &at, rsdp) && acpi_find_root(rsdp, read, root);
}

/* A growing piece of memory; once it is full nothing more is written and `full` stays set. */
struct output {
    uint8_t *buf;
    size_t used, size;
    bool full;
};

static void *append(struct output *o, const void *what, size_t bytes)
{
    if (o->full || bytes > o->size - o->used) {
        o->full = true;
        return NULL;
    }
    void *at = o->buf + o->used;
    memcpy(at, what, bytes);
    o->used += bytes;
    return at;
}

/* Sets length and checksum of the table that was appended from offset `start` on. */
static void finish_table(struct output *o, size_t start)
{
    if (o->full)
        return;
    struct acpi_header *h = (struct acpi_header *)(o->buf + start);
    h->length = (uint32_t)(o->used - start);
    h->checksum = 0;
    h->checksum = acpi_checksum(h, h->length);
}

static void align(struct output *o)
{
    static const uint8_t zero[16];
    append(o, zero, -o->used & 15);
}

static void append_madt(struct output *o, const struct machine *m, struct acpi_header header, unsigned int vcpus)
{
    size_t start = o->used;
    struct acpi_madt madt = {.header = header, .lapic_address = LAPIC_ADDRESS, .flags = 0}; /* no 8259 */

    append(o, &madt, sizeof(madt));
    for (unsigned int i = 0; i < vcpus; i++) {
        struct madt_lapic e = {MADT_LAPIC, sizeof(e), (uint8_t)i, (uint8_t)vcpu_apic_id(i), MADT_ENABLED};
        append(o, &e, sizeof(e));
    }
    for (unsigned int i = 0; i < m->ioapic_count; i++) {
        const struct host_ioapic *h = &m->ioapic[i];
        struct madt_ioapic e = {MADT_IOAPIC, sizeof(e), h->id, 0, (uint32_t)h->address, h->gsi_base};
        append(o, &e, sizeof(e));
    }
    for (unsigned int i = 0; i < m->override_count; i++) {
        const struct irq_override *h = &m->override[i];
        struct madt_override e = {MADT_OVERRIDE, sizeof(e), 0, h->isa_irq, h->gsi, h->flags};
        append(o, &e, sizeof(e));
    }
    finish_table(o, start);
}

static void append_xsdt(struct output *o, const struct acpi_root *root, acpi_reader read, struct acpi_header header,
                        uint64_t madt)
{
    size_t start = o->used;

    memcpy(header.signature, "XSDT", 4);
    header.revision = 1;
    append(o, &header, sizeof(header));
    append(o, &madt, sizeof(madt));
    for (unsigned int i = 0; i < root->count; i++) {
        struct acpi_header h;
        uint64_t at;
        if (acpi_table(root, i, read, &at, &h) && is_allowed(&h))
            append(o, &at, sizeof(at));
    }
    finish_table(o, start);
}

static bool host_madt_header(const struct acpi_root *root, acpi_reader read, struct acpi_header *out)
{
    uint64_t at;
    for (unsigned int i = 0; i < root->count; i++)
        if (acpi_table(root, i, read, &at, out) && acpi_is(out, "APIC"))
            return true;
    return false;
}

size_t acpi_build_dom0(const struct machine *m, acpi_reader read, unsigned int vcpus, uint64_t at, void *buf,
                       size_t size, uint64_t *rsdp)
{
    struct output o = {.buf = buf, .size = size};
    struct acpi_rsdp host;
    struct acpi_root root;
    struct acpi_header header;

    if (vcpus > MAX_VCPUS || !find_root(m, read, &host, &root) || !host_madt_header(&root, read, &header))
        return 0;
    struct acpi_rsdp *mine = append(&o, &host, sizeof(host));
    align(&o);
    size_t madt = o.used;
    append_madt(&o, m, header, vcpus);
    align(&o);
    size_t xsdt = o.used;
    append_xsdt(&o, &root, read, header, at + madt);
    if (o.full || !mine)
        return 0;

    mine->revision = 2;
    mine->rsdt = 0;
    mine->length = sizeof(*mine);
    mine->xsdt = at + xsdt;
    mine->checksum = mine->extended_checksum = 0;
    memset(mine->reserved, 0, sizeof(mine->reserved));
    mine->checksum = acpi_checksum(mine, ACPI_RSDP1_BYTES);
    mine->extended_checksum = acpi_checksum(mine, sizeof(*mine));
    *rsdp = at;
    return o.used;
}
