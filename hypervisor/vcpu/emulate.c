/*
 * emulate.c - performs the instruction that touched emulated memory: fetch, decode, check, read, compute, write back,
 * skip.
 *
 * The processor checked the access before it faulted, but bytes and page tables are read again here, and another vCPU
 * may have changed both. What the instruction names must therefore still be the page that faulted; else it is left to
 * fault again. User-mode code gets less: our accesses are supervisor accesses, so it may only have the one page the
 * processor has just let it use, in the same direction.
 */
#include "alu.h"
#include "memop.h"
#include <hv/emulate.h>
#include <hv/guestcopy.h>
#include <hv/string.h>
#include <hv/x86.h>

#define MAX_REFUSALS 1000

struct operand {
    unsigned int parts; /* 2 if it straddles a page boundary */
    struct {
        gpa_t gpa;
        unsigned int bytes;
    } part[2];
    uint64_t value;
};

struct emulation {
    struct vcpu *v;
    struct insn insn;
    gpa_t fault;
    bool fault_write, user;
};

static void page_fault(struct vcpu *v, uint64_t linear, bool write)
{
    vcpu_regs_write(v, REGS_CONTROL)->cr2 = linear;
    vcpu_inject_exception(v, VECTOR_PF, true, (write ? 2u : 0u) | (vcpu_cpl(v) == 3 ? 4u : 0u));
}

/* Where the operand is; false: a page fault is injected. */
static bool operand_find(struct vcpu *v, uint64_t linear, unsigned int bytes, bool write, struct operand *o)
{
    unsigned int first = MIN(bytes, (unsigned int)(PAGE_SIZE - (linear & PAGE_MASK)));

    *o = (struct operand){.parts = first < bytes ? 2 : 1};
    o->part[0].bytes = first;
    o->part[1].bytes = bytes - first;
    for (unsigned int i = 0; i < o->parts; i++) {
        uint64_t at = linear + (i ? first : 0);
        if (guest_translate(v, GUEST_PTR(at), write, &o->part[i].gpa)) {
            page_fault(v, at, write);
            return false;
        }
    }
    return true;
}

static bool operand_is_fault(const struct operand *o, gpa_t fault)
{
    for (unsigned int i = 0; i < o->parts; i++)
        if (gpa_to_gfn(o->part[i].gpa).v == gpa_to_gfn(fault).v)
            return true;
    return false;
}

static bool device_size(unsigned int bytes)
{
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

static uint64_t part_read(struct vcpu *v, gpa_t gpa, unsigned int bytes)
{
    uint64_t value = 0;

    if (!mmio_is_trapped(v, gpa) && copy_from_gpa(v->domain, &value, gpa, bytes) == 0)
        return value;
    if (device_size(bytes))
        return mmio_read(v, gpa, bytes);
    value = 0;
    for (unsigned int i = 0; i < bytes; i++)
        value |= mmio_read(v, GPA(gpa.v + i), 1) << (8 * i);
    return value;
}

static void part_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value)
{
    if (!mmio_is_trapped(v, gpa) && copy_to_gpa(v->domain, gpa, &value, bytes) == 0)
        return;
    if (device_size(bytes)) {
        mmio_write(v, gpa, bytes, value);
        return;
    }
    for (unsigned int i = 0; i < bytes; i++)
        mmio_write(v, GPA(gpa.v + i), 1, value >> (8 * i) & 0xff);
}

static void operand_read(struct vcpu *v, struct operand *o)
{
    o->value = part_read(v, o->part[0].gpa, o->part[0].bytes);
    if (o->parts == 2)
        o->value |= part_read(v, o->part[1].gpa, o->part[1].bytes) << (8 * o->part[0].bytes);
}

static void operand_write(struct vcpu *v, const struct operand *o, uint64_t value)
{
    part_write(v, o->part[0].gpa, o->part[0].bytes, value);
    if (o->parts == 2)
        part_write(v, o->part[1].gpa, o->part[1].bytes, value >> (8 * o->part[0].bytes));
}

/* Leaves the instruction to fault again; a guest that makes this happen for ever is stopped, a process in it gets an
 * exception. */
static void refuse(struct emulation *e)
{
    struct vcpu *v = e->v;

    if (++v->refused_emulations <= MAX_REFUSALS)
        return;
    v->refused_emulations = 0;
    if (e->user)
        vcpu_inject_exception(v, VECTOR_UD, false, 0);
    else
        domain_kill(v->domain, "vcpu %u: the instruction at rip=%lx does not access the address that faulted", v->id,
                    v->private->regs.rip);
}

/* The instruction was performed. */
static void done(struct emulation *e)
{
    e->v->refused_emulations = 0;
    vcpu_skip(e->v, e->insn.length);
}

static uint64_t effective_address(const struct emulation *e, unsigned int bytes)
{
    const struct insn *i = &e->insn;
    const struct vcpu_regs *r = &e->v->private->regs;
    uint64_t offset = (uint64_t)i->displacement;

    if (i->base != INSN_NO_REG)
        offset += r->gpr[i->base];
    if (i->index != INSN_NO_REG)
        offset += r->gpr[i->index] * i->scale;
    if (i->rip_relative)
        offset += r->rip + i->length;
    /* A bit offset in a register reaches beyond the operand. */
    if (i->op >= OP_BT && i->op <= OP_BTC && i->src == OPERAND_REG) {
        int64_t bit = (int64_t)register_read(e->v, (enum gpr)i->reg, false, bytes);
        bit = bytes == 2 ? (int16_t)bit : bytes == 4 ? (int32_t)bit : bit;
        offset += (uint64_t)((bit >> (bytes == 2 ? 4 : bytes == 4 ? 5 : 6)) * (int64_t)bytes);
    }
    return address_cut(offset, i->address_bytes);
}

static uint64_t sign_extend(uint64_t value, unsigned int bytes)
{
    unsigned int shift = 64 - 8 * bytes;

    return (uint64_t)((int64_t)(value << shift) >> shift);
}

static void to_register(struct emulation *e, const struct operand *mem)
{
    const struct insn *i = &e->insn;
    struct vcpu_regs *r = &e->v->private->regs;
    uint64_t value = mem->value;

    if (i->op == OP_MOVSX)
        value = sign_extend(value, i->src_bytes);
    else if (i->op != OP_MOV && i->op != OP_MOVZX)
        value = alu(i->op, i->bytes, register_read(e->v, (enum gpr)i->reg, i->reg_high, i->bytes), value, &r->rflags);
    if (i->op != OP_CMP && i->op != OP_TEST)
        register_write(e->v, (enum gpr)i->reg, i->reg_high, i->bytes, value);
}

static void to_memory(struct emulation *e, const struct operand *mem, bool writes)
{
    const struct insn *i = &e->insn;
    struct vcpu_regs *r = &e->v->private->regs;
    uint64_t src = i->src == OPERAND_IMM ? i->imm : 0, value;

    if (i->src == OPERAND_REG)
        src = register_read(e->v, (enum gpr)i->reg, i->reg_high, i->bytes);
    value = i->op == OP_MOV ? src : alu(i->op, i->bytes, mem->value, src, &r->rflags);
    if (writes)
        operand_write(e->v, mem, value);
    if (i->op == OP_XCHG)
        register_write(e->v, (enum gpr)i->reg, i->reg_high, i->bytes, mem->value);
}

static void emulate_plain(struct emulation *e)
{
    const struct insn *i = &e->insn;
    bool to_mem = i->dst == OPERAND_MEM;
    bool writes = to_mem && i->op != OP_CMP && i->op != OP_TEST && i->op != OP_BT;
    unsigned int bytes = to_mem ? i->bytes : i->src_bytes;
    struct operand mem;
    uint64_t linear;

    if (e->user && writes && !e->fault_write) {
        refuse(e);
        return;
    }
    if (!segment_access(e->v, i->segment, effective_address(e, bytes), bytes, writes, &linear) ||
        !operand_find(e->v, linear, bytes, writes, &mem))
        return;
    if (!operand_is_fault(&mem, e->fault) || (e->user && mem.parts > 1)) {
        refuse(e);
        return;
    }
    if (!to_mem || i->op != OP_MOV)
        operand_read(e->v, &mem);
    if (to_mem)
        to_memory(e, &mem, writes);
    else
        to_register(e, &mem);
    done(e);
}

static void string_advance(struct emulation *e, enum gpr reg)
{
    unsigned int width = e->insn.address_bytes;

    address_register_set(e->v, reg, width, e->v->private->regs.gpr[reg] + (uint64_t)string_step(e->v, e->insn.bytes));
}

/* One element per call: the instruction stays where it is until the count is used up, as with an interrupt between
 * elements. */
static void emulate_string(struct emulation *e)
{
    const struct insn *i = &e->insn;
    uint64_t *gpr = e->v->private->regs.gpr, left = address_cut(gpr[RCX], i->address_bytes), linear;
    struct operand src = {.value = gpr[RAX]}, dst;

    if (i->rep && left == 0) {
        done(e);
        return;
    }
    if (i->op == OP_MOVS &&
        (!segment_access(e->v, i->segment, address_cut(gpr[RSI], i->address_bytes), i->bytes, false, &linear) ||
         !operand_find(e->v, linear, i->bytes, false, &src)))
        return;
    if (!segment_access(e->v, SEG_ES, address_cut(gpr[RDI], i->address_bytes), i->bytes, true, &linear) ||
        !operand_find(e->v, linear, i->bytes, true, &dst))
        return;
    if (!operand_is_fault(&dst, e->fault) && !operand_is_fault(&src, e->fault)) {
        refuse(e);
        return;
    }
    if (i->op == OP_MOVS)
        operand_read(e->v, &src);
    operand_write(e->v, &dst, src.value);
    if (i->op == OP_MOVS)
        string_advance(e, RSI);
    string_advance(e, RDI);
    if (i->rep)
        address_register_set(e->v, RCX, i->address_bytes, --left);
    if (i->rep && left)
        e->v->refused_emulations = 0;
    else
        done(e);
}

static void undecodable(struct emulation *e, const uint8_t *bytes, size_t n)
{
    char hex[2 * INSN_MAX_BYTES + 1] = "";

    if (e->user) { /* a process that maps a hole must not take the machine down */
        vcpu_inject_exception(e->v, VECTOR_UD, false, 0);
        return;
    }
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    domain_kill(e->v->domain, "vcpu %u: cannot emulate the %s of %lx by the instruction at rip=%lx: %s", e->v->id,
                e->fault_write ? "write" : "read", e->fault.v, e->v->private->regs.rip, hex);
}

void mmio_emulate(struct vcpu *v, gpa_t gpa, bool write)
{
    struct emulation e = {.v = v, .fault = gpa, .fault_write = write, .user = vcpu_cpl(v) == 3};
    uint8_t bytes[INSN_MAX_BYTES];
    size_t n;

    n = guest_fetch(v, instruction_address(v), bytes, sizeof(bytes));
    if (n == 0) {
        refuse(&e);
        return;
    }
    if (!insn_decode(bytes, n, vcpu_mode(v), &e.insn)) {
        undecodable(&e, bytes, n);
        return;
    }
    if (e.insn.op != OP_STOS && e.insn.op != OP_MOVS)
        emulate_plain(&e);
    else if (e.user)
        undecodable(&e, bytes, n);
    else
        emulate_string(&e);
}

/* What the processor would refuse with the features that its CPUID shows. */
static bool cr4_ok(struct vcpu *v, uint64_t value)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_CONTROL);
    bool long_mode = r->efer & EFER_LMA;

    if (value & ~cpuid_allowed_cr4() || (long_mode && !(value & CR4_PAE)))
        return false;
    return !(value & ~r->cr4 & CR4_PCIDE) || (long_mode && !(r->cr3 & PAGE_MASK));
}

void cr4_write_emulate(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX_BYTES];
    size_t n = guest_fetch(v, instruction_address(v), bytes, sizeof(bytes));
    struct cr_write w;

    if (!insn_cr_write(bytes, n, vcpu_mode(v), &w) || w.cr != 4)
        return; /* another vCPU has changed it meanwhile: what is there now is executed */
    uint64_t value = v->private->regs.gpr[w.reg];
    if (vcpu_mode(v) != CPU_64)
        value = (uint32_t)value;
    if (!cr4_ok(v, value)) {
        vcpu_inject_exception(v, VECTOR_GP, true, 0);
        return;
    }
    vcpu_regs_write(v, REGS_CONTROL)->cr4 = value;
    vcpu_skip(v, w.length);
}

unsigned int insn_length_here(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX_BYTES];
    size_t n = guest_fetch(v, instruction_address(v), bytes, sizeof(bytes));

    return (unsigned int)insn_length(bytes, n, vcpu_mode(v));
}
