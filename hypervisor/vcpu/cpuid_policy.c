/*
 * cpuid_policy.c - CPUID as guests see it: the machine's leaves through a table of masks, all else 0.
 * A bit is shown only if the guest can really use what it stands for: state that is not switched, MSRs that are not
 * there and features of the hypervisor's own are absent. What belongs to the vCPU (ids, topology, OSXSAVE, sizes) is
 * computed.
 */
#include "host.h"
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

enum { EAX, EBX, ECX, EDX };

#define MAX_BASIC_LEAF    0x1fu
#define MAX_EXTENDED_LEAF 0x80000021u
#define XEN_BASE          0x40000000u
#define XEN_VERSION       0x00040014u /* 4.20: whose ABI this is */
#define ALL               0xffffffffu
#define ANY               0xffffffffu /* of a subleaf: every one, passed on to the machine */

#define LEAF1_ECX_OSXSAVE    (1u << 27)
#define LEAF1_ECX_X2APIC     (1u << 21)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF1_EDX_APIC       (1u << 9)
#define LEAF1_EDX_HTT        (1u << 28)
#define EXT1_ECX_CMP_LEGACY  (1u << 1)
#define EXT1_EDX_RDTSCP      (1u << 27)

/* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC . SEP MTRR PGE MCA CMOV PAT PSE36 . CLFSH . . . MMX FXSR SSE SSE2 SS HTT */
#define LEAF1_EDX_MASK 0x1f8bfbffu
/* What AMD repeats of it in leaf 0x80000001. */
#define EXT1_EDX_COMMON 0x0183f3ffu

/* clang-format off */
static const struct mask {
    uint32_t leaf, subleaf;
    uint32_t mask[4];
} masks[] = {
    /* ECX: SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
    {0x00000001, ANY, {ALL, 0x0000ff00, 0x76da3203, LEAF1_EDX_MASK}},
    {0x00000002, ANY, {ALL, ALL, ALL, ALL}},               /* caches, Intel's old way */
    {0x00000004, ANY, {0x000003ff, ALL, ALL, ALL}},        /* caches; who shares them is computed */
    /* EBX: FSGSBASE BMI1 AVX2 FDP SMEP BMI2 ERMS INVPCID FCSDS AVX512F AVX512DQ RDSEED ADX SMAP IFMA CLFLUSHOPT CLWB PF ER CD SHA BW VL
     * ECX: PREFETCHWT1 VBMI UMIP VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ RDPID CLDEMOTE MOVDIRI MOVDIR64B
     * EDX: 4VNNIW 4FMAPS FSRM VP2INTERSECT MD_CLEAR SERIALIZE AVX512_FP16 */
    {0x00000007, 0, {0, 0xfdbf27e9, 0x1a405f47, 0x0080451c}},
    {0x00000007, 1, {0x00001c30, 0, 0, 0}},                /* AVX-VNNI AVX512-BF16 FZRM FSRS FSRC */
    /* ECX: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM TOPOEXT; EDX: SYSCALL NX MMXEXT 1GiB RDTSCP LM 3DNOWEXT 3DNOW */
    {0x80000001, ANY, {ALL, 0xf0000000, 0x006109e1, 0xec500800}},
    {0x80000002, ANY, {ALL, ALL, ALL, ALL}},               /* the processor's name */
    {0x80000003, ANY, {ALL, ALL, ALL, ALL}},
    {0x80000004, ANY, {ALL, ALL, ALL, ALL}},
    {0x80000005, ANY, {ALL, ALL, ALL, ALL}},               /* caches and TLBs */
    {0x80000006, ANY, {ALL, ALL, ALL, ALL}},
    {0x80000007, ANY, {0, 0, 0, 1u << 8}},                 /* invariant TSC */
    {0x80000008, ANY, {0x0000ffff, 0x24001205, 0, 0}}, /* address sizes; CLZERO XSAVEERPTR WBNOINVD IBPB SSB_NO BTC_NO */
    {0x80000019, ANY, {ALL, ALL, 0, 0}},                   /* TLBs of 1 GiB pages */
    {0x8000001a, ANY, {0x7, 0, 0, 0}},
    {0x8000001d, ANY, {0x000003ff, ALL, ALL, ALL}},        /* caches, as leaf 4 */
    /* Facts: no nested data breakpoints, LFENCE serialises, null selectors clear the base, IBPB covers branch types, no SRSO. */
    {0x80000021, ANY, {1u << 0 | 1u << 2 | 1u << 6 | 1u << 28 | 1u << 29, 0, 0, 0}},
};
/* clang-format on */

/* Instructions whose registers the guest cannot enable do not exist. */
/* clang-format off */
static const struct {
    uint64_t state; /* of XCR0 */
    struct mask hidden;
} needs_state[] = {
    {1ul << 2, {0x00000001, ANY, {0, 0, 0x30001000, 0}}}, /* FMA AVX F16C */
    {1ul << 2, {0x00000007, 0, {0, 0x00000020, 0x00000600, 0}}}, /* AVX2, VAES VPCLMUL */
    {1ul << 2, {0x00000007, 1, {0x00000010, 0, 0, 0}}}, /* AVX-VNNI */
    {1ul << 2, {0x80000001, ANY, {0, 0, 0x00010800, 0}}}, /* XOP FMA4 */
    {7ul << 5, {0x00000007, 0, {0, 0xdc230000, 0x00005842, 0x0080010c}}}, /* all of AVX-512 */
    {7ul << 5, {0x00000007, 1, {0x00000020, 0, 0, 0}}},
};
/* clang-format on */

static void hide_without_state(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    for (size_t i = 0; i < ARRAY_SIZE(needs_state); i++) {
        const struct mask *m = &needs_state[i].hidden;
        if (m->leaf != leaf || (m->subleaf != ANY && m->subleaf != subleaf) ||
            !(needs_state[i].state & ~host.xcr0_mask))
            continue;
        for (unsigned int r = 0; r < 4; r++)
            out[r] &= ~m->mask[r];
    }
}

static uint32_t host_max(uint32_t base)
{
    uint32_t r[4];

    host_cpuid(base, 0, r);
    return (r[EAX] ^ base) < 0x10000 ? r[EAX] : base;
}

/* The table's part: the machine's values where a mask lets them through. */
static void masked(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        const struct mask *m = &masks[i];
        if (m->leaf > leaf) /* they are in order */
            return;
        if (m->leaf != leaf || (m->subleaf != ANY && m->subleaf != subleaf) || leaf > host_max(leaf & 0x80000000u))
            continue;
        host_cpuid(leaf, subleaf, out);
        for (unsigned int r = 0; r < 4; r++)
            out[r] &= m->mask[r];
        hide_without_state(leaf, subleaf, out);
        return;
    }
}

/* ---- topology: one package, one thread per core; ids are 2 * vCPU, so the thread level is one bit wide ---- */

#define THREAD_SHIFT 1u

static unsigned int package_shift(const struct vcpu *v)
{
    unsigned int shift = THREAD_SHIFT;

    while (1u << shift < 2 * v->domain->max_vcpus)
        shift++;
    return shift;
}

static void extended_topology(struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
    out[ECX] = subleaf & 0xff;
    out[EDX] = vcpu_apic_id(v->id);
    if (subleaf == 0) {
        out[EAX] = THREAD_SHIFT;
        out[EBX] = 1;
        out[ECX] |= 1 << 8;
    } else if (subleaf == 1) {
        out[EAX] = package_shift(v);
        out[EBX] = v->domain->max_vcpus;
        out[ECX] |= 2 << 8;
    }
}

/* Leaf 4 and 0x8000001d: levels 1 and 2 belong to a core, level 3 to the package. */
static void cache_sharing(struct vcpu *v, bool intel, uint32_t out[4])
{
    uint32_t ids = (out[EAX] >> 5 & 7) >= 3 ? 1u << package_shift(v) : 1u << THREAD_SHIFT;

    if (!(out[EAX] & 0x1f))
        return;
    out[EAX] |= (ids - 1) << 14;
    if (intel)
        out[EAX] |= ((1u << (package_shift(v) - THREAD_SHIFT)) - 1) << 26;
}

/* ---- XSAVE: leaf 0xd ---- */

uint64_t cpuid_allowed_cr4(void)
{
    /* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT; RDPMC is refused whatever PCE says */
    uint64_t cr4 = 0x7ff;
    uint32_t one[4] = {0}, seven[4] = {0};

    masked(1, 0, one);
    masked(7, 0, seven);
    cr4 |= seven[ECX] & 1u << 2 ? CR4_UMIP : 0;
    cr4 |= seven[EBX] & 1u << 0 ? BIT(16) : 0; /* FSGSBASE */
    cr4 |= one[ECX] & 1u << 17 ? CR4_PCIDE : 0;
    cr4 |= one[ECX] & 1u << 26 ? CR4_OSXSAVE : 0;
    cr4 |= seven[EBX] & 1u << 7 ? CR4_SMEP : 0;
    cr4 |= seven[EBX] & 1u << 20 ? CR4_SMAP : 0;
    return cr4;
}

uint64_t cpuid_hidden_cr4(void)
{
    static const struct {
        uint32_t leaf, subleaf, reg, feature;
        unsigned int bit;
    } known[] = {
        {1, 0, ECX, 1u << 5, 13},  {1, 0, ECX, 1u << 6, 14},  /* VMXE SMXE */
        {7, 0, ECX, 1u << 2, 11},  {7, 0, ECX, 1u << 16, 12}, /* UMIP LA57 */
        {7, 0, EBX, 1u << 0, 16},  {1, 0, ECX, 1u << 17, 17}, /* FSGSBASE PCIDE */
        {7, 0, EBX, 1u << 7, 20},  {7, 0, EBX, 1u << 20, 21}, /* SMEP SMAP */
        {7, 0, ECX, 1u << 3, 22},  {7, 0, ECX, 1u << 7, 23},  /* PKE, CET by shadow stacks */
        {7, 0, EDX, 1u << 20, 23}, {7, 0, ECX, 1u << 31, 24}, /* CET by branch tracking, PKS */
        {7, 0, EDX, 1u << 5, 25},  {7, 1, EAX, 1u << 6, 27},  /* UINTR LASS */
        {7, 1, EAX, 1u << 26, 28}, {7, 1, EAX, 1u << 17, 32}, /* LAM_SUP FRED */
    };
    uint64_t has = 0;
    uint32_t r[4];

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].leaf > host_max(0))
            continue;
        host_cpuid(known[i].leaf, known[i].subleaf, r);
        has |= r[known[i].reg] & known[i].feature ? BIT(known[i].bit) : 0;
    }
    return has & ~cpuid_allowed_cr4();
}

static void component(unsigned int n, uint32_t out[4])
{
    host_cpuid(0xd, n, out);
    out[ECX] &= 2; /* alignment in the compacted form; no supervisor states */
    out[EDX] = 0;
}

/* Bytes of a save area for these components, in the standard or the compacted form. */
static uint32_t save_area(uint64_t xcr0, bool compacted)
{
    uint32_t end = 576, r[4]; /* legacy region and header */

    for (unsigned int n = 2; n < 63; n++) {
        if (!(xcr0 >> n & 1))
            continue;
        component(n, r);
        if (!compacted)
            end = MAX(end, r[EBX] + r[EAX]);
        else
            end = (r[ECX] & 2 ? (uint32_t)ALIGN_UP(end, 64u) : end) + r[EAX];
    }
    return end;
}

static void xsave_leaf(struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
    uint64_t allowed = host.xcr0_mask; /* what XSETBV takes, too */

    if (!host.xsave)
        return;
    if (subleaf == 0) {
        out[EAX] = (uint32_t)allowed;
        out[EBX] = save_area(v->private->msrs.xcr0, false);
        out[ECX] = save_area(allowed, false);
        out[EDX] = (uint32_t)(allowed >> 32);
    } else if (subleaf == 1) {
        host_cpuid(0xd, 1, out);
        out[EAX] &= 7; /* XSAVEOPT XSAVEC XGETBV1 */
        out[EBX] = out[EAX] & 2 ? save_area(v->private->msrs.xcr0, true) : 0;
        out[ECX] = out[EDX] = 0;
    } else if (subleaf < 63 && (allowed >> subleaf & 1)) {
        component(subleaf, out);
    }
}

/* ---- what Xen's guests look for ---- */

static void xen_leaf(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t r[4];

    switch (leaf - XEN_BASE) {
    case 0:
        out[EAX] = XEN_BASE + 5;
        out[EBX] = 0x566e6558; /* "XenV" */
        out[ECX] = 0x65584d4d; /* "MMXe" */
        out[EDX] = 0x4d4d566e; /* "nVMM" */
        break;
    case 1: out[EAX] = XEN_VERSION; break;
    case 2:
        out[EAX] = 1; /* one hypercall page, asked for by this MSR: */
        out[EBX] = 0x40000000;
        break;
    case 3:
        if (subleaf == 0) {
            cpuid_guest(v, 0x80000001, 0, r);
            out[EAX] = (host.invariant_tsc ? 1u << 1 : 0) | (r[EDX] & EXT1_EDX_RDTSCP ? 1u << 2 : 0);
            out[EBX] = 2; /* TSC never emulated */
            out[ECX] = (uint32_t)tsc_khz();
            out[EDX] = 1; /* incarnation */
        } else if (subleaf == 2) {
            out[EAX] = (uint32_t)tsc_khz();
        }
        break;
    case 4:
        if (subleaf)
            break;
        out[EAX] = 1u << 3 | 1u << 4 | 1u << 6; /* vCPU id, domain id, per-vCPU upcall vector */
        out[EBX] = v->id;
        out[ECX] = v->domain->id;
        break;
    }
}

/* ---- the leaves with parts of their own ---- */

static void leaf_1(struct vcpu *v, uint32_t out[4])
{
    uint32_t ids = 1u << package_shift(v);
    bool many = v->domain->max_vcpus > 1;

    out[EBX] |= vcpu_apic_id(v->id) << 24 | (many ? ids << 16 : 1u << 16);
    out[ECX] |= LEAF1_ECX_X2APIC | LEAF1_ECX_HYPERVISOR;
    if (vcpu_regs(v, REGS_CONTROL)->cr4 & CR4_OSXSAVE)
        out[ECX] |= LEAF1_ECX_OSXSAVE;
    out[EDX] &= ~LEAF1_EDX_HTT;
    if (many)
        out[EDX] |= LEAF1_EDX_HTT;
    if (!(vlapic_base(v) & 1u << 11))
        out[EDX] &= ~LEAF1_EDX_APIC;
}

static void leaf_ext_1(struct vcpu *v, uint32_t out[4])
{
    uint32_t r[4];

    if (!host.is_amd)
        return;
    host_cpuid(0x80000001, 0, r);
    out[EDX] |= r[EDX] & EXT1_EDX_COMMON & LEAF1_EDX_MASK;
    if (!(vlapic_base(v) & 1u << 11))
        out[EDX] &= ~LEAF1_EDX_APIC;
    if (v->domain->max_vcpus > 1)
        out[ECX] |= EXT1_ECX_CMP_LEGACY;
}

static void leaf_ext_8(struct vcpu *v, uint32_t out[4])
{
    if ((out[EAX] >> 8 & 0xff) > 48) /* no five-level tables: the walker has four */
        out[EAX] = (out[EAX] & 0xffu) | 48u << 8;
    if (host.is_amd)
        out[ECX] = package_shift(v) << 12 | (v->domain->max_vcpus - 1);
}

static void leaf_ext_1e(struct vcpu *v, uint32_t out[4])
{
    uint32_t r[4];

    host_cpuid(0x80000001, 0, r);
    if (!host.is_amd || !(r[ECX] & 1u << 22) || host_max(0x80000000u) < 0x8000001e)
        return;
    out[EAX] = vcpu_apic_id(v->id);
    out[EBX] = v->id & 0xff; /* core id; one thread */
}

void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
    if (leaf - XEN_BASE < 0x10000) {
        xen_leaf(v, leaf, subleaf, out);
        return;
    }
    masked(leaf, subleaf, out);
    switch (leaf) {
    case 0x00000000:
        host_cpuid(0, 0, out);
        out[EAX] = MIN(MAX(out[EAX], 0xbu), MAX_BASIC_LEAF);
        break;
    case 0x00000001: leaf_1(v, out); break;
    case 0x00000004: cache_sharing(v, true, out); break;
    case 0x00000006: out[EAX] = 1u << 2; break; /* the LAPIC timer never stops */
    case 0x00000007:
        if (subleaf == 0)
            out[EAX] = 1;
        break;
    case 0x0000000b:
    case 0x0000001f: extended_topology(v, subleaf, out); break;
    case 0x0000000d: xsave_leaf(v, subleaf, out); break;
    case 0x80000000:
        host_cpuid(leaf, 0, out);
        out[EAX] = MIN(host_max(leaf), MAX_EXTENDED_LEAF);
        break;
    case 0x80000001: leaf_ext_1(v, out); break;
    case 0x80000008: leaf_ext_8(v, out); break;
    case 0x8000001d: cache_sharing(v, false, out); break;
    case 0x8000001e: leaf_ext_1e(v, out); break;
    }
}

void cpuid_emulate(struct vcpu *v)
{
    uint64_t *gpr = v->private->regs.gpr;
    uint32_t out[4];

    cpuid_guest(v, (uint32_t)gpr[RAX], (uint32_t)gpr[RCX], out);
    gpr[RAX] = out[EAX];
    gpr[RBX] = out[EBX];
    gpr[RCX] = out[ECX];
    gpr[RDX] = out[EDX];
}
