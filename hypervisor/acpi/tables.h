/* tables.h - the few ACPI structures we read or write, and walking the root table (ACPI 6.5, chapter 5.2); private to
 * acpi/ */
#pragma once
#include <hv/acpi.h>

#define ACPI_MAX_TABLES  128u
#define ACPI_MAX_BYTES   (16u << 20) /* no sane table is larger: a damaged length must not keep us reading */
#define ACPI_RSDP_BYTES  36u
#define ACPI_RSDP1_BYTES 20u /* of ACPI 1.0: what the first checksum covers */

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length; /* from here on: revision 2 */
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __packed;

struct acpi_header {
    char signature[4];
    uint32_t length; /* bytes, header included */
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __packed;

struct acpi_gas {
    uint8_t space, bit_width, bit_offset, access;
    uint64_t address;
} __packed;
enum { GAS_MEMORY = 0, GAS_IO = 1, GAS_NONE = 0xff };

struct acpi_fadt { /* as far as we need it */
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t reserved, profile;
    uint16_t sci_irq;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate;
    uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_timer, gpe0, gpe1;
    uint8_t lengths[8];
    uint16_t latencies[2], flush_size, flush_stride;
    uint8_t duty[2], day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved2;
    uint32_t flags;
    struct acpi_gas reset;
    uint8_t reset_value;
    uint16_t arm_flags;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_timer;
} __packed;
#define FADT_RESET_SUPPORTED BIT(10)

struct acpi_madt {
    struct acpi_header header;
    uint32_t lapic_address, flags;
} __packed;
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define MADT_ENABLED  1u
#define LAPIC_ADDRESS 0xfee00000u

struct madt_lapic {
    uint8_t type, length, uid, apic_id;
    uint32_t flags;
} __packed;
struct madt_ioapic {
    uint8_t type, length, id, reserved;
    uint32_t address, gsi_base;
} __packed;
struct madt_override {
    uint8_t type, length, bus, irq;
    uint32_t gsi;
    uint16_t flags;
} __packed;
struct madt_lapic_address {
    uint8_t type, length;
    uint16_t reserved;
    uint64_t address;
} __packed;
struct madt_x2apic {
    uint8_t type, length;
    uint16_t reserved;
    uint32_t apic_id, flags, uid;
} __packed;

struct mcfg_region {
    uint64_t base;
    uint16_t segment;
    uint8_t bus_start, bus_end;
    uint32_t reserved;
} __packed;
#define MCFG_FIRST 44u /* bytes before the first region */

/* Where the list of all tables is. */
struct acpi_root {
    uint64_t at; /* of its header */
    unsigned int count, entry_bytes;
};

/* Finds the RSDP (m->rsdp if that is one, else by searching the BIOS areas). False: there is none. */
bool acpi_find_rsdp(uint64_t hint, acpi_reader read, uint64_t *at, struct acpi_rsdp *out);
/* Finds the XSDT, or the RSDT. False and a log line if neither is good. */
bool acpi_find_root(const struct acpi_rsdp *rsdp, acpi_reader read, struct acpi_root *out);
/* The n-th table's address and header, n < root->count; false if it is unreadable or has an impossible length. */
bool acpi_table(const struct acpi_root *root, unsigned int n, acpi_reader read, uint64_t *at, struct acpi_header *out);
/* True if all `bytes` from `at` are readable and add up to 0. */
bool acpi_checksum_good(uint64_t at, size_t bytes, acpi_reader read);
/* The value that makes the bytes add up to 0 (the checksum field being 0 now). */
uint8_t acpi_checksum(const void *table, size_t bytes);
bool acpi_is(const struct acpi_header *h, const char signature[4]);
/* The DMAR table at an address, its checksum being good. What is wrong with it stands in d->unusable. */
void acpi_parse_dmar(struct dmar *d, uint64_t at, const struct acpi_header *h, acpi_reader read);
