/* acpi.c - tests of the ACPI tables, walked from the RSDP as a guest does */
#include "toolstack/domain/tests/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "toolstack/domain/acpi.h"
#include "toolstack/domain/platform.h"

static const uint64_t base = PLATFORM_ACPI_BASE;
static uint8_t blob[ACPI_MAX_SIZE];
static size_t blob_size;

static uint64_t number(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return value;
}

static const uint8_t *table(uint64_t paddr, const char *signature)
{
    assert_true(paddr >= base && paddr + 36 <= base + blob_size);
    const uint8_t *t = blob + (paddr - base);
    uint64_t length = number(t + 4, 4);
    uint8_t sum = 0;

    assert_memory_equal(t, signature, 4);
    assert_true(paddr + length <= base + blob_size);
    for (uint64_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + t[i]);
    assert_int_equal(sum, 0);
    return t;
}

static const uint8_t *from_xsdt(unsigned index, const char *signature)
{
    return table(number(table(number(blob + 24, 8), "XSDT") + 36 + 8 * index, 8), signature);
}

static void build(unsigned vcpus)
{
    int size = acpi_build(blob, base, vcpus);
    assert_true(size > 0);
    blob_size = (size_t)size;
}

static void rsdp_has_both_checksums(void **state)
{
    uint8_t first = 0, all = 0;

    build(2);
    assert_memory_equal(blob, "RSD PTR ", 8);
    for (unsigned i = 0; i < 36; i++) {
        first = (uint8_t)(first + (i < 20 ? blob[i] : 0));
        all = (uint8_t)(all + blob[i]);
    }
    assert_int_equal(first, 0);
    assert_int_equal(all, 0);
}

static void platform_can_be_switched_off_and_reset(void **state)
{
    build(1);
    const uint8_t *fadt = from_xsdt(0, "FACP");
    uint32_t flags = (uint32_t)number(fadt + 112, 4);

    assert_true(flags & (1u << 20));
    assert_true(flags & (1u << 10));
    assert_int_equal(fadt[244], 1); /* port space */
    assert_int_equal(number(fadt + 248, 8), PLATFORM_SLEEP_CONTROL_PORT);
    assert_int_equal(number(fadt + 260, 8), PLATFORM_SLEEP_STATUS_PORT);
    assert_int_equal(number(fadt + 120, 8), PLATFORM_RESET_PORT);
    assert_int_equal(fadt[128], PLATFORM_RESET_VALUE);

    const uint8_t *dsdt = table(number(fadt + 140, 8), "DSDT");
    assert_non_null(memmem(dsdt, number(dsdt + 4, 4), "_S5_", 4));
}

static void every_vcpu_is_enabled_with_xens_apic_id(void **state)
{
    build(5);
    const uint8_t *madt = from_xsdt(1, "APIC");

    assert_int_equal(number(madt + 36, 4), PLATFORM_LAPIC_BASE);
    assert_int_equal(number(madt + 40, 4), 0); /* no 8259 */
    assert_int_equal(number(madt + 4, 4), 44 + 5 * 8);
    for (unsigned i = 0; i < 5; i++) {
        const uint8_t *lapic = madt + 44 + 8 * i;
        assert_int_equal(lapic[0], 0);
        assert_int_equal(lapic[1], 8);
        assert_int_equal(lapic[2], i);
        assert_int_equal(lapic[3], 2 * i);
        assert_int_equal(number(lapic + 4, 4), 1);
    }
}

static void impossible_numbers_of_vcpus_are_refused(void **state)
{
    assert_int_equal(acpi_build(blob, base, 0), -EINVAL);
    assert_int_equal(acpi_build(blob, base, PLATFORM_MAX_VCPUS + 1), -EINVAL);
    build(PLATFORM_MAX_VCPUS);
    from_xsdt(1, "APIC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsdp_has_both_checksums),
        cmocka_unit_test(platform_can_be_switched_off_and_reset),
        cmocka_unit_test(every_vcpu_is_enabled_with_xens_apic_id),
        cmocka_unit_test(impossible_numbers_of_vcpus_are_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
