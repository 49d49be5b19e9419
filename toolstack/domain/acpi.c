/* acpi.c - the ACPI tables of a domU: hardware-reduced FADT, MADT with one local APIC per vCPU, DSDT with _S5 */
#include "toolstack/domain/acpi.h"

#include <errno.h>
#include <string.h>

#include "toolstack/domain/platform.h"
#include "dsdt.h" /* dsdt_aml_code[], by iasl from dsdt.asl */

/* ACPI 6.4, 5.2. Little-endian, unaligned. */
struct [[gnu::packed]] header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
};

struct [[gnu::packed]] rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
};
static_assert(sizeof(struct rsdp) == 36);

struct [[gnu::packed]] xsdt {
    struct header h;
    uint64_t fadt, madt;
};

struct [[gnu::packed]] gas {
    uint8_t space, bit_width, bit_offset, access;
    uint64_t address;
};

struct [[gnu::packed]] fadt {
    struct header h;
    uint32_t facs, dsdt;
    uint8_t reserved0, profile;
    uint8_t sci_to_gpe[62]; /* offsets 46..107: SCI, PM1, PM timer, GPE: absent on hardware-reduced platforms */
    uint8_t century;
    uint16_t boot_arch;
    uint8_t reserved1;
    uint32_t flags;
    struct gas reset_reg;
    uint8_t reset_value;
    uint16_t arm_boot_arch;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    struct gas x_pm[8];
    struct gas sleep_control, sleep_status;
    char hypervisor[8];
};
static_assert(offsetof(struct fadt, century) == 108);
static_assert(sizeof(struct fadt) == 276);

enum {
    FADT_WBINVD = 1 << 0,
    FADT_NO_POWER_BUTTON = 1 << 4,
    FADT_NO_SLEEP_BUTTON = 1 << 5,
    FADT_RESET_REG_SUP = 1 << 10,
    FADT_HW_REDUCED = 1 << 20,
    BOOT_ARCH_NO_VGA = 1 << 2,
    BOOT_ARCH_NO_ASPM = 1 << 4,
    BOOT_ARCH_NO_CMOS_RTC = 1 << 5,
};

struct [[gnu::packed]] madt_lapic {
    uint8_t type, length, uid, apic_id;
    uint32_t flags;
};

struct [[gnu::packed]] madt {
    struct header h;
    uint32_t lapic_base, flags;
    struct madt_lapic lapics[PLATFORM_MAX_VCPUS];
};

struct tables {
    struct rsdp rsdp;
    alignas(16) struct xsdt xsdt;
    alignas(16) struct fadt fadt;
    alignas(16) struct madt madt;
    alignas(16) uint8_t dsdt[sizeof(dsdt_aml_code)];
};
static_assert(sizeof(struct tables) <= ACPI_MAX_SIZE);

static uint8_t checksum(const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    unsigned sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += p[i];
    return (uint8_t)(256 - sum % 256);
}

static void seal(struct header *h, const char *signature, uint8_t revision, size_t length)
{
    memcpy(h->signature, signature, 4);
    memcpy(h->oem_id, "ATOLL ", 6);
    memcpy(h->oem_table_id, "DOMU    ", 8);
    memcpy(h->creator_id, "ATOL", 4);
    h->length = (uint32_t)length;
    h->revision = revision;
    h->oem_revision = h->creator_revision = 1;
    h->checksum = 0;
    h->checksum = checksum(h, length);
}

static struct gas io_byte(uint64_t port)
{
    return (struct gas){.space = 1, .bit_width = 8, .access = 1, .address = port};
}

static void fill_fadt(struct fadt *f, uint64_t dsdt)
{
    f->dsdt = (uint32_t)dsdt;
    f->x_dsdt = dsdt;
    f->boot_arch = BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_ASPM | BOOT_ARCH_NO_CMOS_RTC;
    f->flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_RESET_REG_SUP | FADT_HW_REDUCED;
    f->reset_reg = io_byte(PLATFORM_RESET_PORT);
    f->reset_value = PLATFORM_RESET_VALUE;
    f->sleep_control = io_byte(PLATFORM_SLEEP_CONTROL_PORT);
    f->sleep_status = io_byte(PLATFORM_SLEEP_STATUS_PORT);
    memcpy(f->hypervisor, "Atoll", 5);
    seal(&f->h, "FACP", 6, sizeof(*f));
}

/* All vCPUs are enabled, also those that start offline: Linux gives disabled entries no APIC id. */
static void fill_madt(struct madt *m, unsigned vcpus)
{
    m->lapic_base = (uint32_t)PLATFORM_LAPIC_BASE;
    for (unsigned i = 0; i < vcpus; i++)
        m->lapics[i] = (struct madt_lapic){0, sizeof(m->lapics[i]), (uint8_t)i, (uint8_t)PLATFORM_APIC_ID(i), 1};
    seal(&m->h, "APIC", 5, offsetof(struct madt, lapics) + vcpus * sizeof(m->lapics[0]));
}

int acpi_build(uint8_t *out, uint64_t base, unsigned vcpus)
{
    struct tables t = {0};

    if (vcpus == 0 || vcpus > PLATFORM_MAX_VCPUS)
        return -EINVAL;

    memcpy(t.dsdt, dsdt_aml_code, sizeof(t.dsdt));
    fill_fadt(&t.fadt, base + offsetof(struct tables, dsdt));
    fill_madt(&t.madt, vcpus);
    t.xsdt.fadt = base + offsetof(struct tables, fadt);
    t.xsdt.madt = base + offsetof(struct tables, madt);
    seal(&t.xsdt.h, "XSDT", 1, sizeof(t.xsdt));

    memcpy(t.rsdp.signature, "RSD PTR ", 8);
    memcpy(t.rsdp.oem_id, "ATOLL ", 6);
    t.rsdp.revision = 2;
    t.rsdp.length = sizeof(t.rsdp);
    t.rsdp.xsdt = base + offsetof(struct tables, xsdt);
    t.rsdp.checksum = checksum(&t.rsdp, 20);
    t.rsdp.extended_checksum = checksum(&t.rsdp, sizeof(t.rsdp));
    memset(out, 0, ACPI_MAX_SIZE);
    memcpy(out, &t, sizeof(t));
    return sizeof(t);
}
