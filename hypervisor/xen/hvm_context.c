/* hvm_context.c - initial registers of a vCPU, checked against what a CPU accepts */
#include <hv/string.h>
#include "hvm_context.h"

#define CR0_PE      BIT(0)
#define CR0_ET      BIT(4)
#define CR0_NW      BIT(29)
#define CR0_CD      BIT(30)
#define CR0_PG      BIT(31)
#define CR0_DEFINED 0xe005003ful
#define CR4_PAE     BIT(5)
#define CR4_DEFINED                                                                                                    \
    0x7fful /* what every 64-bit CPU has; the rest the guest turns on itself, through the emulated CR4 */
#define EFER_SCE     BIT(0)
#define EFER_LME     BIT(8)
#define EFER_LMA     BIT(10)
#define EFER_NXE     BIT(11)
#define CR3_MAX      (1ul << 40)
#define RFLAGS_FIXED 2ul
#define RFLAGS_LEGAL 0x254fd7ul /* all but VM, VIF and VIP */

#define ATTR_TYPE       0xfu
#define ATTR_S          BIT(4)
#define ATTR_DPL        (3u << 5)
#define ATTR_P          BIT(7)
#define ATTR_L          BIT(9)
#define ATTR_DB         BIT(10)
#define ATTR_G          BIT(11)
#define ATTR_LEGAL      0xfffu
#define TYPE_CODE       8u
#define TYPE_RW         2u /* writable data, readable code */
#define TYPE_LDT        2u
#define TYPE_BUSY_TSS32 11u

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool control_registers_ok(const struct vcpu_regs *r)
{
    bool paging = r->cr0 & CR0_PG;
    bool long_mode = paging && r->efer & EFER_LME;

    if (r->cr0 & ~CR0_DEFINED || (r->cr0 & CR0_NW && !(r->cr0 & CR0_CD)))
        return false;
    if (r->cr4 & ~CR4_DEFINED || r->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
        return false;
    if (!!(r->efer & EFER_LMA) != long_mode || (long_mode && !(r->cr4 & CR4_PAE)))
        return false;
    return r->cr3 < (long_mode ? CR3_MAX : 1ul << 32);
}

static bool limit_ok(const struct segment *s)
{
    return s->attr & ATTR_G ? (s->limit & 0xfff) == 0xfff : s->limit <= 0xfffff;
}

/* Code and data segments of a kernel: privilege level 0. An absent one may hold anything in its other fields. */
static bool segment_ok(const struct segment *s, enum seg_name name, bool long_mode)
{
    if (s->attr & ~ATTR_LEGAL)
        return false;
    if (name == SEG_FS || name == SEG_GS ? !canonical(s->base) : s->base >> 32 != 0)
        return false;
    if (!(s->attr & ATTR_P))
        return name != SEG_CS && name != SEG_SS;
    if (!(s->attr & ATTR_S) || s->attr & ATTR_DPL || !limit_ok(s))
        return false;
    if (name == SEG_CS)
        return s->attr & TYPE_CODE && (s->attr & ATTR_L ? long_mode && !(s->attr & ATTR_DB) : true);
    return name == SEG_SS ? !(s->attr & TYPE_CODE) && s->attr & TYPE_RW : true;
}

static bool system_segment_ok(const struct segment *s, unsigned int type, bool required)
{
    if (s->attr & ~ATTR_LEGAL || !canonical(s->base))
        return false;
    if (!(s->attr & ATTR_P))
        return !required;
    return !(s->attr & ATTR_S) && (s->attr & ATTR_TYPE) == type && limit_ok(s);
}

static bool segments_ok(const struct vcpu_regs *r)
{
    bool long_mode = r->efer & EFER_LMA;

    for (unsigned int name = SEG_ES; name <= SEG_GS; name++) {
        if (!segment_ok(&r->seg[name], (enum seg_name)name, long_mode))
            return false;
    }
    return system_segment_ok(&r->seg[SEG_TR], TYPE_BUSY_TSS32, true) &&
           system_segment_ok(&r->seg[SEG_LDTR], TYPE_LDT, false);
}

/* Real mode is left to INIT and STARTUP: a described vCPU is in protected or long mode. */
static long finish(struct vcpu_regs *r)
{
    bool code64 = r->seg[SEG_CS].attr & ATTR_L;

    r->cr0 |= CR0_ET;
    if (!(r->cr0 & CR0_PE) || !control_registers_ok(r) || !segments_ok(r))
        return -XEN_EINVAL;
    if (r->rflags & ~RFLAGS_LEGAL || (code64 ? !canonical(r->rip) : r->rip >> 32 != 0))
        return -XEN_EINVAL;
    r->rflags |= RFLAGS_FIXED;
    r->available = r->dirty = REGS_CONTROL | REGS_SEGMENTS;
    return 0;
}

static void flat_segments(struct vcpu_regs *r)
{
    for (unsigned int name = SEG_ES; name <= SEG_GS; name++)
        r->seg[name] = (struct segment){.attr = 0xc93, .limit = 0xffffffff};
    r->seg[SEG_TR] = (struct segment){.attr = 0x8b, .limit = 0x67};
    r->seg[SEG_LDTR] = (struct segment){0};
}

static void read_32(const struct vcpu_hvm_x86_32 *c, struct vcpu_regs *r)
{
    const uint64_t gpr[] = {c->eax, c->ecx, c->edx, c->ebx, c->esp, c->ebp, c->esi, c->edi};

    memcpy(r->gpr, gpr, sizeof(gpr));
    r->rip = c->eip;
    r->rflags = c->eflags;
    r->cr0 = c->cr0;
    r->cr3 = c->cr3;
    r->cr4 = c->cr4;
    r->efer = c->efer;
    flat_segments(r); /* FS and GS are not described */
    r->seg[SEG_CS] = (struct segment){.attr = c->cs_ar, .limit = c->cs_limit, .base = c->cs_base};
    r->seg[SEG_DS] = (struct segment){.attr = c->ds_ar, .limit = c->ds_limit, .base = c->ds_base};
    r->seg[SEG_SS] = (struct segment){.attr = c->ss_ar, .limit = c->ss_limit, .base = c->ss_base};
    r->seg[SEG_ES] = (struct segment){.attr = c->es_ar, .limit = c->es_limit, .base = c->es_base};
    r->seg[SEG_TR] = (struct segment){.attr = c->tr_ar, .limit = c->tr_limit, .base = c->tr_base};
}

static void read_64(const struct vcpu_hvm_x86_64 *c, struct vcpu_regs *r)
{
    const uint64_t gpr[] = {c->rax, c->rcx, c->rdx, c->rbx, c->rsp, c->rbp, c->rsi, c->rdi};

    memcpy(r->gpr, gpr, sizeof(gpr));
    r->rip = c->rip;
    r->rflags = c->rflags;
    r->cr0 = c->cr0;
    r->cr3 = c->cr3;
    r->cr4 = c->cr4;
    r->efer = c->efer;
    flat_segments(r);
    r->seg[SEG_CS] = (struct segment){.attr = 0xa9b, .limit = 0xffffffff};
}

long hvm_context_from_public(const struct vcpu_hvm_context *untrusted, struct vcpu_regs *out)
{
    *out = (struct vcpu_regs){0};
    switch (untrusted->mode) {
    case VCPU_HVM_MODE_32B: read_32(&untrusted->cpu_regs.x86_32, out); break;
    case VCPU_HVM_MODE_64B: read_64(&untrusted->cpu_regs.x86_64, out); break;
    default: return -XEN_EINVAL;
    }
    return finish(out);
}

/* What a fresh vCPU does not have yet: silently dropping it would start a guest that is not the described one. */
static bool beyond_us(const struct hvm_hw_cpu *c)
{
    return c->flags & XEN_X86_FPU_INITIALISED || c->dr0 || c->dr1 || c->dr2 || c->dr3 || (c->dr7 & ~0x400ul) ||
           c->sysenter_cs || c->sysenter_esp || c->sysenter_eip || c->shadow_gs || c->msr_lstar || c->msr_star ||
           c->msr_cstar || c->msr_syscall_mask || c->msr_tsc_aux || c->idtr_base || c->gdtr_base || c->pending_valid;
}

static struct segment record_segment(uint32_t selector, uint32_t attr, uint32_t limit, uint64_t base)
{
    /* Attributes above 16 bits (the VMX form of "unusable") become an illegal bit pattern, or an absent segment. */
    if (attr & BIT(16))
        attr = 0;
    return (struct segment){
        .selector = (uint16_t)selector, .attr = attr > 0xffff ? 0xffff : (uint16_t)attr, .limit = limit, .base = base};
}

static long read_record(const struct hvm_hw_cpu *c, struct vcpu_regs *r)
{
    const uint64_t gpr[NR_GPRS] = {c->rax, c->rcx, c->rdx, c->rbx, c->rsp, c->rbp, c->rsi, c->rdi,
                                   c->r8,  c->r9,  c->r10, c->r11, c->r12, c->r13, c->r14, c->r15};

    if (beyond_us(c))
        return -XEN_EOPNOTSUPP;
    *r = (struct vcpu_regs){.rip = c->rip,
                            .rflags = c->rflags,
                            .cr0 = c->cr0,
                            .cr2 = c->cr2,
                            .cr3 = c->cr3,
                            .cr4 = c->cr4,
                            .efer = c->msr_efer};
    memcpy(r->gpr, gpr, sizeof(gpr));
    r->seg[SEG_ES] = record_segment(c->es_sel, c->es_arbytes, c->es_limit, c->es_base);
    r->seg[SEG_CS] = record_segment(c->cs_sel, c->cs_arbytes, c->cs_limit, c->cs_base);
    r->seg[SEG_SS] = record_segment(c->ss_sel, c->ss_arbytes, c->ss_limit, c->ss_base);
    r->seg[SEG_DS] = record_segment(c->ds_sel, c->ds_arbytes, c->ds_limit, c->ds_base);
    r->seg[SEG_FS] = record_segment(c->fs_sel, c->fs_arbytes, c->fs_limit, c->fs_base);
    r->seg[SEG_GS] = record_segment(c->gs_sel, c->gs_arbytes, c->gs_limit, c->gs_base);
    r->seg[SEG_LDTR] = record_segment(c->ldtr_sel, c->ldtr_arbytes, c->ldtr_limit, c->ldtr_base);
    r->seg[SEG_TR] = record_segment(c->tr_sel, c->tr_arbytes, c->tr_limit, c->tr_base);
    return finish(r);
}

static long check_header(const struct hvm_save_descriptor *d, const uint8_t *body)
{
    struct hvm_save_header header;

    if (d->typecode != HVM_SAVE_CODE(HEADER) || d->length != sizeof(header))
        return -XEN_EINVAL;
    memcpy(&header, body, sizeof(header));
    return header.magic == HVM_FILE_MAGIC && header.version == HVM_FILE_VERSION ? 0 : -XEN_EINVAL;
}

/* One record after the header. Returns 1 at the end, 0 to go on, or an error. */
static long take_record(const struct hvm_save_descriptor *d, const uint8_t *body, struct vcpu_regs *out, bool *found)
{
    struct hvm_hw_cpu cpu;

    switch (d->typecode) {
    case HVM_SAVE_CODE(END): return d->length == 0 ? 1 : -XEN_EINVAL;
    case HVM_SAVE_CODE(MTRR): return 0;
    case HVM_SAVE_CODE(CPU):
        if (*found || d->instance != 0 || d->length != sizeof(cpu))
            return -XEN_EINVAL;
        memcpy(&cpu, body, sizeof(cpu));
        *found = true;
        return read_record(&cpu, out);
    default: return -XEN_EINVAL;
    }
}

long hvm_context_from_records(const uint8_t *untrusted, size_t bytes, struct vcpu_regs *out)
{
    struct hvm_save_descriptor d;
    bool found = false;
    long rc = 0;

    for (size_t at = 0, n = 0; rc == 0; at += d.length, n++) {
        if (bytes - at < sizeof(d))
            return -XEN_EINVAL;
        memcpy(&d, untrusted + at, sizeof(d));
        at += sizeof(d);
        if (d.length > bytes - at)
            return -XEN_EINVAL;
        rc = n == 0 ? check_header(&d, untrusted + at) : take_record(&d, untrusted + at, out, &found);
    }
    if (rc < 0)
        return rc;
    return found ? 0 : -XEN_ENODATA;
}
