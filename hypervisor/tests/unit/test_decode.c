/* test_decode.c - the instruction decoder against hand-assembled bytes */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "../../vcpu/decode.h"

enum { NO = INSN_NO_REG };

struct expected {
    const char *hex;
    enum cpu_mode mode;
    struct insn insn;
};

#define LOAD(o, ...)  .op = (o), .dst = OPERAND_REG, .src = OPERAND_MEM, __VA_ARGS__
#define STORE(o, ...) .op = (o), .dst = OPERAND_MEM, .src = OPERAND_REG, __VA_ARGS__
#define IMM(o, ...)   .op = (o), .dst = OPERAND_MEM, .src = OPERAND_IMM, __VA_ARGS__

/* scale 0 and src_bytes 0 stand for what the decoder gives by default: 1, and the operand size. */
/* clang-format off */
static const struct expected table[] = {
    /* Linux readl, writel: mov (%rdi),%eax; mov %esi,0x10(%rax) */
    {"8b07", CPU_64, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = RDI, .index = NO)}},
    {"897010", CPU_64, {STORE(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RSI, .segment = SEG_DS, .base = RAX, .index = NO, .displacement = 16)}},
    /* mov %eax,0xffffffffff5fb080: disp32 without base through SIB */
    {"89042580b05fff", CPU_64, {STORE(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = NO, .index = NO, .displacement = -0xa04f80)}},
    /* movl $0,0xffffffffff5fb0b0 */
    {"c70425b0b05fff00000000", CPU_64, {IMM(OP_MOV, .bytes = 4, .address_bytes = 8, .segment = SEG_DS, .base = NO, .index = NO, .displacement = -0xa04f50)}},
    {"4c8b0d34120000", CPU_64, {LOAD(OP_MOV, .bytes = 8, .address_bytes = 8, .reg = R9, .segment = SEG_DS, .base = NO, .index = NO, .rip_relative = true, .displacement = 0x1234)}},
    {"8b0d34120000", CPU_32, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 4, .reg = RCX, .segment = SEG_DS, .base = NO, .index = NO, .displacement = 0x1234)}},
    {"8864a5fe", CPU_64, {STORE(OP_MOV, .bytes = 1, .address_bytes = 8, .reg = RAX, .reg_high = true, .segment = SEG_DS, .base = RBP, .index = NO, .scale = 4, .displacement = -2)}},
    {"408864a5fe", CPU_64, {STORE(OP_MOV, .bytes = 1, .address_bytes = 8, .reg = RSP, .segment = SEG_DS, .base = RBP, .index = NO, .scale = 4, .displacement = -2)}},
    {"418a06", CPU_64, {LOAD(OP_MOV, .bytes = 1, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = R14, .index = NO)}},
    {"66478944fe7f", CPU_64, {STORE(OP_MOV, .bytes = 2, .address_bytes = 8, .reg = R8, .segment = SEG_DS, .base = R14, .index = R15, .scale = 8, .displacement = 127)}},
    {"6548c7072a000080", CPU_64, {IMM(OP_MOV, .bytes = 8, .address_bytes = 8, .segment = SEG_GS, .base = RDI, .index = NO, .imm = 0xffffffff8000002a)}},
    {"66c7003412", CPU_64, {IMM(OP_MOV, .bytes = 2, .address_bytes = 8, .segment = SEG_DS, .base = RAX, .index = NO, .imm = 0x1234)}},
    {"c60080", CPU_64, {IMM(OP_MOV, .bytes = 1, .address_bytes = 8, .segment = SEG_DS, .base = RAX, .index = NO, .imm = 0xffffffffffffff80)}},
    {"0fb600", CPU_64, {LOAD(OP_MOVZX, .bytes = 4, .src_bytes = 1, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"0fb620", CPU_64, {LOAD(OP_MOVZX, .bytes = 4, .src_bytes = 1, .address_bytes = 8, .reg = RSP, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"4c0fbf08", CPU_64, {LOAD(OP_MOVSX, .bytes = 8, .src_bytes = 2, .address_bytes = 8, .reg = R9, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"486308", CPU_64, {LOAD(OP_MOVSX, .bytes = 8, .src_bytes = 4, .address_bytes = 8, .reg = RCX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"a18877665544332211", CPU_64, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = NO, .index = NO, .displacement = 0x1122334455667788)}},
    {"67a244332211", CPU_64, {STORE(OP_MOV, .bytes = 1, .address_bytes = 4, .reg = RAX, .segment = SEG_DS, .base = NO, .index = NO, .displacement = 0x11223344)}},
    {"a3f0ff", CPU_16, {STORE(OP_MOV, .bytes = 2, .address_bytes = 2, .reg = RAX, .segment = SEG_DS, .base = NO, .index = NO, .displacement = 0xfff0)}},
    {"268b47fe", CPU_16, {LOAD(OP_MOV, .bytes = 2, .address_bytes = 2, .reg = RAX, .segment = SEG_ES, .base = RBX, .index = NO, .displacement = -2)}},
    {"8a4a10", CPU_16, {LOAD(OP_MOV, .bytes = 1, .address_bytes = 2, .reg = RCX, .segment = SEG_SS, .base = RBP, .index = RSI, .displacement = 16)}},
    {"67668b4500", CPU_16, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 4, .reg = RAX, .segment = SEG_SS, .base = RBP, .index = NO)}},
    {"3e8b4500", CPU_32, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 4, .reg = RAX, .segment = SEG_DS, .base = RBP, .index = NO)}},
    {"678b00", CPU_32, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 2, .reg = RAX, .segment = SEG_DS, .base = RBX, .index = RSI)}},
    {"64368b00", CPU_64, {LOAD(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RAX, .segment = SEG_FS, .base = RAX, .index = NO)}},
    {"f3ab", CPU_64, {STORE(OP_STOS, .bytes = 4, .address_bytes = 8, .rep = true, .reg = RAX, .segment = SEG_DS, .base = NO, .index = NO)}},
    {"f348a5", CPU_64, {.op = OP_MOVS, .dst = OPERAND_MEM, .src = OPERAND_MEM, .bytes = 8, .address_bytes = 8, .rep = true, .segment = SEG_DS, .base = NO, .index = NO}},
    {"830801", CPU_64, {IMM(OP_OR, .bytes = 4, .address_bytes = 8, .segment = SEG_DS, .base = RAX, .index = NO, .imm = 1)}},
    {"f00900", CPU_64, {STORE(OP_OR, .bytes = 4, .address_bytes = 8, .lock = true, .reg = RAX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"48f700ffffffff", CPU_64, {IMM(OP_TEST, .bytes = 8, .address_bytes = 8, .segment = SEG_DS, .base = RAX, .index = NO, .imm = ~0ul)}},
    {"0fba201f", CPU_64, {IMM(OP_BT, .bytes = 4, .address_bytes = 8, .segment = SEG_DS, .base = RAX, .index = NO, .imm = 31)}},
    {"f00fab08", CPU_64, {STORE(OP_BTS, .bytes = 4, .address_bytes = 8, .lock = true, .reg = RCX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"0fc308", CPU_64, {STORE(OP_MOV, .bytes = 4, .address_bytes = 8, .reg = RCX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"488b00", CPU_64, {LOAD(OP_MOV, .bytes = 8, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = RAX, .index = NO)}},
    {"48668b00", CPU_64, {LOAD(OP_MOV, .bytes = 2, .address_bytes = 8, .reg = RAX, .segment = SEG_DS, .base = RAX, .index = NO)}}, /* REX before a prefix is void */
};
/* clang-format on */

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned int byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void assert_same(const char *hex, const struct insn *got, const struct insn *want)
{
    if (got->op == want->op && got->dst == want->dst && got->src == want->src && got->bytes == want->bytes &&
        got->src_bytes == (want->src_bytes ? want->src_bytes : want->bytes) &&
        got->address_bytes == want->address_bytes && got->rep == want->rep && got->lock == want->lock &&
        got->reg == want->reg && got->reg_high == want->reg_high && got->imm == want->imm &&
        got->segment == want->segment && got->base == want->base && got->index == want->index &&
        got->scale == (want->scale ? want->scale : 1) && got->rip_relative == want->rip_relative &&
        got->displacement == want->displacement)
        return;
    fail_msg("%s decoded as op %d %d<-%d bytes %u/%u addr %u reg %u%s imm %lx seg %d [%u+%u*%u%+ld]%s", hex, got->op,
             got->dst, got->src, got->bytes, got->src_bytes, got->address_bytes, got->reg, got->reg_high ? "h" : "",
             got->imm, got->segment, got->base, got->index, got->scale, got->displacement,
             got->rip_relative ? " rip" : "");
}

static void instructions_decode(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint8_t bytes[16] = {0};
        size_t n = unhex(table[i].hex, bytes);
        struct insn got;

        if (!insn_decode(bytes, sizeof(bytes), table[i].mode, &got))
            fail_msg("%s does not decode", table[i].hex);
        assert_int_equal(got.length, n);
        assert_same(table[i].hex, &got, &table[i].insn);
    }
}

static void a_part_is_not_enough(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint8_t bytes[16];
        size_t n = unhex(table[i].hex, bytes);
        struct insn got;

        for (size_t k = 0; k < n; k++)
            assert_false(insn_decode(bytes, k, table[i].mode, &got));
        assert_true(insn_decode(bytes, n, table[i].mode, &got));
    }
}

static void what_is_not_ours_is_refused(void **state)
{
    static const struct {
        const char *hex;
        enum cpu_mode mode;
    } bad[] = {
        {"8bc0", CPU_64},         /* register to register never faults */
        {"c70800000000", CPU_64}, /* C7 /1 */
        {"f020c0", CPU_64},
        {"f08b00", CPU_64},
        {"f03800", CPU_64},
        {"f00fa308", CPU_64}, /* LOCK where it is not allowed */
        {"0f6f00", CPU_64},   /* MMX */
        {"0f2900", CPU_64},
        {"c5f86f00", CPU_64},
        {"ff10", CPU_64},
        {"fe10", CPU_64},
        {"f720", CPU_64},
        {"0fba1800", CPU_64},
        {"6300", CPU_32}, /* ARPL */
        {"660fc308", CPU_64},
        {"90", CPU_64},
        {"0f05", CPU_64},
        {"50", CPU_64},
        {"6666666666666666666666666666668b00", CPU_64}, /* 17 bytes */
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t bytes[32] = {0};
        struct insn got;
        unhex(bad[i].hex, bytes);
        if (insn_decode(bytes, sizeof(bytes), bad[i].mode, &got))
            fail_msg("%s decodes", bad[i].hex);
    }
    uint8_t longest[16];
    struct insn got;
    memset(longest, 0x66, sizeof(longest));
    longest[13] = 0x8b;
    longest[14] = 0;
    assert_true(insn_decode(longest, 16, CPU_64, &got));
    assert_int_equal(got.length, 15);
    longest[13] = 0x66;
    longest[14] = 0x8b;
    longest[15] = 0;
    assert_false(insn_decode(longest, 16, CPU_64, &got));
}

static void lengths_of_intercepted_instructions(void **state)
{
    static const struct {
        const char *hex;
        enum cpu_mode mode;
        size_t length;
    } known[] = {
        {"0f20c0", CPU_64, 3},
        {"440f22c0", CPU_64, 4},
        {"0f23f8", CPU_32, 3},
        {"0f2100", CPU_64, 3}, /* mod is ignored */
        {"0f01d1", CPU_64, 3},
        {"0f01d9", CPU_64, 3},
        {"0f01c1", CPU_64, 3},
        {"0f01f0", CPU_64, 3},
        {"0f0138", CPU_64, 3},
        {"0f017c2410", CPU_64, 5},
        {"410f01bc2478563412", CPU_64, 9}, /* INVLPG forms */
        {"0f013e3412", CPU_16, 5},
        {"0f30", CPU_64, 2},
        {"0f32", CPU_64, 2},
        {"f30f32", CPU_64, 3},
        {"0fa2", CPU_64, 2},
        {"f4", CPU_64, 1},
        {"66f4", CPU_16, 2},
        {"0f09", CPU_64, 2},
        {"0f08", CPU_64, 2},
        {"0f06", CPU_64, 2},
        {"0f31", CPU_64, 2},
        {"0f33", CPU_64, 2},
        {"8b00", CPU_64, 0},
        {"0f0b", CPU_64, 0},
        {"90", CPU_64, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        uint8_t bytes[16] = {0};
        size_t n = unhex(known[i].hex, bytes);
        if (insn_length(bytes, sizeof(bytes), known[i].mode) != known[i].length)
            fail_msg("%s: length %zu", known[i].hex, insn_length(bytes, sizeof(bytes), known[i].mode));
        for (size_t k = 0; k < n && known[i].length; k++)
            assert_int_equal(insn_length(bytes, k, known[i].mode), 0);
    }
}

static void writes_of_control_registers_are_found(void **state)
{
    static const struct {
        const char *hex;
        enum cpu_mode mode;
        struct cr_write want;
    } known[] = {
        {"0f22e0", CPU_64, {4, RAX, 3}},   {"410f22e5", CPU_64, {4, R13, 4}}, {"440f22c0", CPU_64, {8, RAX, 4}},
        {"f00f22c0", CPU_32, {8, RAX, 4}}, {"0f22df", CPU_32, {3, RDI, 3}},   {"66f20f22e6", CPU_16, {4, RSI, 5}},
        {"0f2226", CPU_64, {4, RSI, 3}}, /* mod does not count */
        {"0f20e0", CPU_64, {0, 0, 0}},     {"0f23e0", CPU_64, {0, 0, 0}},     {"8be0", CPU_64, {0, 0, 0}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        uint8_t bytes[16] = {0};
        struct cr_write w;
        size_t n = unhex(known[i].hex, bytes);
        bool is = insn_cr_write(bytes, sizeof(bytes), known[i].mode, &w);
        assert_int_equal(is, known[i].want.length != 0);
        if (is)
            assert_memory_equal(&w, &known[i].want, sizeof(w));
        for (size_t k = 0; k < n; k++)
            assert_false(insn_cr_write(bytes, k, known[i].mode, &w));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_decode),
        cmocka_unit_test(a_part_is_not_enough),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(lengths_of_intercepted_instructions),
        cmocka_unit_test(writes_of_control_registers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
