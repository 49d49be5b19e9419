/* root.c - finding the RSDP and walking the list of tables it leads to */
#include "tables.h"
#include <hv/log.h>
#include <hv/string.h>

#define CHUNK          512u
#define EBDA_POINTER   0x40eu /* real-mode segment of the extended BIOS data area */
#define EBDA_BYTES     1024u
#define BIOS_AREA      0xe0000u
#define BIOS_AREA_END  0x100000u
#define RSDP_ALIGNMENT 16u

uint8_t acpi_checksum(const void *table, size_t bytes)
{
    const uint8_t *p = table;
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + p[i]);
    return (uint8_t)-sum;
}

bool acpi_checksum_good(uint64_t at, size_t bytes, acpi_reader read)
{
    uint8_t chunk[CHUNK], sum = 0;
    while (bytes) {
        size_t now = MIN(bytes, sizeof(chunk));
        if (!read(chunk, at, now))
            return false;
        sum = (uint8_t)(sum + acpi_checksum(chunk, now));
        at += now;
        bytes -= now;
    }
    return sum == 0;
}

bool acpi_is(const struct acpi_header *h, const char signature[4])
{
    return !memcmp(h->signature, signature, sizeof(h->signature));
}

static bool is_rsdp(uint64_t at, acpi_reader read, struct acpi_rsdp *out)
{
    memset(out, 0, sizeof(*out));
    if (!read(out, at, ACPI_RSDP1_BYTES) || memcmp(out->signature, "RSD PTR ", sizeof(out->signature)) ||
        acpi_checksum(out, ACPI_RSDP1_BYTES))
        return false;
    if (out->revision < 2)
        return true;
    return read(out, at, sizeof(*out)) && out->length >= ACPI_RSDP_BYTES && out->length < CHUNK &&
           acpi_checksum_good(at, out->length, read);
}

static bool search_rsdp(uint64_t from, uint64_t to, acpi_reader read, uint64_t *at, struct acpi_rsdp *out)
{
    uint8_t chunk[CHUNK];
    for (; from < to; from += CHUNK) {
        if (!read(chunk, from, CHUNK))
            continue;
        for (unsigned int i = 0; i < CHUNK; i += RSDP_ALIGNMENT)
            if (!memcmp(chunk + i, "RSD PTR ", 8) && is_rsdp(from + i, read, out)) {
                *at = from + i;
                return true;
            }
    }
    return false;
}

bool acpi_find_rsdp(uint64_t hint, acpi_reader read, uint64_t *at, struct acpi_rsdp *out)
{
    uint16_t ebda = 0;

    *at = hint;
    if (hint && is_rsdp(hint, read, out))
        return true;
    if (read(&ebda, EBDA_POINTER, sizeof(ebda)) && ebda >= 0x400) {
        uint64_t from = (uint64_t)ebda << 4;
        if (search_rsdp(from, from + EBDA_BYTES, read, at, out))
            return true;
    }
    return search_rsdp(BIOS_AREA, BIOS_AREA_END, read, at, out);
}

static bool read_header(uint64_t at, acpi_reader read, struct acpi_header *out)
{
    return at && read(out, at, sizeof(*out)) && out->length >= sizeof(*out) && out->length <= ACPI_MAX_BYTES;
}

static bool try_root(uint64_t at, const char signature[4], unsigned int entry_bytes, acpi_reader read,
                     struct acpi_root *out)
{
    struct acpi_header h;
    if (!read_header(at, read, &h) || !acpi_is(&h, signature) || !acpi_checksum_good(at, h.length, read))
        return false;
    unsigned int count = (h.length - (unsigned int)sizeof(h)) / entry_bytes;
    if (count > ACPI_MAX_TABLES) {
        log_warn("acpi: %u tables listed, only the first %u are used", count, ACPI_MAX_TABLES);
        count = ACPI_MAX_TABLES;
    }
    *out = (struct acpi_root){.at = at, .count = count, .entry_bytes = entry_bytes};
    return true;
}

bool acpi_find_root(const struct acpi_rsdp *rsdp, acpi_reader read, struct acpi_root *out)
{
    if (rsdp->revision >= 2 && try_root(rsdp->xsdt, "XSDT", 8, read, out))
        return true;
    if (try_root(rsdp->rsdt, "RSDT", 4, read, out))
        return true;
    log_err("acpi: neither XSDT (%#llx) nor RSDT (%#x) is a valid table", (unsigned long long)rsdp->xsdt, rsdp->rsdt);
    return false;
}

bool acpi_table(const struct acpi_root *root, unsigned int n, acpi_reader read, uint64_t *at, struct acpi_header *out)
{
    *at = 0;
    return read(at, root->at + sizeof(struct acpi_header) + (uint64_t)n * root->entry_bytes, root->entry_bytes) &&
           read_header(*at, read, out);
}
