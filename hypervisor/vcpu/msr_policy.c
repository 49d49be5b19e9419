/*
 * msr_policy.c - model-specific registers of guests: a table, and #GP for what is not in it.
 * Registers that the vendor's run loop lets through (SYSENTER, STAR and so on) or handles itself (EFER) do not come
 * here.
 */
#include "host.h"
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

enum {
    TSC = 0x10,
    PLATFORM_ID = 0x17,
    APIC_BASE = 0x1b,
    FEATURE_CONTROL = 0x3a,
    PRED_CMD = 0x49,
    UCODE_WRITE = 0x79,
    UCODE_REVISION = 0x8b,
    PLATFORM_INFO = 0xce,
    MTRR_CAP = 0xfe,
    MISC_FEATURES = 0x140,
    MCG_CAP = 0x179,
    MCG_STATUS = 0x17a,
    MISC_ENABLE = 0x1a0,
    DEBUGCTL = 0x1d9,
    MTRR_VARIABLE = 0x200,
    MTRR_VARIABLE_LAST = MTRR_VARIABLE + 2 * GUEST_MTRR_VARIABLE - 1,
    PAT = 0x277,
    MTRR_DEFAULT = 0x2ff,
    XEN_HYPERCALL_PAGE = 0x40000000,
};
#define TSC_AUX 0xc0000103u

#define MTRR_CAP_VALUE      (GUEST_MTRR_VARIABLE | 1u << 8 | 1u << 10) /* fixed ranges, write combining */
#define MTRR_DEFAULT_WB     0xc06ul                                    /* enabled, fixed ranges too, write back */
#define MISC_ENABLE_DEFAULT (1ul << 0 | 1ul << 11 | 1ul << 12)         /* fast strings; no branch trace, no PEBS */
#define PAT_DEFAULT         0x0007040600070406ul

static const uint16_t fixed_msrs[GUEST_MTRR_FIXED] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                                      0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

/* Registers that read as a constant and ignore writes. */
/* clang-format off */
static const struct constant {
    uint32_t msr;
    enum { ANY_CPU, ONLY_INTEL, ONLY_AMD } where;
    uint64_t value;
} constants[] = {
    {PLATFORM_ID, ANY_CPU, 0},
    {FEATURE_CONTROL, ONLY_INTEL, 1},   /* locked, nothing enabled */
    {UCODE_WRITE, ANY_CPU, 0},
    {UCODE_REVISION, ANY_CPU, 0},       /* Linux judges no revision when it sees a hypervisor */
    {PLATFORM_INFO, ONLY_INTEL, 0},
    {MISC_FEATURES, ONLY_INTEL, 0},
    {MCG_CAP, ANY_CPU, 0},              /* no banks */
    {DEBUGCTL, ANY_CPU, 0},
    {0xc0010010, ONLY_AMD, 0},          /* SYSCFG */
    {0xc0010015, ONLY_AMD, 1ul << 24},  /* HWCR: the TSC counts at the nominal frequency */
    {0xc001001a, ONLY_AMD, 0},          /* TOP_MEM and TOP_MEM2 */
    {0xc001001d, ONLY_AMD, 0},
    {0xc001001f, ONLY_AMD, 0},          /* NB_CFG */
    {0xc0010055, ONLY_AMD, 0},          /* interrupt pending and C1E */
    {0xc0010058, ONLY_AMD, 0},          /* MMIO configuration base */
    {0xc0010112, ONLY_AMD, 0},          /* SMM memory */
    {0xc0010113, ONLY_AMD, 0},
    {0xc0010114, ONLY_AMD, 1ul << 4},   /* VM_CR: SVM is locked off */
    {0xc0010140, ONLY_AMD, 0},          /* OS-visible workarounds: none listed */
    {0xc0010141, ONLY_AMD, 0},
    {0xc0011004, ONLY_AMD, 0},          /* overrides of CPUID bits */
    {0xc0011005, ONLY_AMD, 0},
    {0xc0011021, ONLY_AMD, 0},          /* IC_CFG, DC_CFG, BU_CFG: switches for errata, ours to throw. LS_CFG is absent: Linux would */
                                        /* believe that it turns off speculative stores there */
    {0xc0011022, ONLY_AMD, 0},
    {0xc0011023, ONLY_AMD, 0},
    {0xc0011029, ONLY_AMD, 1ul << 1},   /* DE_CFG: LFENCE serialises */
    {0xc001102a, ONLY_AMD, 0},
    {0xc001102c, ONLY_AMD, 0},
    {0xc001102d, ONLY_AMD, 0},
    {0xc00110e3, ONLY_AMD, 0},
};
/* clang-format on */

static const struct constant *find_constant(uint32_t msr)
{
    for (size_t i = 0; i < ARRAY_SIZE(constants); i++)
        if (constants[i].msr == msr && constants[i].where != (host.is_amd ? ONLY_INTEL : ONLY_AMD))
            return &constants[i];
    return NULL;
}

/* ---- memory types ---- */

static uint64_t *mtrr_slot(struct vcpu *v, uint32_t msr)
{
    if (msr >= MTRR_VARIABLE && msr <= MTRR_VARIABLE_LAST)
        return &v->private->msrs.mtrr_variable[index_nospec(msr - MTRR_VARIABLE, 2 * GUEST_MTRR_VARIABLE)];
    for (size_t i = 0; i < GUEST_MTRR_FIXED; i++)
        if (fixed_msrs[i] == msr)
            return &v->private->msrs.mtrr_fixed[i];
    return msr == MTRR_DEFAULT ? &v->private->msrs.mtrr_default : NULL;
}

static bool memory_type_ok(uint64_t type)
{
    return type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
}

static uint64_t address_bits(void)
{
    return (1ul << host.phys_bits) - 1;
}

/* Values the processor would refuse raise #GP (SDM vol. 3, 12.11.2). They have no effect under nested paging but are
 * kept. */
static bool mtrr_value_ok(uint32_t msr, uint64_t value)
{
    if (msr == MTRR_DEFAULT)
        return !(value & ~0xcfful) && memory_type_ok(value & 0xff);
    if (msr <= MTRR_VARIABLE_LAST && msr % 2 == 0)
        return !(value & (~address_bits() | 0xf00)) && memory_type_ok(value & 0xff);
    if (msr <= MTRR_VARIABLE_LAST)
        return !(value & (~address_bits() | 0x7ff));
    for (unsigned int i = 0; i < 8; i++)
        if (!memory_type_ok(value >> (8 * i) & 0xff))
            return false;
    return true;
}

static bool pat_value_ok(uint64_t value)
{
    for (unsigned int i = 0; i < 8; i++) {
        uint64_t type = value >> (8 * i) & 0xff;
        if (!memory_type_ok(type) && type != 7)
            return false;
    }
    return true;
}

/* dom0 sees the firmware's settings: it derives from them how device memory was meant to be cached. */
static void copy_host_mtrrs(struct guest_msrs *m)
{
    uint32_t leaf[4];
    uint64_t cap, def;

    host_cpuid(1, 0, leaf);
    if (!(leaf[3] & 1u << 12))
        return;
    cap = host_msr_read(MTRR_CAP);
    def = host_msr_read(MTRR_DEFAULT);
    if (!(def & 1u << 11)) /* off: everything would be uncached; keep the write-back default */
        return;
    m->mtrr_default = def & 0xcff;
    for (uint32_t i = 0; i < 2 * MIN((uint32_t)(cap & 0xff), (uint32_t)GUEST_MTRR_VARIABLE); i++)
        m->mtrr_variable[i] = host_msr_read(MTRR_VARIABLE + i);
    for (size_t i = 0; (cap & 1u << 8) && i < GUEST_MTRR_FIXED; i++)
        m->mtrr_fixed[i] = host_msr_read(fixed_msrs[i]);
}

void guest_msrs_init(struct vcpu *v)
{
    struct guest_msrs *m = &v->private->msrs;
    uint32_t leaf[4];

    *m = (struct guest_msrs){
        .pat = PAT_DEFAULT, .xcr0 = 1, .misc_enable = MISC_ENABLE_DEFAULT, .mtrr_default = MTRR_DEFAULT_WB};
    for (size_t i = 0; i < GUEST_MTRR_FIXED; i++)
        m->mtrr_fixed[i] = 0x0606060606060606ul;
    if (v->domain->is_control)
        copy_host_mtrrs(m);
    cpuid_guest(v, 0x80000001, 0, leaf);
    v->rdtscp = leaf[3] & 1u << 27;
    v->private->msrs.tsc_aux = 0;
}

/* ---- odd ones ---- */

static bool shows_ibpb(struct vcpu *v)
{
    uint32_t leaf[4];

    cpuid_guest(v, 0x80000008, 0, leaf);
    return leaf[1] & 1u << 12;
}

/* The guest names a page of its own (bits 63:12) and gets our stubs written there; bits 11:0 choose a page of several:
 * only 0. */
static int fill_hypercall_page(struct vcpu *v, uint64_t value)
{
    uint8_t *page;
    int rc;

    if (value & PAGE_MASK)
        return -1;
    page = heap_page_alloc();
    if (!page)
        return -1;
    hypercall_page_fill(page, host.is_amd);
    rc = copy_to_gpa(v->domain, GPA(value), page, PAGE_SIZE);
    heap_page_free(page);
    return rc ? -1 : 0;
}

int msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct constant *c;
    const uint64_t *slot;

    if (msr >= 0x800 && msr < 0x900)
        return vlapic_msr_read(v, msr, value);
    switch (msr) {
    case TSC: *value = tsc_now() + v->tsc_offset; return 0;
    case APIC_BASE: *value = vlapic_base(v); return 0;
    case MTRR_CAP: *value = MTRR_CAP_VALUE; return 0;
    case MCG_STATUS: *value = v->private->msrs.mcg_status; return 0;
    case MISC_ENABLE: *value = v->private->msrs.misc_enable; return host.is_amd ? -1 : 0;
    case PAT: *value = v->private->msrs.pat; return 0;
    case TSC_AUX: *value = v->private->msrs.tsc_aux; return v->rdtscp ? 0 : -1;
    case XEN_HYPERCALL_PAGE: *value = 0; return 0;
    }
    slot = mtrr_slot(v, msr);
    c = find_constant(msr);
    if (!slot && !c)
        return -1;
    *value = slot ? *slot : c->value;
    return 0;
}

static int write_mtrr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!mtrr_value_ok(msr, value))
        return -1;
    *mtrr_slot(v, msr) = value;
    return 0;
}

static int write_pat(struct vcpu *v, uint64_t value)
{
    if (!pat_value_ok(value))
        return -1;
    v->private->msrs.pat = value;
    vcpu_set_pat(v, value);
    return 0;
}

static int write_tsc_aux(struct vcpu *v, uint64_t value)
{
    if (!v->rdtscp || value > UINT32_MAX)
        return -1;
    v->private->msrs.tsc_aux = value;
    host_msr_write(TSC_AUX, value); /* it is loaded now */
    return 0;
}

static int write_pred_cmd(struct vcpu *v, uint64_t value)
{
    if ((value & ~1ul) || !shows_ibpb(v))
        return -1;
    if (value)
        host_msr_write(PRED_CMD, 1);
    return 0;
}

int msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (msr >= 0x800 && msr < 0x900)
        return vlapic_msr_write(v, msr, value);
    switch (msr) {
    case TSC: return 0; /* the guest's TSC is the machine's: not for it to move */
    case APIC_BASE: return vlapic_set_base(v, value);
    case PRED_CMD: return write_pred_cmd(v, value);
    case MCG_STATUS: v->private->msrs.mcg_status = value & 7; return 0;
    case MISC_ENABLE:
        v->private->msrs.misc_enable = (value & ~MISC_ENABLE_DEFAULT) | MISC_ENABLE_DEFAULT;
        return host.is_amd ? -1 : 0;
    case PAT: return write_pat(v, value);
    case TSC_AUX: return write_tsc_aux(v, value);
    case XEN_HYPERCALL_PAGE: return fill_hypercall_page(v, value);
    }
    if (mtrr_slot(v, msr))
        return write_mtrr(v, msr, value);
    return find_constant(msr) ? 0 : -1;
}
