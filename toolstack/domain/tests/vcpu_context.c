/* vcpu_context.c - tests of the HVM save records */
#include "toolstack/domain/tests/cmocka_all.h"

#include <string.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>

#include "toolstack/domain/vcpu_context.h"

static uint8_t records[VCPU_CONTEXT_MAX];

/* Checks the descriptor at *at and returns its body. */
static const uint8_t *next(size_t *at, size_t size, uint16_t type, size_t length)
{
    struct hvm_save_descriptor d;
    const uint8_t *body = records + *at + sizeof(d);

    assert_true(*at + sizeof(d) + length <= size);
    memcpy(&d, records + *at, sizeof(d));
    assert_int_equal(d.typecode, type);
    assert_int_equal(d.length, length);
    *at += sizeof(d) + length;
    return body;
}

static void first_vcpu_stands_at_the_entry_point(void **state)
{
    size_t size = vcpu_context_build(records, 0x1000b20, 0x4200000), at = 0;
    struct hvm_save_header header;
    struct hvm_hw_cpu cpu;

    memcpy(&header, next(&at, size, HVM_SAVE_CODE(HEADER), sizeof(header)), sizeof(header));
    memcpy(&cpu, next(&at, size, HVM_SAVE_CODE(CPU), sizeof(cpu)), sizeof(cpu));
    next(&at, size, HVM_SAVE_CODE(END), 0);
    assert_int_equal(at, size);
    assert_int_equal(header.magic, HVM_FILE_MAGIC);
    assert_int_equal(cpu.rip, 0x1000b20);
    assert_int_equal(cpu.rbx, 0x4200000);
    assert_int_equal(cpu.cr0 & 0x80000001, 1);
    assert_int_equal(cpu.msr_efer, 0);
    assert_int_equal(cpu.cs_base, 0);
    assert_int_equal(cpu.cs_limit, 0xffffffff);
}

static void mtrr_record_keeps_all_but_the_default_type(void **state)
{
    static uint8_t saved[4096];
    struct hvm_save_descriptor d[2] = {{HVM_SAVE_CODE(MTRR), 0, sizeof(struct hvm_hw_mtrr)},
                                       {HVM_SAVE_CODE(MTRR), 1, sizeof(struct hvm_hw_mtrr)}};
    struct hvm_hw_mtrr mtrr = {.msr_pat_cr = 7, .msr_mtrr_cap = 0x508};
    size_t unit = sizeof(d[0]) + sizeof(mtrr), at = 0;

    for (unsigned i = 0; i < 2; i++) {
        mtrr.msr_pat_cr = 7 + i;
        memcpy(saved + i * unit, &d[i], sizeof(d[i]));
        memcpy(saved + i * unit + sizeof(d[i]), &mtrr, sizeof(mtrr));
    }
    size_t size = vcpu_context_mtrr(records, saved, 2 * unit, 1);
    next(&at, size, HVM_SAVE_CODE(HEADER), sizeof(struct hvm_save_header));
    memcpy(&mtrr, next(&at, size, HVM_SAVE_CODE(MTRR), sizeof(mtrr)), sizeof(mtrr));
    next(&at, size, HVM_SAVE_CODE(END), 0);
    assert_int_equal(mtrr.msr_pat_cr, 8);
    assert_int_equal(mtrr.msr_mtrr_def_type, 0x806);
    assert_int_equal(vcpu_context_mtrr(records, saved, 2 * unit, 2), 0);
    assert_int_equal(vcpu_context_mtrr(records, saved, 2 * unit - 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_vcpu_stands_at_the_entry_point),
        cmocka_unit_test(mtrr_record_keeps_all_but_the_default_type),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
