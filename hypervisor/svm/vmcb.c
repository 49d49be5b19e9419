/* vmcb.c - making a vCPU's VMCB, resetting it, and moving registers between it and the cache */
#include "vmcb.h"
#include "caps.h"
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/heap.h>
#include <hv/p2m_impl.h>
#include <hv/private.h>
#include <hv/string.h>
#include <hv/vendor.h>
#include <hv/x86.h>

#define IOPM_BYTES  (3 * PAGE_SIZE)
#define MSRPM_BYTES (2 * PAGE_SIZE)

static void permit_msr(uint8_t *map, uint32_t msr)
{
    uint32_t bit = msr < 0x2000                            ? msr * 2
                   : msr >= 0xc0000000 && msr < 0xc0002000 ? 0x4000 + (msr - 0xc0000000) * 2
                                                           : 0x8000 + (msr - 0xc0010000) * 2;
    map[bit / 8] &= (uint8_t)~(3u << (bit % 8));
}

/* MSRs that the VMCB holds (or that the guest may have to itself): direct. All others exit. */
static void msrpm_fill(uint8_t *map)
{
    static const uint32_t direct[] = {0x174,      0x175,      0x176,      0xc0000081, 0xc0000082,
                                      0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102};
    memset(map, 0xff, MSRPM_BYTES);
    for (size_t i = 0; i < ARRAY_SIZE(direct); i++)
        permit_msr(map, direct[i]);
}

int svm_domain_create(struct domain *d)
{
    d->iopm = heap_alloc(IOPM_BYTES);
    d->msrpm = heap_alloc(MSRPM_BYTES);
    if (!d->iopm || !d->msrpm)
        return -XEN_ENOMEM; /* domain_create() calls svm_domain_destroy() */
    memset(d->iopm, 0xff, IOPM_BYTES);
    port_policy_fill(d, d->iopm);
    msrpm_fill(d->msrpm);
    return 0;
}

void svm_domain_destroy(struct domain *d)
{
    heap_free(d->iopm, IOPM_BYTES);
    heap_free(d->msrpm, MSRPM_BYTES);
    d->iopm = d->msrpm = NULL;
}

int svm_vcpu_create(struct vcpu *v)
{
    struct vendor_vcpu *s = heap_alloc(sizeof(*s));

    if (!s)
        return -XEN_ENOMEM;
    v->vendor = s;
    s->fpu.state = v->private->fpu;
    s->vmcb_pa = private_control_block(v).v;
    svm_vcpu_reset(v);
    return 0;
}

void svm_vcpu_destroy(struct vcpu *v)
{
    heap_free(v->vendor, sizeof(*v->vendor));
    v->vendor = NULL;
}

static void reset_control(struct vcpu *v, struct vmcb *b)
{
    b->intercepts1 = I1_INTR | I1_NMI | I1_INIT | I1_RDPMC | I1_CPUID | I1_INVD | I1_HLT | I1_INVLPGA | I1_IOIO |
                     I1_MSR | I1_TASK | I1_FERR | I1_SHUTDOWN;
    b->intercepts2 = I2_VMRUN | I2_VMMCALL | I2_VMLOAD | I2_VMSAVE | I2_STGI | I2_CLGI | I2_SKINIT | I2_MONITOR |
                     I2_MWAIT | I2_XSETBV;
    /* #MC is the machine's. #DB and #AC: their delivery can raise them again for ever, in which no interrupt of ours is
     * taken. */
    b->exceptions = 1u << 18 | 1u << 1 | 1u << 17;
    b->iopm_base = heap_page_mfn(v->domain->iopm).v << PAGE_SHIFT;
    b->msrpm_base = heap_page_mfn(v->domain->msrpm).v << PAGE_SHIFT;
    b->nested_control = 1;
    b->nested_cr3 = heap_page_mfn(v->domain->p2m->root).v << PAGE_SHIFT;
    b->vintr = VINTR_MASKING;
    b->tsc_offset = v->tsc_offset;
    /* CR4 is the guest's own where the CPU refuses by itself what CPUID does not show. */
    b->cr_write = cpuid_hidden_cr4() ? CR_WRITE_CR4 : 0;
    /* Emptying all caches takes long, cannot be interrupted and slows others down. Without a device it changes nothing
     * that a guest can see. */
    if (!v->domain->is_control)
        b->intercepts2 |= I2_WBINVD;
    svm_bus_lock_reset(v);
    if (svm_caps.pause_filter) {
        b->intercepts1 |= I1_PAUSE;
        b->pause_count = 3000;
    }
}

/* Registers as after INIT (SDM vol. 3 table 9-1): real mode at the reset vector; FPU, PAT and so on are kept by INIT
 * but this also serves power-on. */
void svm_vcpu_reset(struct vcpu *v)
{
    struct vendor_vcpu *s = v->vendor;
    struct vcpu_regs *r = &v->private->regs;
    struct vmcb *b = vmcb_of(v);

    memset(b, 0, sizeof(*b));
    reset_control(v, b);
    memset(r, 0, sizeof(*r));
    for (int i = 0; i < NR_SEGS; i++)
        r->seg[i] = (struct segment){.attr = 0x93, .limit = 0xffff};
    r->seg[SEG_CS] = (struct segment){.selector = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000};
    r->seg[SEG_LDTR].attr = 0x82;
    r->seg[SEG_TR].attr = 0x8b;
    r->rip = 0xfff0;
    r->rflags = 2;
    r->cr0 = CR0_ET | CR0_CD | CR0_NW;
    r->available = r->dirty = REGS_CONTROL | REGS_SEGMENTS;
    b->gdtr.limit = b->idtr.limit = 0xffff;
    b->dr6 = 0xffff0ff0;
    b->dr7 = 0x400;
    b->pat = v->private->msrs.pat;
    s->asid_generation = 0;
    s->nmi_pending = s->nmi_blocked = false;
    s->offered = -1;
    s->settled = false;
    memset(v->private->dr, 0, sizeof(v->private->dr));
    fpu_area_init(&s->fpu);
    if (this_cpu()->loaded == v)
        this_cpu()->loaded = NULL;
}

static struct vmcb_segment *segment_of(struct vmcb *b, unsigned int i)
{
    switch ((enum seg_name)i) {
    case SEG_ES: return &b->es;
    case SEG_CS: return &b->cs;
    case SEG_SS: return &b->ss;
    case SEG_DS: return &b->ds;
    case SEG_FS: return &b->fs;
    case SEG_GS: return &b->gs;
    case SEG_LDTR: return &b->ldtr;
    default: return &b->tr;
    }
}

/* FS, GS, LDTR and TR are hidden state: on the CPU while the vCPU is loaded there. */
static void sync_hidden(struct vcpu *v)
{
    if (this_cpu()->loaded == v)
        __asm__ volatile("vmsave %0" : : "a"(v->vendor->vmcb_pa) : "memory");
}

void svm_fetch(struct vcpu *v, unsigned int group)
{
    struct vmcb *b = vmcb_of(v);
    struct vcpu_regs *r = &v->private->regs;

    if (group & REGS_CONTROL) {
        r->cr0 = b->cr0;
        r->cr2 = b->cr2;
        r->cr3 = b->cr3;
        r->cr4 = b->cr4;
        r->efer = b->efer & ~EFER_SVME;
    }
    if (group & REGS_MODE) {
        r->cpl = b->cpl;
        r->code64 = b->efer & EFER_LMA && b->cs.attr & BIT(9);
    }
    if (group & REGS_SEGMENTS) {
        sync_hidden(v);
        for (unsigned int i = 0; i < NR_SEGS; i++) {
            struct vmcb_segment *s = segment_of(b, i);
            r->seg[i] = (struct segment){s->selector, s->attr, s->limit, s->base};
        }
    }
    r->available |= group;
}

void vcpu_set_pat(struct vcpu *v, uint64_t pat)
{
    v->private->msrs.pat = pat;
    vmcb_of(v)->pat = pat;
    vmcb_changed(vmcb_of(v), VMCB_NESTED);
}

void svm_write_back(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);
    struct vcpu_regs *r = &v->private->regs;

    if (r->dirty & REGS_CONTROL) {
        b->cr0 = r->cr0;
        b->cr2 = r->cr2;
        b->cr3 = r->cr3;
        b->cr4 = r->cr4;
        b->efer = r->efer | EFER_SVME;
        vmcb_changed(b, VMCB_CR | VMCB_CR2);
    }
    if (r->dirty & REGS_SEGMENTS) {
        sync_hidden(v);
        for (unsigned int i = 0; i < NR_SEGS; i++)
            *segment_of(b, i) =
                (struct vmcb_segment){r->seg[i].selector, r->seg[i].attr, r->seg[i].limit, r->seg[i].base};
        b->cpl = r->seg[SEG_SS].attr >> 5 & 3;
        vmcb_changed(b, VMCB_SEGMENTS);
        if (this_cpu()->loaded == v)
            __asm__ volatile("vmload %0" : : "a"(v->vendor->vmcb_pa) : "memory");
    }
    r->dirty = 0;
}
