/* alu.c - arithmetic and flags of the read-modify-write instructions */
#include "alu.h"

enum { CF = 1 << 0, PF = 1 << 2, AF = 1 << 4, ZF = 1 << 6, SF = 1 << 7, OF = 1 << 11 };

struct sum {
    uint64_t result, carries; /* carries: bit n is set if bit n of the operation carried (borrowed) out */
};

static uint64_t width_mask(unsigned int bytes)
{
    return bytes == 8 ? ~0ul : (1ul << (8 * bytes)) - 1;
}

static uint64_t result_flags(uint64_t result, unsigned int bytes)
{
    uint64_t flags = 0;

    if (!(result & width_mask(bytes)))
        flags |= ZF;
    if (result >> (8 * bytes - 1) & 1)
        flags |= SF;
    if (!__builtin_parity((unsigned int)(result & 0xff)))
        flags |= PF;
    return flags;
}

static uint64_t sum_flags(struct sum s, unsigned int bytes)
{
    unsigned int top = 8 * bytes - 1;
    uint64_t flags = result_flags(s.result, bytes);

    if (s.carries >> top & 1)
        flags |= CF;
    if (s.carries >> 3 & 1)
        flags |= AF;
    /* Overflow: the carry into the top bit differs from the carry out of it. */
    if ((s.carries >> top ^ s.carries >> (top - 1)) & 1)
        flags |= OF;
    return flags;
}

static struct sum add(uint64_t a, uint64_t b, uint64_t carry)
{
    uint64_t result = a + b + carry;

    return (struct sum){result, (a & b) | ((a | b) & ~result)};
}

static struct sum subtract(uint64_t a, uint64_t b, uint64_t borrow)
{
    uint64_t result = a - b - borrow;

    return (struct sum){result, (~a & b) | ((~a | b) & result)};
}

static uint64_t bit_operation(enum insn_op op, unsigned int bytes, uint64_t dst, uint64_t src, uint64_t *rflags)
{
    uint64_t bit = 1ul << (src & (8 * bytes - 1));

    *rflags = (*rflags & ~(uint64_t)CF) | (dst & bit ? CF : 0);
    switch (op) {
    case OP_BTS: return dst | bit;
    case OP_BTR: return dst & ~bit;
    case OP_BTC: return dst ^ bit;
    default: return dst;
    }
}

static bool arithmetic(enum insn_op op, uint64_t dst, uint64_t src, uint64_t carry, struct sum *s)
{
    switch (op) {
    case OP_ADD: *s = add(dst, src, 0); return true;
    case OP_ADC: *s = add(dst, src, carry); return true;
    case OP_INC: *s = add(dst, 1, 0); return true;
    case OP_SUB:
    case OP_CMP: *s = subtract(dst, src, 0); return true;
    case OP_SBB: *s = subtract(dst, src, carry); return true;
    case OP_DEC: *s = subtract(dst, 1, 0); return true;
    case OP_NEG: *s = subtract(0, dst, 0); return true;
    default: return false;
    }
}

uint64_t alu(enum insn_op op, unsigned int bytes, uint64_t dst, uint64_t src, uint64_t *rflags)
{
    uint64_t mask = width_mask(bytes), changed = CF | PF | AF | ZF | SF | OF, result;
    struct sum s;

    dst &= mask;
    src &= mask;
    if (arithmetic(op, dst, src, *rflags & CF, &s)) {
        if (op == OP_INC || op == OP_DEC)
            changed &= ~(uint64_t)CF;
        *rflags = (*rflags & ~changed) | (sum_flags(s, bytes) & changed);
        return (op == OP_CMP ? dst : s.result) & mask;
    }
    switch (op) {
    case OP_BT:
    case OP_BTS:
    case OP_BTR:
    case OP_BTC: return bit_operation(op, bytes, dst, src, rflags);
    case OP_NOT: return ~dst & mask;
    case OP_XCHG: return src;
    case OP_OR: result = dst | src; break;
    case OP_XOR: result = dst ^ src; break;
    default: result = dst & src; break; /* AND, TEST */
    }
    *rflags = (*rflags & ~changed) | result_flags(result, bytes);
    return op == OP_TEST ? dst : result;
}
