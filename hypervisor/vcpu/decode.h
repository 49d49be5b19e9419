/*
 * decode.h - x86 instructions as far as they may touch emulated memory; a pure function over bytes.
 * Everything the rest needs is in struct insn; nothing here looks at a vCPU.
 */
#pragma once
#include <hv/types.h>
#include <hv/vcpu.h>

#define INSN_MAX_BYTES 15

enum cpu_mode { CPU_16 = 2, CPU_32 = 4, CPU_64 = 8 }; /* default address size in bytes */

enum insn_op {
    OP_MOV, /* dst = src */
    OP_MOVZX,
    OP_MOVSX,
    OP_ADD,
    OP_OR,
    OP_ADC,
    OP_SBB,
    OP_AND,
    OP_SUB,
    OP_XOR,
    OP_CMP, /* in the order of the opcode map */
    OP_TEST,
    OP_NOT,
    OP_NEG,
    OP_INC,
    OP_DEC,
    OP_XCHG,
    OP_BT,
    OP_BTS,
    OP_BTR,
    OP_BTC, /* in the order of the opcode map */
    OP_STOS,
    OP_MOVS,
};

enum insn_operand { OPERAND_NONE, OPERAND_MEM, OPERAND_REG, OPERAND_IMM };

#define INSN_NO_REG 0xff

struct insn {
    enum insn_op op;
    enum insn_operand dst, src;
    uint8_t length;
    uint8_t bytes;         /* operand size 1, 2, 4, 8 */
    uint8_t src_bytes;     /* MOVZX, MOVSX: size of the source; else the same */
    uint8_t address_bytes; /* 2, 4, 8 */
    bool rep;              /* F3 or F2 before STOS, MOVS */
    bool lock;
    uint8_t reg;   /* register operand, enum gpr; unused with OPERAND_NONE */
    bool reg_high; /* AH, CH, DH, BH: reg is RAX..RBX, bits 15:8 */
    uint64_t imm;  /* sign-extended to 64 bits */
    /* memory operand: [base + index * scale + displacement] in segment */
    enum seg_name segment;
    uint8_t base, index; /* enum gpr or INSN_NO_REG */
    uint8_t scale;
    bool rip_relative;
    int64_t displacement; /* MOV moffs: the whole offset */
};

/*
 * Decodes the instruction at bytes[0..n). Returns false if it is not one of the above with a memory operand, not valid,
 * or longer than n (or 15); *out is undefined then. The result depends only on the first out->length bytes.
 */
bool insn_decode(const uint8_t *bytes, size_t n, enum cpu_mode mode, struct insn *out);
/* MOV to a control register. False: it is something else, or does not fit in n. */
struct cr_write {
    uint8_t cr, reg; /* reg: enum gpr */
    uint8_t length;
};
bool insn_cr_write(const uint8_t *bytes, size_t n, enum cpu_mode mode, struct cr_write *out);
/* Length of one of the instructions named at insn_length_here(); 0 if it is none of them or does not fit in n. */
size_t insn_length(const uint8_t *bytes, size_t n, enum cpu_mode mode);
