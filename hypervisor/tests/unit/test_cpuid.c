/* test_cpuid.c - CPUID as guests see it */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vdev_fake.h"
#include <hv/emulate.h>
#include <hv/vlapic.h>

enum { A, B, C, D };

static int setup(void **state)
{
    fake_setup(true);
    return 0;
}
static int setup_intel(void **state)
{
    fake_setup(false);
    fake_cpuid_intel();
    return 0;
}
static int teardown(void **state)
{
    fake_teardown();
    return 0;
}

static uint32_t leaf(unsigned int cpu, uint32_t l, uint32_t sub, unsigned int reg)
{
    uint32_t r[4];
    cpuid_guest(&fake.v[cpu], l, sub, r);
    return r[reg];
}
static bool bit(uint32_t l, uint32_t sub, unsigned int reg, unsigned int n)
{
    return leaf(0, l, sub, reg) >> n & 1;
}

static void xen_is_found(void **state)
{
    uint32_t r[4];
    cpuid_guest(&fake.v[2], 0x40000000, 0, r);
    assert_int_equal(r[A], 0x40000005);
    assert_memory_equal(&r[1], "XenVMMXenVMM", 12);
    assert_int_equal(leaf(2, 0x40000001, 0, A), 0x40014);
    assert_int_equal(leaf(2, 0x40000002, 0, A), 1);
    assert_int_equal(leaf(2, 0x40000002, 0, B), 0x40000000);
    assert_int_equal(leaf(2, 0x40000003, 0, A), 6);
    assert_int_equal(leaf(2, 0x40000003, 0, B), 2);
    assert_int_equal(leaf(2, 0x40000003, 0, C), 2000000);
    assert_int_equal(leaf(2, 0x40000003, 2, A), 2000000);
    cpuid_guest(&fake.v[2], 0x40000004, 0, r);
    assert_int_equal(r[A], 0x58);
    assert_int_equal(r[B], 2);
    assert_int_equal(r[C], fake.d.id);
    for (uint32_t l = 0x40000005; l < 0x40000210; l++)
        for (unsigned int i = 0; i < 4; i++)
            assert_int_equal(leaf(2, l, 0, i), 0);
    assert_true(bit(1, 0, C, 31));
}

static void registers_are_written(void **state)
{
    struct vcpu *v = &fake.v[1];
    v->private->regs.gpr[RAX] = 0xffffffff40000004;
    v->private->regs.gpr[RBX] = v->private->regs.gpr[RCX] = v->private->regs.gpr[RDX] = 0xffffffff00000000;
    cpuid_emulate(v);
    assert_int_equal(v->private->regs.gpr[RAX], 0x58);
    assert_int_equal(v->private->regs.gpr[RBX], 1);
    assert_int_equal(v->private->regs.gpr[RDX], 0);
}

static void what_guests_must_not_have_is_hidden(void **state)
{
    static const struct {
        uint32_t leaf, sub;
        unsigned int reg, bit;
    } hidden[] = {
        {1, 0, C, 2},           {1, 0, C, 3},           {1, 0, C, 5},           {1, 0, C, 6},
        {1, 0, C, 7},           {1, 0, C, 8},           {1, 0, C, 15},          {1, 0, C, 24},
        {1, 0, D, 18},          {1, 0, D, 21},          {1, 0, D, 22},          {1, 0, D, 29},
        {7, 0, B, 1},           {7, 0, B, 2},           {7, 0, B, 4},           {7, 0, B, 11},
        {7, 0, B, 12},          {7, 0, B, 14},          {7, 0, B, 15},          {7, 0, B, 25},
        {7, 0, C, 3},           {7, 0, C, 4},           {7, 0, C, 5},           {7, 0, C, 7},
        {7, 0, C, 13},          {7, 0, C, 16},          {7, 0, C, 23},          {7, 0, C, 30},
        {7, 0, D, 18},          {7, 0, D, 19},          {7, 0, D, 20},          {7, 0, D, 26},
        {7, 0, D, 27},          {7, 0, D, 28},          {7, 0, D, 29},          {7, 0, D, 31},
        {7, 1, A, 26},          {0xd, 1, A, 3},         {0xd, 1, A, 4},         {0x80000001, 0, C, 2},
        {0x80000001, 0, C, 3},  {0x80000001, 0, C, 4},  {0x80000001, 0, C, 9},  {0x80000001, 0, C, 10},
        {0x80000001, 0, C, 12}, {0x80000001, 0, C, 13}, {0x80000001, 0, C, 15}, {0x80000001, 0, C, 19},
        {0x80000001, 0, C, 23}, {0x80000001, 0, C, 24}, {0x80000001, 0, C, 28}, {0x80000001, 0, C, 29},
        {0x80000001, 0, D, 25}, {0x80000008, 0, B, 4},  {0x80000008, 0, B, 14}, {0x80000008, 0, B, 15},
        {0x80000008, 0, B, 24}, {0x80000008, 0, B, 25},
    };
    static const uint32_t empty[] = {3,          5,          9,          0xa,        0xc,        0xe,        0xf,
                                     0x10,       0x12,       0x14,       0x15,       0x16,       0x19,       0x1b,
                                     0x20,       0x23,       0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000020,
                                     0x80000022, 0x80000023, 0x80000100, 0x20000000, 0x80860000, 0xc0000000};

    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        if (bit(hidden[i].leaf, hidden[i].sub, hidden[i].reg, hidden[i].bit))
            fail_msg("leaf %x/%u register %u bit %u shows", hidden[i].leaf, hidden[i].sub, hidden[i].reg,
                     hidden[i].bit);
    for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
        fake_cpuid_set(empty[i], 0xffffffff, ~0u, ~0u, ~0u, ~0u);
        for (unsigned int r = 0; r < 4; r++)
            if (leaf(0, empty[i], 0, r))
                fail_msg("leaf %x shows %x", empty[i], leaf(0, empty[i], 0, r));
    }
}

static void what_kernels_need_is_shown(void **state)
{
    static const struct {
        uint32_t leaf;
        unsigned int reg, bit;
    } shown[] = {
        {1, D, 0},           {1, D, 5},           {1, D, 6},           {1, D, 8},           {1, D, 9},
        {1, D, 13},          {1, D, 15},          {1, D, 16},          {1, D, 25},          {1, D, 26},
        {1, C, 0},           {1, C, 13},          {1, C, 17},          {1, C, 21},          {1, C, 26},
        {1, C, 30},          {7, B, 0},           {7, B, 7},           {7, B, 9},           {7, B, 10},
        {7, B, 20},          {7, C, 2},           {0x80000001, C, 0},  {0x80000001, C, 22}, {0x80000001, D, 11},
        {0x80000001, D, 20}, {0x80000001, D, 26}, {0x80000001, D, 27}, {0x80000001, D, 29}, {0x80000001, D, 6},
        {0x80000007, D, 8},  {0x80000008, B, 12}, {6, A, 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
        if (!bit(shown[i].leaf, 0, shown[i].reg, shown[i].bit))
            fail_msg("leaf %x register %u bit %u is missing", shown[i].leaf, shown[i].reg, shown[i].bit);
    /* absent on the machine: absent for the guest (x2APIC and the hypervisor bit are ours) */
    fake_cpuid_set(1, 0xffffffff, 0, 0, 0, 0);
    assert_int_equal(leaf(0, 1, 0, C), 1u << 21 | 1u << 31);
    fake_cpuid_set(0x80000007, 0xffffffff, 0, 0, 0, 0);
    assert_false(bit(0x80000007, 0, D, 8));
}

static void osxsave_and_apic_follow_the_guest(void **state)
{
    assert_false(bit(1, 0, C, 27));
    fake.v[0].private->regs.cr4 |= 1u << 18;
    assert_true(bit(1, 0, C, 27));
    assert_int_equal(vlapic_set_base(&fake.v[0], 0xfee00000), 0);
    assert_false(bit(1, 0, D, 9));
    assert_false(bit(0x80000001, 0, D, 9));
}

static void topology_agrees_everywhere(void **state)
{
    for (unsigned int cpu = 0; cpu < FAKE_VCPUS; cpu++) {
        uint32_t id = vcpu_apic_id(cpu);
        assert_int_equal(leaf(cpu, 1, 0, B) >> 24, id);
        assert_int_equal(leaf(cpu, 0xb, 0, D), id);
        assert_int_equal(leaf(cpu, 0xb, 1, D), id);
        assert_int_equal(leaf(cpu, 0x1f, 1, D), id);
        assert_int_equal(leaf(cpu, 0x8000001e, 0, A), id);
        assert_int_equal(leaf(cpu, 0x8000001e, 0, B), cpu);
    }
    assert_int_equal(leaf(0, 0xb, 0, A), 1); /* ids are even: one bit for threads, of which there is one */
    assert_int_equal(leaf(0, 0xb, 0, B), 1);
    assert_int_equal(leaf(0, 0xb, 0, C), 0x100);
    assert_int_equal(leaf(0, 0xb, 1, A), 3); /* ids 0..7 in the package */
    assert_int_equal(leaf(0, 0xb, 1, B), 4);
    assert_int_equal(leaf(0, 0xb, 1, C), 0x201);
    assert_int_equal(leaf(0, 0xb, 2, B), 0);
    assert_int_equal(leaf(0, 0xb, 2, C), 2);
    assert_int_equal(leaf(0, 1, 0, B) >> 16 & 0xff, 8);
    assert_true(bit(1, 0, D, 28));
    assert_int_equal(leaf(0, 0x80000008, 0, C), 0x3003);
    assert_int_equal(leaf(0, 0x8000001d, 0, A), 0x121 | 1u << 14);
    assert_int_equal(leaf(0, 0x8000001d, 3, A), 0x163 | 7u << 14);
    fake.d.max_vcpus = 1;
    assert_false(bit(1, 0, D, 28));
    assert_false(bit(0x80000001, 0, C, 1));
    assert_int_equal(leaf(0, 0x80000008, 0, C), 0x1000);
    fake.d.max_vcpus = FAKE_VCPUS;
}

static void intel_topology_and_caches(void **state)
{
    assert_int_equal(leaf(0, 0, 0, A), 0x1f);
    assert_int_equal(leaf(0, 0, 0, B), 0x756e6547);
    assert_int_equal(leaf(0, 4, 0, A), 0x121 | 1u << 14 | 3u << 26);
    assert_int_equal(leaf(0, 4, 3, A), 0x163 | 7u << 14 | 3u << 26);
    assert_int_equal(leaf(0, 4, 9, A), 0);
    assert_int_equal(leaf(0, 0x80000008, 0, C), 0);
    assert_int_equal(leaf(0, 0x80000001, 0, D) & 0xff, 0); /* no copy of leaf 1 */
}

static void vendor_and_limits_are_truthful(void **state)
{
    uint32_t r[4];
    cpuid_guest(&fake.v[0], 0, 0, r);
    assert_int_equal(r[A], 0x10);
    assert_int_equal(r[B], 0x68747541);
    fake_cpuid_set(0, 0xffffffff, 7, 0x68747541, 0, 0);
    assert_int_equal(leaf(0, 0, 0, A), 0xb); /* the x2APIC leaf is always there */
    assert_int_equal(leaf(0, 0xb, 0, B), 1);
    assert_int_equal(leaf(0, 0x80000000, 0, A), 0x80000021);
    fake_cpuid_set(0x80000000, 0xffffffff, 0x80000008, 0, 0, 0);
    assert_int_equal(leaf(0, 0x80000000, 0, A), 0x80000008);
    assert_int_equal(leaf(0, 0x8000001e, 0, A), 0);
    assert_int_equal(leaf(0, 0x80000008, 0, A), 0x3030); /* 57 linear bits become 48 */
}

static void save_areas_fit_together(void **state)
{
    fake.v[0].private->msrs.xcr0 = 1;
    assert_int_equal(leaf(0, 0xd, 0, A), 7);
    assert_int_equal(leaf(0, 0xd, 0, B), 576);
    assert_int_equal(leaf(0, 0xd, 0, C), 0x340);
    fake.v[0].private->msrs.xcr0 = 7;
    assert_int_equal(leaf(0, 0xd, 0, B), 0x340);
    assert_int_equal(leaf(0, 0xd, 1, A), 7);
    assert_int_equal(leaf(0, 0xd, 1, B), 0x340);
    assert_int_equal(leaf(0, 0xd, 2, A), 0x100);
    assert_int_equal(leaf(0, 0xd, 9, A), 0); /* PKRU is not for guests */
    assert_int_equal(leaf(0, 0xd, 200, A), 0);
    assert_false(bit(7, 0, B, 16)); /* without its state there is no AVX-512 */
    assert_true(bit(7, 0, B, 5));
    host.xcr0_mask = 3;
    assert_false(bit(7, 0, B, 5));
    assert_false(bit(1, 0, C, 28));
    assert_false(bit(1, 0, C, 12));
    host.xcr0_mask = 0xe7;
    assert_true(bit(7, 0, B, 16));
    assert_int_equal(leaf(0, 0xd, 0, C), 0xa80);
    fake.v[0].private->msrs.xcr0 = 0xe7;
    assert_int_equal(leaf(0, 0xd, 1, B), 0x340 + 0x40 + 0x200 + 0x400);
    host.xsave = false;
    assert_int_equal(leaf(0, 0xd, 0, A), 0);
}

static void control_register_bits_follow(void **state)
{
    assert_int_equal(cpuid_allowed_cr4(), 0x3707ff | 1u << 11);
    /* VMXE SMXE LA57 PKE CET PKS UINTR LASS LAM FRED */
    assert_int_equal(cpuid_hidden_cr4(), 0x11bc07000);
    fake_cpuid_set(7, 0, 0, 0, 0, 0);
    assert_int_equal(cpuid_allowed_cr4(), 0x607ff);
    fake_cpuid_set(7, 1, 0, 0, 0, 0);
    fake_cpuid_set(1, 0xffffffff, 0x00800f12, 0, ~(1u << 5 | 1u << 6), ~0u);
    assert_int_equal(cpuid_hidden_cr4(), 0); /* the CPU refuses by itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(xen_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(what_guests_must_not_have_is_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(what_guests_must_not_have_is_hidden, setup_intel, teardown),
        cmocka_unit_test_setup_teardown(what_kernels_need_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(osxsave_and_apic_follow_the_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(topology_agrees_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(intel_topology_and_caches, setup_intel, teardown),
        cmocka_unit_test_setup_teardown(vendor_and_limits_are_truthful, setup, teardown),
        cmocka_unit_test_setup_teardown(save_areas_fit_together, setup, teardown),
        cmocka_unit_test_setup_teardown(control_register_bits_follow, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
