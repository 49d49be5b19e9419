/* test_msr.c - model-specific registers of guests */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vdev_fake.h"
#include <hv/emulate.h>

static int setup_for(bool control)
{
    fake_setup(control);
    guest_msrs_init(&fake.v[0]);
    return 0;
}
static int setup(void **state)
{
    return setup_for(false);
}
static int setup_dom0(void **state)
{
    return setup_for(true);
}
static int teardown(void **state)
{
    fake_teardown();
    return fake.live_allocations != 0;
}

static uint64_t rd(uint32_t msr)
{
    uint64_t value = 0xdead;
    if (msr_read(&fake.v[0], msr, &value))
        fail_msg("reading %x faults", msr);
    return value;
}
static void wr(uint32_t msr, uint64_t value)
{
    if (msr_write(&fake.v[0], msr, value))
        fail_msg("writing %lx to %x faults", value, msr);
}
static bool rd_faults(uint32_t msr)
{
    uint64_t value;
    return msr_read(&fake.v[0], msr, &value) == -1;
}
static bool wr_faults(uint32_t msr, uint64_t value)
{
    return msr_write(&fake.v[0], msr, value) == -1;
}

static void unknown_registers_fault(void **state)
{
    /* SPEC_CTRL, PMU, TSC_ADJUST, TSC deadline, XSS, RTIT, ARCH_CAPABILITIES, RAPL, machine check banks, SVM, SEV, AMD
     * PMU */
    static const uint32_t none[] = {0x0,        0x3b,       0x48,       0xc1,       0x10a,      0x122,      0x17b,
                                    0x186,      0x345,      0x38f,      0x400,      0x480,      0x570,      0x606,
                                    0x6e0,      0xda0,      0xc0000104, 0xc0010000, 0xc0010064, 0xc0010117, 0xc0010131,
                                    0xc0010200, 0xc0011020, 0x40000001, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        if (!rd_faults(none[i]) || !wr_faults(none[i], 0))
            fail_msg("%x is there", none[i]);
    }
}

static void what_linux_touches_at_boot_is_there(void **state)
{
    static const uint32_t amd[] = {0xc0010010, 0xc0010015, 0xc001001f, 0xc0010055, 0xc0010140,
                                   0xc0011021, 0xc0011022, 0xc0011023, 0xc001102a, 0xc001102c};
    for (size_t i = 0; i < ARRAY_SIZE(amd); i++) {
        uint64_t before = rd(amd[i]);
        wr(amd[i], ~0ul);
        assert_int_equal(rd(amd[i]), before);
    }
    assert_int_equal(rd(0xc0011029) & 2, 2);
    assert_int_equal(rd(0x8b), 0);
    assert_int_equal(rd(0x179), 0);
    wr(0x17a, 0xff);
    assert_int_equal(rd(0x17a), 7);
    assert_true(rd_faults(0x1a0));
    assert_true(rd_faults(0x3a));
    fake_cpuid_intel();
    assert_true(rd_faults(0xc0010015));
    assert_int_equal(rd(0x3a), 1);
    assert_int_equal(rd(0x1a0), 0x1801);
    wr(0x1a0, 1ul << 22);
    assert_int_equal(rd(0x1a0), 1ul << 22 | 0x1801);
}

static void time_stamp_counter_has_an_offset_and_cannot_be_moved(void **state)
{
    fake.v[0].tsc_offset = 1000;
    assert_int_equal(rd(0x10), fake.now * 2 + 1000);
    wr(0x10, 5);
    assert_int_equal(rd(0x10), fake.now * 2 + 1000);
}

static void apic_registers_go_to_the_apic(void **state)
{
    assert_int_equal(rd(0x1b), 0xfee00d00);
    assert_int_equal(rd(0x802), 0);
    wr(0x80f, 0x1ff);
    assert_int_equal(rd(0x80f), 0x1ff);
    assert_true(wr_faults(0x1b, 0x1000));
    assert_true(rd_faults(0x840));
    assert_true(rd_faults(0x8ff));
}

static void memory_type_registers_keep_good_values(void **state)
{
    assert_int_equal(rd(0xfe), 0x508);
    assert_int_equal(rd(0x2ff), 0xc06);
    assert_int_equal(rd(0x250), 0x0606060606060606);
    wr(0x2ff, 0x800);
    assert_int_equal(rd(0x2ff), 0x800);
    assert_true(wr_faults(0x2ff, 0xc02));
    assert_true(wr_faults(0x2ff, 0x1c06));
    wr(0x20e, 0xc0000006);
    wr(0x20f, 0xffffc0000800);
    assert_int_equal(rd(0x20e), 0xc0000006);
    assert_true(wr_faults(0x20e, 0xc0000007));
    assert_true(wr_faults(0x20e, 1ul << 48));
    assert_true(wr_faults(0x20f, 1));
    assert_true(rd_faults(0x210));
    wr(0x26f, 0x0505050505050505);
    assert_true(wr_faults(0x26f, 0x0505050505050503));
    assert_true(wr_faults(0xfe, 0));
    assert_true(rd_faults(0x251));
}

static void dom0_sees_the_firmwares_memory_types(void **state)
{
    assert_int_equal(rd(0x2ff), 0xc06);
    assert_int_equal(rd(0x200), 0xc0000000);
    assert_int_equal(rd(0x201), 0xffffc0000800);
    assert_int_equal(rd(0x202), 0);
}

static void pat_is_checked_and_handed_on(void **state)
{
    assert_int_equal(rd(0x277), 0x0007040600070406);
    wr(0x277, 0x0407050600070106);
    assert_int_equal(fake.pat, 0x0407050600070106);
    assert_int_equal(rd(0x277), 0x0407050600070106);
    assert_true(wr_faults(0x277, 2));
    assert_true(wr_faults(0x277, 0x0300000000000000));
    assert_true(wr_faults(0x277, 8));
}

static void tsc_aux_needs_rdtscp(void **state)
{
    assert_true(fake.v[0].rdtscp);
    wr(0xc0000103, 0x1003);
    assert_int_equal(rd(0xc0000103), 0x1003);
    assert_int_equal(fake.host_msr_written[0], 0xc0000103);
    assert_int_equal(fake.host_msr_written[1], 0x1003);
    assert_true(wr_faults(0xc0000103, 1ul << 32));
    fake_cpuid_set(0x80000001, 0xffffffff, 0, 0, 0, 0);
    guest_msrs_init(&fake.v[0]);
    assert_true(rd_faults(0xc0000103));
    assert_true(wr_faults(0xc0000103, 0));
}

static void prediction_barrier_only_where_shown(void **state)
{
    wr(0x49, 1);
    assert_int_equal(fake.host_msr_written[0], 0x49);
    assert_true(rd_faults(0x49));
    assert_true(wr_faults(0x49, 2));
    fake_cpuid_set(0x80000008, 0xffffffff, 0x3030, 0, 0, 0);
    assert_true(wr_faults(0x49, 1));
}

static void hypercall_page_is_written_to_guest_memory(void **state)
{
    wr(0x40000000, 0x3000);
    assert_int_equal(fake.ram[0x2fff], 0);
    assert_int_equal(fake.ram[0x3000], 0xd9);
    assert_int_equal(fake.ram[0x3fff], 0xd9);
    assert_int_equal(fake.ram[0x4000], 0);
    assert_true(wr_faults(0x40000000, 0x3001)); /* there is one page only */
    assert_true(wr_faults(0x40000000, FAKE_DEVICE));
    fake.fail_allocations = 1;
    assert_true(wr_faults(0x40000000, 0x3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_registers_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(what_linux_touches_at_boot_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(time_stamp_counter_has_an_offset_and_cannot_be_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(apic_registers_go_to_the_apic, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_type_registers_keep_good_values, setup, teardown),
        cmocka_unit_test_setup_teardown(dom0_sees_the_firmwares_memory_types, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(pat_is_checked_and_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(tsc_aux_needs_rdtscp, setup, teardown),
        cmocka_unit_test_setup_teardown(prediction_barrier_only_where_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(hypercall_page_is_written_to_guest_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
