/* decode.c - the instruction decoder; opcode maps as in SDM vol. 2, appendix A */
#include "decode.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

struct decoder {
    const uint8_t *at, *end;
    bool failed; /* ran out of bytes: everything read from then on is 0 */
    enum cpu_mode mode;
    bool operand_override, address_override, segment_override;
    uint8_t repeat; /* 0, F2 or F3 */
    uint8_t rex;
    uint8_t modrm;
    struct insn *out;
};

static uint64_t take(struct decoder *d, unsigned int bytes)
{
    uint64_t value = 0;

    if ((size_t)(d->end - d->at) < bytes) {
        d->failed = true;
        return 0;
    }
    for (unsigned int i = 0; i < bytes; i++)
        value |= (uint64_t)d->at[i] << (8 * i);
    d->at += bytes;
    return value;
}

static int64_t take_signed(struct decoder *d, unsigned int bytes)
{
    uint64_t value = take(d, bytes);

    switch (bytes) {
    case 1: return (int8_t)value;
    case 2: return (int16_t)value;
    case 4: return (int32_t)value;
    default: return (int64_t)value;
    }
}

/* One legacy prefix; false: the byte is none. */
static bool legacy_prefix(struct decoder *d, uint8_t byte)
{
    static const struct {
        uint8_t byte;
        enum seg_name segment;
    } segments[] = {{0x26, SEG_ES}, {0x2e, SEG_CS}, {0x36, SEG_SS}, {0x3e, SEG_DS}, {0x64, SEG_FS}, {0x65, SEG_GS}};

    switch (byte) {
    case 0x66: d->operand_override = true; return true;
    case 0x67: d->address_override = true; return true;
    case 0xf0: d->out->lock = true; return true;
    case 0xf2:
    case 0xf3: d->repeat = byte; return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
        if (segments[i].byte != byte)
            continue;
        /* In 64-bit mode CS, DS, ES and SS overrides are ignored, they do not even cancel an earlier FS or GS. */
        if (d->mode != CPU_64 || segments[i].segment >= SEG_FS) {
            d->segment_override = true;
            d->out->segment = segments[i].segment;
        }
        return true;
    }
    return false;
}

/* Prefixes and the first opcode byte, which is returned. A REX counts only right before the opcode. */
static uint8_t prefixes(struct decoder *d)
{
    for (;;) {
        uint8_t byte = (uint8_t)take(d, 1);
        if (d->failed)
            return 0;
        if (d->mode == CPU_64 && (byte & 0xf0) == 0x40) {
            d->rex = byte;
            continue;
        }
        if (!legacy_prefix(d, byte))
            return byte;
        d->rex = 0;
    }
}

static void sizes(struct decoder *d)
{
    struct insn *o = d->out;

    if (d->rex & REX_W)
        o->bytes = 8;
    else if (d->mode == CPU_16)
        o->bytes = d->operand_override ? 4 : 2;
    else
        o->bytes = d->operand_override ? 2 : 4;
    if (d->mode == CPU_64)
        o->address_bytes = d->address_override ? 4 : 8;
    else
        o->address_bytes = (d->mode == CPU_32) != d->address_override ? 4 : 2;
}

/* 16-bit addressing: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX. */
static void memory_16(struct decoder *d, unsigned int mod, unsigned int rm)
{
    static const uint8_t bases[] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const uint8_t indexes[] = {RSI, RDI, RSI, RDI, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
    struct insn *o = d->out;

    o->base = bases[rm];
    o->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        o->base = INSN_NO_REG;
        o->displacement = (int64_t)take(d, 2);
    } else if (mod == 1) {
        o->displacement = take_signed(d, 1);
    } else if (mod == 2) {
        o->displacement = take_signed(d, 2);
    }
    if (!d->segment_override && o->base == RBP)
        o->segment = SEG_SS;
}

static void memory_32(struct decoder *d, unsigned int mod, unsigned int rm)
{
    struct insn *o = d->out;
    unsigned int base = rm;

    if (rm == 4) {
        uint8_t sib = (uint8_t)take(d, 1);
        unsigned int index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
        if (index != RSP)
            o->index = (uint8_t)index;
        o->scale = (uint8_t)(1 << (sib >> 6));
        base = sib & 7;
    }
    if (mod == 0 && base == 5) {
        o->displacement = take_signed(d, 4);
        o->rip_relative = d->mode == CPU_64 && rm == 5;
    } else {
        o->base = (uint8_t)(base | (d->rex & REX_B ? 8 : 0));
        if (mod == 1)
            o->displacement = take_signed(d, 1);
        else if (mod == 2)
            o->displacement = take_signed(d, 4);
    }
    if (!d->segment_override && (o->base == RBP || o->base == RSP) && d->mode != CPU_64)
        o->segment = SEG_SS;
}

static void set_register(struct decoder *d, unsigned int reg, unsigned int bytes)
{
    struct insn *o = d->out;

    o->reg = (uint8_t)reg;
    if (bytes == 1 && !d->rex && reg >= 4) {
        o->reg = (uint8_t)(reg - 4);
        o->reg_high = true;
    }
}

/* ModRM with a memory operand (the register forms never fault on memory). */
static bool modrm_memory(struct decoder *d)
{
    d->modrm = (uint8_t)take(d, 1);
    unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;

    if (d->failed || mod == 3)
        return false;
    if (d->out->address_bytes == 2)
        memory_16(d, mod, rm);
    else
        memory_32(d, mod, rm);
    return !d->failed;
}

static unsigned int modrm_reg(const struct decoder *d)
{
    return (d->modrm >> 3 & 7) | (d->rex & REX_R ? 8u : 0u);
}

/* Opcodes with bit 0 = operand size, 0 for bytes. */
static void width_bit(struct decoder *d, uint8_t opcode)
{
    if (!(opcode & 1))
        d->out->bytes = 1;
}

static bool mem_and_reg(struct decoder *d, enum insn_op op, bool to_memory)
{
    struct insn *o = d->out;

    if (!modrm_memory(d))
        return false;
    o->op = op;
    o->dst = to_memory ? OPERAND_MEM : OPERAND_REG;
    o->src = to_memory ? OPERAND_REG : OPERAND_MEM;
    set_register(d, modrm_reg(d), o->bytes);
    return true;
}

/* An immediate as wide as the operand, but at most 4 bytes. */
static bool immediate(struct decoder *d, unsigned int bytes)
{
    d->out->src = OPERAND_IMM;
    d->out->imm = (uint64_t)take_signed(d, MIN(bytes, 4u));
    return !d->failed;
}

static bool mem_and_imm(struct decoder *d, enum insn_op op, unsigned int imm_bytes)
{
    d->out->op = op;
    d->out->dst = OPERAND_MEM;
    return immediate(d, imm_bytes);
}

static bool extend(struct decoder *d, enum insn_op op, unsigned int src_bytes)
{
    struct insn *o = d->out;

    if (!mem_and_reg(d, op, false))
        return false;
    o->reg = (uint8_t)modrm_reg(d); /* the destination is never a byte, also where the source is */
    o->reg_high = false;
    o->src_bytes = (uint8_t)src_bytes;
    return true;
}

static bool moffs(struct decoder *d, uint8_t opcode)
{
    struct insn *o = d->out;

    width_bit(d, opcode);
    o->op = OP_MOV;
    o->dst = opcode & 2 ? OPERAND_MEM : OPERAND_REG;
    o->src = opcode & 2 ? OPERAND_REG : OPERAND_MEM;
    o->reg = RAX;
    o->displacement = (int64_t)take(d, o->address_bytes);
    return !d->failed;
}

static bool string(struct decoder *d, uint8_t opcode, enum insn_op op)
{
    struct insn *o = d->out;

    width_bit(d, opcode);
    o->op = op;
    o->dst = OPERAND_MEM;
    o->src = op == OP_MOVS ? OPERAND_MEM : OPERAND_REG;
    o->reg = RAX;
    o->rep = d->repeat != 0;
    return true;
}

/* F6/F7: TEST, NOT, NEG; FE/FF: INC, DEC. */
static bool group_unary(struct decoder *d, uint8_t opcode)
{
    struct insn *o = d->out;
    unsigned int sub;

    width_bit(d, opcode);
    if (!modrm_memory(d))
        return false;
    sub = d->modrm >> 3 & 7;
    o->dst = OPERAND_MEM;
    if (opcode >= 0xfe) {
        o->op = sub == 0 ? OP_INC : OP_DEC;
        return sub <= 1;
    }
    if (sub <= 1)
        return mem_and_imm(d, OP_TEST, o->bytes);
    o->op = sub == 2 ? OP_NOT : OP_NEG;
    return sub <= 3;
}

static bool group_arithmetic(struct decoder *d, uint8_t opcode)
{
    if (opcode != 0x83)
        width_bit(d, opcode);
    if (!modrm_memory(d))
        return false;
    return mem_and_imm(d, (enum insn_op)(OP_ADD + (d->modrm >> 3 & 7)), opcode == 0x83 ? 1 : d->out->bytes);
}

static bool one_byte(struct decoder *d, uint8_t opcode)
{
    struct insn *o = d->out;

    if (opcode < 0x40 && (opcode & 7) < 4) { /* ADD .. CMP r/m with register */
        width_bit(d, opcode);
        return mem_and_reg(d, (enum insn_op)(OP_ADD + (opcode >> 3)), !(opcode & 2));
    }
    switch (opcode) {
    case 0x63: return d->mode == CPU_64 && extend(d, OP_MOVSX, MIN(o->bytes, 4)); /* else ARPL */
    case 0x80:
    case 0x81:
    case 0x83: return group_arithmetic(d, opcode);
    case 0x84:
    case 0x85: width_bit(d, opcode); return mem_and_reg(d, OP_TEST, true);
    case 0x86:
    case 0x87: width_bit(d, opcode); return mem_and_reg(d, OP_XCHG, true);
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b: width_bit(d, opcode); return mem_and_reg(d, OP_MOV, !(opcode & 2));
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3: return moffs(d, opcode);
    case 0xa4:
    case 0xa5: return string(d, opcode, OP_MOVS);
    case 0xaa:
    case 0xab: return string(d, opcode, OP_STOS);
    case 0xc6:
    case 0xc7: width_bit(d, opcode); return modrm_memory(d) && !(d->modrm & 0x38) && mem_and_imm(d, OP_MOV, o->bytes);
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff: return group_unary(d, opcode);
    default: return false;
    }
}

static bool two_byte(struct decoder *d)
{
    uint8_t opcode = (uint8_t)take(d, 1);

    if (d->failed)
        return false;
    switch (opcode) {
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb: return mem_and_reg(d, (enum insn_op)(OP_BT + (opcode >> 3 & 3)), true);
    case 0xba:
        return modrm_memory(d) && (d->modrm & 0x20) && mem_and_imm(d, (enum insn_op)(OP_BT + (d->modrm >> 3 & 3)), 1);
    case 0xb6:
    case 0xb7: return extend(d, OP_MOVZX, opcode & 1 ? 2 : 1);
    case 0xbe:
    case 0xbf: return extend(d, OP_MOVSX, opcode & 1 ? 2 : 1);
    case 0xc3: return !d->operand_override && !d->repeat && mem_and_reg(d, OP_MOV, true); /* MOVNTI */
    default: return false;
    }
}

/* LOCK is valid only where memory is read, changed and written back. */
static bool lock_allowed(const struct insn *o)
{
    if (o->dst != OPERAND_MEM)
        return false;
    return (o->op >= OP_ADD && o->op <= OP_XOR) || (o->op >= OP_NOT && o->op <= OP_XCHG) ||
           (o->op >= OP_BTS && o->op <= OP_BTC);
}

static void decoder_init(struct decoder *d, const uint8_t *bytes, size_t n, enum cpu_mode mode, struct insn *out)
{
    *out = (struct insn){.segment = SEG_DS, .base = INSN_NO_REG, .index = INSN_NO_REG, .scale = 1};
    *d = (struct decoder){.at = bytes, .end = bytes + MIN(n, (size_t)INSN_MAX_BYTES), .mode = mode, .out = out};
}

bool insn_decode(const uint8_t *bytes, size_t n, enum cpu_mode mode, struct insn *out)
{
    struct decoder d;
    uint8_t opcode;

    decoder_init(&d, bytes, n, mode, out);
    opcode = prefixes(&d);
    if (d.failed)
        return false;
    sizes(&d);
    if (!(opcode == 0x0f ? two_byte(&d) : one_byte(&d, opcode)) || d.failed)
        return false;
    if (out->lock && !lock_allowed(out))
        return false;
    if (!out->src_bytes)
        out->src_bytes = out->bytes;
    out->length = (uint8_t)(d.at - bytes);
    return true;
}

/* 0F 01: register forms are instructions of their own (VMMCALL, XSETBV, SMSW reg ...), the others have a memory
 * operand. */
static bool skip_group_0f01(struct decoder *d)
{
    if (d->at < d->end && *d->at >> 6 == 3) {
        d->at++;
        return true;
    }
    return modrm_memory(d);
}

size_t insn_length(const uint8_t *bytes, size_t n, enum cpu_mode mode)
{
    struct insn unused;
    struct decoder d;
    uint8_t opcode;

    decoder_init(&d, bytes, n, mode, &unused);
    opcode = prefixes(&d);
    sizes(&d);
    if (d.failed)
        return 0;
    if (opcode == 0xf4) /* HLT */
        return (size_t)(d.at - bytes);
    if (opcode != 0x0f)
        return 0;
    opcode = (uint8_t)take(&d, 1);
    switch (opcode) {
    case 0x01:
        if (!skip_group_0f01(&d))
            return 0;
        break;
    case 0x20 ... 0x23: /* MOV to and from CRn, DRn: ModRM is always of the register form, whatever its mod says */
        (void)take(&d, 1);
        break;
    case 0x06: /* CLTS */
    case 0x08: /* INVD */
    case 0x09: /* WBINVD */
    case 0x30: /* WRMSR */
    case 0x31: /* RDTSC */
    case 0x32: /* RDMSR */
    case 0x33: /* RDPMC */
    case 0xa2: /* CPUID */ break;
    default: return 0;
    }
    return d.failed ? 0 : (size_t)(d.at - bytes);
}

bool insn_cr_write(const uint8_t *bytes, size_t n, enum cpu_mode mode, struct cr_write *out)
{
    struct insn unused;
    struct decoder d;

    decoder_init(&d, bytes, n, mode, &unused);
    if (prefixes(&d) != 0x0f || take(&d, 1) != 0x22)
        return false;
    uint8_t modrm = (uint8_t)take(&d, 1);
    *out = (struct cr_write){
        .cr = (uint8_t)((modrm >> 3 & 7) | (d.rex & REX_R || unused.lock ? 8 : 0)), /* LOCK: AMD's way to CR8 */
        .reg = (uint8_t)((modrm & 7) | (d.rex & REX_B ? 8 : 0)),
        .length = (uint8_t)(d.at - bytes),
    };
    return !d.failed;
}
