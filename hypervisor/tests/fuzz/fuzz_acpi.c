/*
 * fuzz_acpi.c - fuzz target: any bytes as the firmware's tables. QEMU's own stand at their places; the input changes
 * them, puts other tables there, or is the memory alone. Nothing is read outside, all that is found stays within its
 * limits, and dom0's tables are made of it without passing the end of the buffer and can be read back.
 */
#include <stdlib.h>
#include <string.h>
#include <hv/acpi.h>
#include "acpi/tables.h"
#include "tests/unit/acpi_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define PIECES ARRAY_SIZE(q35_tables)
#define EXTRA  0x7000000ul /* where the rest of the input stands */
#define DOM0   0x100000ul

static uint8_t content[PIECES][512];
static const uint8_t *extra;
static size_t extra_bytes;
static uint8_t made[8192];
static size_t made_bytes;

static bool lies_in(uint64_t from, size_t bytes, uint64_t at, size_t size)
{
    return from >= at && from - at <= size && bytes <= size - (from - at);
}

static bool read_memory(void *dst, uint64_t from, size_t bytes)
{
    const uint64_t bios = 0xe0000;

    for (size_t i = 0; i < PIECES; i++) {
        if (!lies_in(from, bytes, q35_tables[i].at, q35_tables[i].bytes))
            continue;
        memcpy(dst, content[i] + (from - q35_tables[i].at), bytes);
        return true;
    }
    if (lies_in(from, bytes, EXTRA, extra_bytes)) {
        memcpy(dst, extra + (from - EXTRA), bytes);
        return true;
    }
    if (lies_in(from, bytes, DOM0, made_bytes)) {
        memcpy(dst, made + (from - DOM0), bytes);
        return true;
    }
    if (!lies_in(from, bytes, bios, 0x20000))
        return false;
    memset(dst, 0, bytes); /* where the RSDP is searched there is more than the RSDP */
    for (size_t k = 0; k < q35_tables[0].bytes; k++)
        if (q35_tables[0].at + k >= from && q35_tables[0].at + k - from < bytes)
            ((uint8_t *)dst)[q35_tables[0].at + k - from] = content[0][k];
    return true;
}

/* Makes the bytes add up: else nothing behind the checksum would be reached. */
static void repair(uint8_t *table, size_t bytes, size_t checksum)
{
    if (bytes <= checksum)
        return;
    table[checksum] = 0;
    table[checksum] = acpi_checksum(table, bytes);
}

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check_machine(const struct machine *m)
{
    require(m->cpu_count >= 1 && m->cpu_count <= MAX_HOST_CPUS);
    require(m->ioapic_count >= 1 && m->ioapic_count <= MAX_HOST_IOAPICS);
    require(m->override_count <= MAX_OVERRIDES && m->ecam_count <= MAX_ECAM);
    for (unsigned int i = 0; i < m->ecam_count; i++)
        require(m->ecam[i].bus_start <= m->ecam[i].bus_end && m->ecam[i].base);
}

/* What dom0 will read is sound, whatever the firmware's looked like. */
static void check_dom0(const struct machine *m, unsigned int vcpus)
{
    struct machine seen = {0};
    size_t room = MIN((size_t)vcpus * 256, sizeof(made));
    uint8_t *exact = malloc(room);
    uint64_t rsdp = 0;

    made_bytes = acpi_build_dom0(m, read_memory, vcpus, DOM0, exact, room, &rsdp);
    require(made_bytes <= room);
    memcpy(made, exact, made_bytes);
    free(exact);
    if (!made_bytes)
        return;
    seen.rsdp = rsdp;
    require(rsdp >= DOM0 && rsdp < DOM0 + made_bytes);
    if (acpi_parse(&seen, read_memory))
        require(seen.cpu_count == MIN(vcpus, (unsigned int)MAX_HOST_CPUS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct machine m = {0};
    size_t used = 1;

    if (bytes < 1)
        return 0;
    made_bytes = 0;
    for (size_t i = 0; i < PIECES; i++)
        memcpy(content[i], q35_tables[i].content, q35_tables[i].bytes);
    /* changes: piece, place, value; up to a byte of all ones */
    for (; bytes - used >= 3 && data[used] != 0xff; used += 3) {
        size_t piece = data[used] % PIECES;
        content[piece][data[used + 1] % q35_tables[piece].bytes] = data[used + 2];
    }
    extra = data + used;
    extra_bytes = bytes - used;
    for (size_t i = 0; i < PIECES; i++)
        repair(content[i], q35_tables[i].bytes, i ? 9 : 8);
    if (data[0] % 4)
        m.rsdp = data[0] % 4 == 1 ? EXTRA : q35_tables[0].at;
    if (acpi_parse(&m, read_memory)) {
        check_machine(&m);
        check_dom0(&m, 1 + data[0] / 8);
    }
    return 0;
}
