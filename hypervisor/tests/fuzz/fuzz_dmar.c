/* fuzz_dmar.c - fuzz target: any bytes as a DMAR table; what is accepted must hold what dmar.h promises */
#include <stdlib.h>
#include <string.h>
#include "acpi/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define AT 0x1000ul
static const uint8_t *table;
static size_t table_bytes;

static bool read_table(void *dst, uint64_t from, size_t bytes)
{
    if (from < AT || from - AT > table_bytes || bytes > table_bytes - (from - AT))
        return false;
    memcpy(dst, table + (from - AT), bytes);
    return true;
}

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check_scopes(const struct dmar *d, struct dmar_scopes list)
{
    require(list.first + list.count <= d->scopes);
    for (unsigned int i = list.first; i < list.first + list.count; i++)
        require(d->scope[i].steps >= 1 && d->scope[i].steps <= DMAR_MAX_PATH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct dmar d;
    struct acpi_header h = {};

    table = data;
    table_bytes = bytes;
    if (bytes < sizeof(h))
        return 0;
    memcpy(&h, data, sizeof(h));
    if (h.length < sizeof(h) || h.length > ACPI_MAX_BYTES) /* acpi_table() has seen to that */
        h.length = (uint32_t)bytes;
    acpi_parse_dmar(&d, AT, &h, read_table);
    require(d.units <= DMAR_MAX_UNITS && d.regions <= DMAR_MAX_REGIONS && d.scopes <= DMAR_MAX_SCOPES);
    if (d.unusable)
        return 0;
    require(d.units);
    for (unsigned int i = 0; i < d.units; i++) {
        require(d.unit[i].registers && !(d.unit[i].registers & PAGE_MASK) && d.unit[i].bytes >= PAGE_SIZE);
        check_scopes(&d, d.unit[i].scopes);
    }
    for (unsigned int i = 0; i < d.regions; i++) {
        require(d.region[i].end > d.region[i].start && !((d.region[i].start | d.region[i].end) & PAGE_MASK));
        check_scopes(&d, d.region[i].scopes);
    }
    return 0;
}
