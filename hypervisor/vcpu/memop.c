/* memop.c - segments, registers and addresses as instructions use them */
#include "memop.h"

#define CR0_PE    (1ul << 0)
#define EFER_LMA  (1ul << 10)
#define RFLAGS_DF (1ul << 10)
#define RFLAGS_VM (1ul << 17)
#define ATTR_DB   (1u << 10)
#define ATTR_L    (1u << 9)
#define VECTOR_SS 12

/* Descriptor type bits (attr 3:0) of code and data segments. */
enum { TYPE_WRITE_OR_READ = 2, TYPE_EXPAND_DOWN = 4, TYPE_CODE = 8 };

enum cpu_mode vcpu_mode(struct vcpu *v)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_CONTROL);
    uint16_t cs;

    vcpu_regs(v, REGS_SEGMENTS);
    cs = r->seg[SEG_CS].attr;
    if (!(r->cr0 & CR0_PE) || (r->rflags & RFLAGS_VM))
        return CPU_16;
    if ((r->efer & EFER_LMA) && (cs & ATTR_L))
        return CPU_64;
    return cs & ATTR_DB ? CPU_32 : CPU_16;
}

uint64_t instruction_address(struct vcpu *v)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_SEGMENTS);

    return vcpu_mode(v) == CPU_64 ? r->rip : (uint32_t)(r->seg[SEG_CS].base + r->rip);
}

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool limit_ok(const struct segment *s, uint64_t offset, unsigned int bytes)
{
    uint64_t last = offset + bytes - 1;

    if (!(s->attr & TYPE_CODE) && (s->attr & TYPE_EXPAND_DOWN))
        return offset > s->limit && last <= (s->attr & ATTR_DB ? 0xffffffffu : 0xffffu);
    return last <= s->limit;
}

static bool rights_ok(const struct segment *s, bool write)
{
    if (s->attr & TYPE_CODE)
        return !write && (s->attr & TYPE_WRITE_OR_READ);
    return !write || (s->attr & TYPE_WRITE_OR_READ);
}

bool segment_access(struct vcpu *v, enum seg_name segment, uint64_t offset, unsigned int bytes, bool write,
                    uint64_t *linear)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_SEGMENTS);
    const struct segment *s = &r->seg[segment];
    bool protected_mode = (vcpu_regs(v, REGS_CONTROL)->cr0 & CR0_PE) && !(r->rflags & RFLAGS_VM);

    if (vcpu_mode(v) == CPU_64) {
        *linear = offset + (segment >= SEG_FS ? s->base : 0);
        if (canonical(*linear) && canonical(*linear + bytes - 1))
            return true;
    } else {
        *linear = (uint32_t)(s->base + offset);
        if (limit_ok(s, offset, bytes) && (!protected_mode || rights_ok(s, write)))
            return true;
    }
    vcpu_inject_exception(v, segment == SEG_SS ? VECTOR_SS : VECTOR_GP, protected_mode, 0);
    return false;
}

uint64_t address_cut(uint64_t value, unsigned int address_bytes)
{
    switch (address_bytes) {
    case 2: return (uint16_t)value;
    case 4: return (uint32_t)value;
    default: return value;
    }
}

void address_register_set(struct vcpu *v, enum gpr reg, unsigned int address_bytes, uint64_t value)
{
    register_write(v, reg, false, address_bytes, value);
}

int64_t string_step(struct vcpu *v, unsigned int bytes)
{
    return v->private->regs.rflags & RFLAGS_DF ? -(int64_t)bytes : (int64_t)bytes;
}

void register_write(struct vcpu *v, enum gpr reg, bool high, unsigned int bytes, uint64_t value)
{
    uint64_t *r = &v->private->regs.gpr[reg];

    switch (bytes) {
    case 1:
        if (high)
            *r = (*r & ~0xff00ul) | (value & 0xff) << 8;
        else
            *r = (*r & ~0xfful) | (value & 0xff);
        break;
    case 2: *r = (*r & ~0xfffful) | (value & 0xffff); break;
    case 4: *r = (uint32_t)value; break;
    default: *r = value;
    }
}

uint64_t register_read(struct vcpu *v, enum gpr reg, bool high, unsigned int bytes)
{
    uint64_t value = v->private->regs.gpr[reg] >> (high ? 8 : 0);

    return bytes == 1 ? (uint8_t)value : address_cut(value, bytes);
}
