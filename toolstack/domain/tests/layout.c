/* layout.c - tests of the memory map that a domU gets */
#include "toolstack/domain/tests/cmocka_all.h"

#include <errno.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "toolstack/domain/layout.h"
#include "toolstack/domain/platform.h"

static uint64_t ram(const struct memory_layout *l)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->map_len; i++)
        if (l->map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
            sum += l->map[i].size;
    return sum;
}

static void check_order(const struct memory_layout *l)
{
    for (size_t i = 1; i < l->map_len; i++)
        assert_true(l->map[i - 1].start + l->map[i - 1].size <= l->map[i].start);
}

static void small_domain_has_only_low_ram(void **state)
{
    struct memory_layout l;

    assert_int_equal(layout_make(&l, 400, 4096), 0);
    assert_int_equal(l.low_end, 400ull << 20);
    assert_int_equal(l.high_end, PLATFORM_HIGH_RAM_BASE);
    assert_int_equal(ram(&l), (400ull << 20) - (PLATFORM_LEGACY_END - PLATFORM_LEGACY_HOLE));
    check_order(&l);
}

static void large_domain_continues_above_4_gib(void **state)
{
    struct memory_layout l;

    assert_int_equal(layout_make(&l, 5000, 4096), 0);
    assert_int_equal(l.low_end, PLATFORM_LOW_RAM_MAX);
    assert_int_equal(l.high_end - PLATFORM_HIGH_RAM_BASE, (5000ull << 20) - PLATFORM_LOW_RAM_MAX);
    check_order(&l);
}

static void scratch_hole_of_256_mib_stays_undeclared(void **state)
{
    struct memory_layout l;

    assert_int_equal(layout_make(&l, 8192, 4096), 0);
    for (size_t i = 0; i < l.map_len; i++)
        assert_true(l.map[i].start + l.map[i].size <= 0xC0000000 || l.map[i].start >= 0xE0000000);
}

static void impossible_sizes_are_refused(void **state)
{
    struct memory_layout l;

    assert_int_equal(layout_make(&l, 31, 4096), -EINVAL);
    assert_int_equal(layout_make(&l, 1u << 21, 4096), -EINVAL);
    assert_int_equal(layout_make(&l, UINT64_MAX, 4096), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_domain_has_only_low_ram),
        cmocka_unit_test(large_domain_continues_above_4_gib),
        cmocka_unit_test(scratch_hole_of_256_mib_stays_undeclared),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
