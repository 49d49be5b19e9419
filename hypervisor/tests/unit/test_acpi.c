/* test_acpi.c - reading QEMU's tables, making dom0's from them, and damaged tables */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "acpi/tables.h"
#include <hv/vlapic.h>
#include "acpi_tables.h"

/* The host's memory: copies of the fixture's pieces, so that tests can damage them. */
#define MAX_PIECES 16
static struct piece {
    uint64_t at;
    uint32_t bytes;
    uint8_t *content;
} memory[MAX_PIECES];
static unsigned int pieces;

static void *add_piece(uint64_t at, uint32_t bytes, const void *content)
{
    assert_true(pieces < MAX_PIECES);
    struct piece *p = &memory[pieces++];
    *p = (struct piece){at, bytes, malloc(bytes)};
    assert_non_null(p->content);
    memcpy(p->content, content, bytes);
    return p->content;
}

static void *piece_with(const char *signature)
{
    for (unsigned int i = 0; i < pieces; i++)
        if (!memcmp(memory[i].content, signature, strlen(signature)))
            return memory[i].content;
    fail_msg("no table %s in the fixture", signature);
    return NULL;
}

static uint64_t address_of(const char *signature)
{
    const void *content = piece_with(signature);
    for (unsigned int i = 0; i < pieces; i++)
        if (memory[i].content == content)
            return memory[i].at;
    return 0;
}

static void use(const struct acpi_fixture *f, size_t count)
{
    while (pieces)
        free(memory[--pieces].content);
    for (size_t i = 0; i < count; i++)
        add_piece(f[i].at, f[i].bytes, f[i].content);
}
#define USE(fixture) use(fixture, sizeof(fixture) / sizeof(fixture[0]))

static int forget(void **state)
{
    use(NULL, 0);
    return 0;
}

static bool read_piece(void *dst, uint64_t from, size_t bytes)
{
    for (unsigned int i = 0; i < pieces; i++)
        if (from >= memory[i].at && from - memory[i].at + bytes <= memory[i].bytes) {
            memcpy(dst, memory[i].content + (from - memory[i].at), bytes);
            return true;
        }
    return false;
}

/* Reads give zeroes where there is no piece below 1 MiB: the BIOS area around the RSDP. */
static bool reader(void *dst, uint64_t from, size_t bytes)
{
    if (read_piece(dst, from, bytes))
        return true;
    if (from >= 0x100000)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (!read_piece((char *)dst + i, from + i, 1))
            ((char *)dst)[i] = 0;
    return true;
}

static void resum(void *table)
{
    struct acpi_header *h = table;
    h->checksum = 0;
    h->checksum = acpi_checksum(h, h->length);
}

static void q35_is_understood(void **state)
{
    struct machine m = {};
    USE(q35_tables);
    assert_true(acpi_parse(&m, reader));
    assert_int_equal(m.rsdp, q35_tables[0].at);
    assert_int_equal(m.cpu_count, 3);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(m.cpu[i].apic_id, i);
        assert_true(m.cpu[i].usable);
    }
    assert_int_equal(m.ioapic_count, 1);
    assert_int_equal(m.ioapic[0].address, 0xfec00000);
    assert_int_equal(m.ioapic[0].gsi_base, 0);
    assert_int_equal(m.override_count, 5);
    assert_int_equal(m.override[0].isa_irq, 0);
    assert_int_equal(m.override[0].gsi, 2);
    assert_int_equal(m.override[2].isa_irq, 9);
    assert_int_equal(m.override[2].flags, 0xd); /* active high, level */
    assert_int_equal(m.ecam_count, 1);
    assert_int_equal(m.ecam[0].base, 0xb0000000);
    assert_int_equal(m.ecam[0].bus_end, 255);
    assert_int_equal(m.pm1a_cnt, 0x604);
    assert_int_equal(m.pm1b_cnt, 0);
    assert_int_equal(m.pm_timer, 0x608);
    assert_int_equal(m.sci_irq, 9);
    assert_int_equal(m.smi_command, 0xb2);
    assert_int_equal(m.reset_space, GAS_IO);
    assert_int_equal(m.reset_address, 0xcf9);
    assert_int_equal(m.reset_value, 0xf);
    assert_true(m.has_hpet);
}

static void i440fx_has_a_short_fadt(void **state)
{
    struct machine m = {};
    USE(i440fx_tables);
    assert_true(acpi_parse(&m, reader));
    assert_int_equal(m.cpu_count, 3);
    assert_int_equal(m.ecam_count, 0);
    assert_int_equal(m.pm1a_cnt, 0x604);
    assert_int_equal(m.reset_space, GAS_NONE);
}

static void rsdp_from_the_boot_loader_wins(void **state)
{
    struct machine m = {.rsdp = 0x7000010};
    USE(q35_tables);
    add_piece(0x7000010, sizeof(q35_rsdp), q35_rsdp);
    memory[0].content[9] ^= 1; /* the one in the BIOS area is damaged */
    assert_true(acpi_parse(&m, reader));
    assert_int_equal(m.rsdp, 0x7000010);
}

static void rsdp_in_the_ebda_is_found(void **state)
{
    static const uint8_t segment[2] = {0xc0, 0x9f};
    struct machine m = {.rsdp = 0x1234}; /* leads nowhere */
    USE(q35_tables);
    memory[0].content[0] = 'X';
    add_piece(0x40e, 2, segment);
    add_piece(0x9fc20, sizeof(q35_rsdp), q35_rsdp);
    assert_true(acpi_parse(&m, reader));
    assert_int_equal(m.rsdp, 0x9fc20);
}

static void damaged_tables_are_ignored_or_refused(void **state)
{
    static const struct {
        const char *table;
        size_t at;
        uint8_t value;
        bool sum, good;
    } damages[] = {
        {"RSD PTR ", 16, 0xee, false, false}, {"RSDT", 20, 0xee, false, false}, {"FACP", 60, 0xee, false, false},
        {"APIC", 50, 0xee, false, false},     {"APIC", 45, 0, true, false}, /* an entry of no length, and one longer
                                                                               than the table */
        {"APIC", 45, 255, true, false},       {"HPET", 40, 0xee, false, true},  {"MCFG", 50, 0xee, false, true},
        {"MCFG", 44, 1, true, true},
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct machine m = {};
        USE(q35_tables);
        uint8_t *table = piece_with(damages[i].table);
        assert_int_not_equal(table[damages[i].at], damages[i].value);
        table[damages[i].at] = damages[i].value;
        if (damages[i].sum)
            resum(table);
        if (acpi_parse(&m, reader) != damages[i].good)
            fail_msg("damage %zu: expected %d", i, damages[i].good);
        if (!strcmp(damages[i].table, "HPET"))
            assert_false(m.has_hpet);
        if (!strcmp(damages[i].table, "MCFG"))
            assert_int_equal(m.ecam_count, 0);
    }
}

static void moved_local_apic_is_refused(void **state)
{
    struct machine m = {};
    struct madt_lapic_address moved = {MADT_LAPIC_ADDRESS, sizeof(moved), 0, 0xfed00000};
    uint8_t bigger[256] = {};
    USE(q35_tables);
    memcpy(bigger, q35_apic, sizeof(q35_apic));
    memcpy(bigger + sizeof(q35_apic), &moved, sizeof(moved));
    ((struct acpi_header *)bigger)->length += (uint32_t)sizeof(moved);
    resum(bigger);
    for (unsigned int i = 0; i < pieces; i++)
        if (!memcmp(memory[i].content, "APIC", 4)) {
            free(memory[i].content);
            memory[i].content = malloc(sizeof(bigger));
            assert_non_null(memory[i].content);
            memcpy(memory[i].content, bigger, sizeof(bigger));
            memory[i].bytes = sizeof(bigger);
        }
    assert_false(acpi_parse(&m, reader));
}

static void xsdt_wins_over_rsdt(void **state)
{
    struct {
        struct acpi_header h;
        uint64_t entry[2];
    } __attribute__((packed)) xsdt = {};
    struct acpi_rsdp rsdp = {};
    struct machine m = {.rsdp = 0x7000000};
    USE(q35_tables);
    memcpy(&xsdt.h, q35_rsdt, sizeof(xsdt.h));
    memcpy(xsdt.h.signature, "XSDT", 4);
    xsdt.h.length = sizeof(xsdt);
    xsdt.entry[0] = address_of("FACP");
    xsdt.entry[1] = address_of("APIC");
    resum(&xsdt);
    memcpy(&rsdp, q35_rsdp, sizeof(q35_rsdp));
    rsdp.revision = 2;
    rsdp.length = sizeof(rsdp);
    rsdp.xsdt = 0x7100000;
    rsdp.checksum = 0;
    rsdp.checksum = acpi_checksum(&rsdp, ACPI_RSDP1_BYTES);
    rsdp.extended_checksum = acpi_checksum(&rsdp, sizeof(rsdp));
    add_piece(0x7000000, sizeof(rsdp), &rsdp);
    add_piece(0x7100000, sizeof(xsdt), &xsdt);
    assert_true(acpi_parse(&m, reader));
    assert_int_equal(m.cpu_count, 3);
    assert_false(m.has_hpet); /* only the RSDT lists it */
}

#define DOM0_AT 0xf0000u

static void dom0_sees_its_vcpus_and_the_listed_tables(void **state)
{
    struct machine host = {}, dom0 = {};
    uint8_t buf[1024];
    uint64_t rsdp;
    USE(q35_tables);
    memory[0].at += 0x100; /* out of the way */
    assert_true(acpi_parse(&host, reader));
    size_t used = acpi_build_dom0(&host, reader, 5, DOM0_AT, buf, sizeof(buf), &rsdp);
    assert_in_range(used, 1, sizeof(buf));
    assert_int_equal(rsdp, DOM0_AT);

    /* Whoever can read the host's tables can read these. */
    add_piece(DOM0_AT, (uint32_t)used, buf);
    dom0.rsdp = rsdp;
    assert_true(acpi_parse(&dom0, reader));
    assert_int_equal(dom0.rsdp, rsdp);
    assert_int_equal(dom0.cpu_count, 5);
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(dom0.cpu[i].apic_id, vcpu_apic_id(i));
    assert_int_equal(dom0.ioapic_count, 1);
    assert_memory_equal(dom0.ioapic, host.ioapic, sizeof(host.ioapic));
    assert_memory_equal(dom0.override, host.override, sizeof(host.override));
    assert_memory_equal(dom0.ecam, host.ecam, sizeof(host.ecam));
    assert_false(dom0.has_hpet);
    assert_int_equal(dom0.pm1a_cnt, host.pm1a_cnt);

    struct acpi_root root;
    struct acpi_rsdp r;
    uint64_t at;
    assert_true(acpi_find_rsdp(rsdp, reader, &at, &r));
    assert_int_equal(r.rsdt, 0);
    assert_true(acpi_find_root(&r, reader, &root));
    assert_int_equal(root.count, 3); /* MADT, FADT, MCFG: neither HPET nor WAET */
}

static void too_little_room_is_reported(void **state)
{
    struct machine host = {};
    uint64_t rsdp;
    USE(q35_tables);
    assert_true(acpi_parse(&host, reader));
    uint8_t big[1024];
    size_t used = acpi_build_dom0(&host, reader, 2, DOM0_AT, big, sizeof(big), &rsdp);
    for (size_t size = 0; size < used; size++) {
        uint8_t *buf = malloc(size ? size : 1);
        assert_non_null(buf);
        assert_int_equal(acpi_build_dom0(&host, reader, 2, DOM0_AT, buf, size, &rsdp), 0);
        free(buf);
    }
    assert_int_equal(acpi_build_dom0(&host, reader, 33, DOM0_AT, big, sizeof(big), &rsdp), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q35_is_understood),
        cmocka_unit_test(i440fx_has_a_short_fadt),
        cmocka_unit_test(rsdp_from_the_boot_loader_wins),
        cmocka_unit_test(rsdp_in_the_ebda_is_found),
        cmocka_unit_test(damaged_tables_are_ignored_or_refused),
        cmocka_unit_test(moved_local_apic_is_refused),
        cmocka_unit_test(xsdt_wins_over_rsdt),
        cmocka_unit_test(dom0_sees_its_vcpus_and_the_listed_tables),
        cmocka_unit_test(too_little_room_is_reported),
    };
    return cmocka_run_group_tests_name("acpi", tests, NULL, forget);
}
