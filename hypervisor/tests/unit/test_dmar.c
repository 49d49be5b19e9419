/* test_dmar.c - the DMAR table: QEMU's, one with everything in it, and damaged ones */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "acpi/tables.h"
#include "acpi_tables.h"

#define AT 0x7fe0000ul

/* QEMU 10.0: -machine q35 -device intel-iommu,intremap=on -device edu */
static const uint8_t q35_dmar[] = {
    68, 77, 65, 82, 120, 0, 0,  0, 1, 4,   66, 79, 67, 72, 83, 32, 66, 88, 80, 67, 32, 32, 32, 32, 1, 0, 0, 0, 66,  88,
    80, 67, 1,  0,  0,   0, 47, 1, 0, 0,   0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  72, 0,  0,  0,  0, 0, 0, 0, 217, 254,
    0,  0,  0,  0,  3,   8, 0,  0, 0, 255, 0,  0,  1,  8,  0,  0,  0,  0,  0,  0,  1,  8,  0,  0,  0, 0, 1, 0, 1,   8,
    0,  0,  0,  0,  2,   0, 1,  8, 0, 0,   0,  0,  31, 0,  1,  8,  0,  0,  0,  0,  31, 2,  1,  8,  0, 0, 0, 0, 31,  3,
};

/* The table is allocated anew for each reading, so that one byte too far is seen. */
static uint8_t *table;
static size_t table_bytes;

static bool read_table(void *dst, uint64_t from, size_t bytes)
{
    if (from < AT || from - AT > table_bytes || bytes > table_bytes - (from - AT))
        return false;
    memcpy(dst, table + (from - AT), bytes);
    return true;
}

static const struct dmar *parse(const void *content, size_t bytes)
{
    static struct dmar d;
    struct acpi_header h;

    free(table);
    table = malloc(bytes);
    assert_non_null(table);
    memcpy(table, content, bytes);
    table_bytes = bytes;
    memcpy(&h, table, sizeof(h));
    h.length = (uint32_t)bytes;
    acpi_parse_dmar(&d, AT, &h, read_table);
    return &d;
}

/* A table that grows. */
static uint8_t made[1 << 17];
static size_t made_bytes;

static void begin(void)
{
    memset(made, 0, sizeof(made));
    memcpy(made, q35_dmar, 48);
    made_bytes = 48;
}

static void bytes_of(const void *what, size_t bytes)
{
    memcpy(made + made_bytes, what, bytes);
    made_bytes += bytes;
}

static void entry(uint16_t type, uint16_t bytes)
{
    bytes_of(&type, 2);
    bytes_of(&bytes, 2);
}

static void unit(uint8_t flags, uint8_t size, uint16_t segment, uint64_t at, uint16_t scope_bytes)
{
    entry(0, (uint16_t)(16 + scope_bytes));
    bytes_of(&flags, 1);
    bytes_of(&size, 1);
    bytes_of(&segment, 2);
    bytes_of(&at, 8);
}

static void region(uint64_t first, uint64_t last, uint16_t scope_bytes)
{
    entry(1, (uint16_t)(24 + scope_bytes));
    bytes_of("\0\0\0\0", 4);
    bytes_of(&first, 8);
    bytes_of(&last, 8);
}

static void scope(uint8_t type, uint8_t id, uint8_t bus, const char *path, uint8_t path_bytes)
{
    const uint8_t head[] = {type, (uint8_t)(6 + path_bytes), 0, 0, id, bus};
    bytes_of(head, sizeof(head));
    bytes_of(path, path_bytes);
}

static void qemus_is_understood(void **state)
{
    const struct dmar *d = parse(q35_dmar, sizeof(q35_dmar));
    assert_null(d->unusable);
    assert_true(d->found && d->can_remap_interrupts);
    assert_int_equal(d->units, 1);
    assert_int_equal(d->unit[0].registers, 0xfed90000);
    assert_int_equal(d->unit[0].bytes, 4096);
    assert_false(d->unit[0].rest);
    assert_int_equal(d->unit[0].scopes.count, 7);
    assert_int_equal(d->scope[0].type, DMAR_IOAPIC);
    assert_int_equal(d->scope[0].bus, 0xff);
    assert_int_equal(d->scope[5].devfn[0], 31 << 3 | 2);
    assert_int_equal(d->scope[5].steps, 1);
    assert_int_equal(d->regions, 0);
}

static void all_kinds_are_read_or_skipped(void **state)
{
    begin();
    unit(0, 1, 0, 0xfed90000, 10 + 8 + 8);
    scope(DMAR_BRIDGE, 0, 0, "\x1c\x02\x00\x00", 4);
    scope(DMAR_NAMESPACE, 1, 0, "\x15\x00", 2);
    scope(DMAR_HPET, 0, 0xf0, "\x0f\x00", 2);
    unit(1, 0, 3, 0xfed91000, 0);
    region(0x8b800000, 0x8fffffff, 8);
    scope(DMAR_ENDPOINT, 0, 0, "\x02\x00", 2);
    entry(2, 8); /* ATSR */
    bytes_of("\1\0\0\0", 4);
    entry(77, 4); /* not invented yet */
    const struct dmar *d = parse(made, made_bytes);
    assert_null(d->unusable);
    assert_int_equal(d->units, 2);
    assert_int_equal(d->unit[0].bytes, 8192);
    assert_int_equal(d->unit[0].scopes.count, 2); /* not the namespace device */
    assert_int_equal(d->scope[0].steps, 2);
    assert_int_equal(d->scope[0].devfn[0], 0x1c << 3 | 2);
    assert_true(d->unit[1].rest && d->unit[1].segment == 3);
    assert_int_equal(d->regions, 1);
    assert_int_equal(d->region[0].start, 0x8b800000);
    assert_int_equal(d->region[0].end, 0x90000000);
    assert_int_equal(d->region[0].scopes.first, 2);
    assert_int_equal(d->region[0].scopes.count, 1);
}

static void contradictions_make_it_unusable(void **state)
{
    begin();
    assert_non_null(parse(made, made_bytes)->unusable); /* no unit */
    assert_non_null(parse(made, 40)->unusable);
    unit(1, 0, 0, 0xfed90800, 0);
    assert_non_null(parse(made, made_bytes)->unusable); /* not on a page */
    begin();
    unit(1, 0, 0, 0, 0);
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(1, 0, 0, 0xfed90000, 0);
    assert_null(parse(made, made_bytes)->unusable);
    unit(1, 0, 0, 0xfed90000, 0);
    assert_non_null(parse(made, made_bytes)->unusable); /* twice */
    begin();
    unit(0, 0, 0, 0xfed90000, 8);
    scope(DMAR_ENDPOINT, 0, 0, "\x20\x00", 2); /* device 32 */
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(0, 0, 0, 0xfed90000, 9);
    scope(DMAR_ENDPOINT, 0, 0, "\x02\x00\x01", 3); /* half a step */
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(0, 0, 0, 0xfed90000, 6);
    scope(DMAR_ENDPOINT, 0, 0, "", 0); /* no way */
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(0, 0, 0, 0xfed90000, 6 + 2 * (DMAR_MAX_PATH + 1));
    scope(DMAR_ENDPOINT, 0, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 2 * (DMAR_MAX_PATH + 1));
    assert_non_null(parse(made, made_bytes)->unusable);
}

static void lengths_are_not_believed(void **state)
{
    for (size_t bytes = sizeof(struct acpi_header); bytes < sizeof(q35_dmar); bytes++)
        assert_non_null(parse(q35_dmar, bytes)->unusable);
    static const uint16_t lengths[] = {0, 1, 3, 15, 17, 65535};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        begin();
        unit(1, 0, 0, 0xfed90000, 0);
        memcpy(made + 50, &lengths[i], 2);
        assert_non_null(parse(made, made_bytes)->unusable);
    }
}

static void too_many_of_anything_is_refused_or_left_out(void **state)
{
    begin();
    for (unsigned int i = 0; i <= DMAR_MAX_UNITS; i++)
        unit(1, 0, 0, 0xfed00000 + i * PAGE_SIZE, 0);
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(0, 0, 0, 0xfed90000, 8 * (DMAR_MAX_SCOPES + 1));
    for (unsigned int i = 0; i <= DMAR_MAX_SCOPES; i++)
        scope(DMAR_ENDPOINT, 0, (uint8_t)i, "\1\0", 2);
    assert_non_null(parse(made, made_bytes)->unusable);
    begin();
    unit(1, 0, 0, 0xfed90000, 0);
    for (unsigned int i = 0; i <= DMAR_MAX_REGIONS; i++)
        region(0x10000000 + i * PAGE_SIZE, 0x10000fff + i * PAGE_SIZE, 0);
    const struct dmar *d = parse(made, made_bytes);
    assert_null(d->unusable);
    assert_int_equal(d->regions, DMAR_MAX_REGIONS);
}

static void damaged_regions_are_left_out(void **state)
{
    static const uint64_t wrong[][2] = {{0x1000, 0xfff},  {0x1001, 0x1fff}, {0x1000, 0x1ffe},
                                        {0x2000, 0x1fff}, {0x1000, ~0ul},   {1ul << 60, (1ul << 60) + 4095}};
    begin();
    unit(1, 0, 0, 0xfed90000, 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        region(wrong[i][0], wrong[i][1], 0);
    const struct dmar *d = parse(made, made_bytes);
    assert_null(d->unusable);
    assert_int_equal(d->regions, 0);
}

/* ---- as part of the host's tables ---- */

#define RSDP_AT 0x7fd0000ul
#define RSDT_AT 0x7fd1000ul

static uint8_t rsdp[sizeof(q35_rsdp)], rsdt[sizeof(q35_rsdt) + 4], dmar[sizeof(q35_dmar)];
static struct machine host;

static bool read_from(const struct acpi_fixture *list, size_t count, void *dst, uint64_t from, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        if (from >= list[i].at && from - list[i].at + bytes <= list[i].bytes) {
            memcpy(dst, list[i].content + (from - list[i].at), bytes);
            return true;
        }
    return false;
}

static bool read_host(void *dst, uint64_t from, size_t bytes)
{
    const struct acpi_fixture mine[] = {
        {RSDP_AT, sizeof(rsdp), rsdp}, {RSDT_AT, sizeof(rsdt), rsdt}, {AT, sizeof(dmar), dmar}};

    return read_from(mine, 3, dst, from, bytes) ||
           read_from(q35_tables, sizeof(q35_tables) / sizeof(q35_tables[0]), dst, from, bytes);
}

/* QEMU's tables, and its DMAR as one more. */
static void host_with_dmar(void)
{
    struct acpi_rsdp *r = (struct acpi_rsdp *)rsdp;
    struct acpi_header *h = (struct acpi_header *)rsdt;
    const uint32_t at = (uint32_t)AT;

    memcpy(dmar, q35_dmar, sizeof(dmar));
    memcpy(rsdp, q35_rsdp, sizeof(rsdp));
    r->rsdt = (uint32_t)RSDT_AT;
    r->checksum = 0;
    r->checksum = acpi_checksum(rsdp, sizeof(rsdp));
    memcpy(rsdt, q35_rsdt, sizeof(q35_rsdt));
    memcpy(rsdt + sizeof(q35_rsdt), &at, sizeof(at));
    h->length = sizeof(rsdt);
    h->checksum = 0;
    h->checksum = acpi_checksum(rsdt, sizeof(rsdt));
    memset(&host, 0, sizeof(host));
    host.rsdp = RSDP_AT;
}

static void the_hosts_tables_may_have_one(void **state)
{
    host_with_dmar();
    assert_true(acpi_parse(&host, read_host));
    assert_null(host.dmar.unusable);
    assert_int_equal(host.dmar.units, 1);
}

static void a_damaged_one_does_not_stop_the_machine(void **state)
{
    host_with_dmar();
    dmar[60] ^= 1;
    assert_true(acpi_parse(&host, read_host));
    assert_non_null(host.dmar.unusable);
    assert_int_equal(host.dmar.units, 0);
    assert_int_equal(host.ioapic_count, 1);
}

static void there_may_be_none(void **state)
{
    host_with_dmar();
    memcpy(dmar, "FMAR", 4);
    assert_true(acpi_parse(&host, read_host));
    assert_non_null(host.dmar.unusable);
    assert_false(host.dmar.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qemus_is_understood),
        cmocka_unit_test(all_kinds_are_read_or_skipped),
        cmocka_unit_test(contradictions_make_it_unusable),
        cmocka_unit_test(lengths_are_not_believed),
        cmocka_unit_test(too_many_of_anything_is_refused_or_left_out),
        cmocka_unit_test(damaged_regions_are_left_out),
        cmocka_unit_test(the_hosts_tables_may_have_one),
        cmocka_unit_test(a_damaged_one_does_not_stop_the_machine),
        cmocka_unit_test(there_may_be_none),
    };
    return cmocka_run_group_tests_name("dmar", tests, NULL, NULL);
}
