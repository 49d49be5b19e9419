/* cpuid - what a guest is told about its CPU: Xen's leaves, and no feature that the hypervisor cannot give */
#include "guest.h"

#define LEAF1_C_MONITOR    BIT(3)
#define LEAF1_C_VMX        BIT(5)
#define LEAF1_C_X2APIC     BIT(21)
#define LEAF1_C_HYPERVISOR BIT(31)
#define EXT1_C_SVM         BIT(2)
#define LEAF7_C_LA57       BIT(16)
#define XEN4_VCPU_ID       BIT(3)
#define XEN4_UPCALL_VECTOR BIT(6)

static void xen_leaves(void)
{
    uint32_t base = xen_cpuid_base();
    check(base, "no Xen signature in 0x40000000-0x4000ff00");
    check(cpuid(base, 0).a >= base + 4, "only %#x leaves", cpuid(base, 0).a - base);
    check_eq(cpuid(base + 1, 0).a, xen_version(XENVER_version, NULL));
    struct cpuid pages = cpuid(base + 2, 0);
    check_eq(pages.a, 1);
    check(pages.b >> 8 == 0x400000, "hypercall page MSR %#x", pages.b);
    struct cpuid hvm = cpuid(base + 4, 0);
    check(hvm.a & XEN4_VCPU_ID, "leaf 4 has no vCPU id");
    check_eq(hvm.b, 0);
    check(hvm.a & XEN4_UPCALL_VECTOR, "no per-vCPU upcall vector announced");
    for (uint32_t other = 0x40000000; other < 0x40001000; other += 0x100) {
        struct cpuid r = cpuid(other, 0);
        check(r.b != 0x4b4d564b, "KVM's leaves at %#x", other); /* "KVMK" */
    }
}

static void hidden_features(void)
{
    struct cpuid one = cpuid(1, 0);
    check(one.c & LEAF1_C_HYPERVISOR, "the hypervisor bit is clear");
    check(!(one.c & LEAF1_C_MONITOR), "MONITOR/MWAIT is announced");
    check(!(one.c & LEAF1_C_VMX), "VMX is announced");
    check(!(cpuid(0x80000001, 0).c & EXT1_C_SVM), "SVM is announced");
    if (cpuid(0, 0).a >= 7)
        check(!(cpuid(7, 0).c & LEAF7_C_LA57), "five-level paging is announced");
    if (cpuid(0, 0).a >= 0xa)
        check_eq(cpuid(0xa, 0).a & 0xff, 0); /* no performance counters */
    if (lapic_is_x2apic())
        check(one.c & LEAF1_C_X2APIC, "the LAPIC is in x2APIC mode, but CPUID has none");
}

static void apic_ids_agree(void)
{
    uint32_t id = lapic_is_x2apic() ? lapic_read(0x20) : lapic_read(0x20) >> 24;
    check_eq(id, 0);
    check_eq(cpuid(1, 0).b >> 24, id);
    if (cpuid(0, 0).a >= 0xb)
        check_eq(cpuid(0xb, 0).d, id);
}

/* Any leaf may be asked for; the answers are the same the second time (but for the APIC id leaf's counters there are
 * none). */
static void all_leaves_answer(void)
{
    static const uint32_t starts[] = {0, 0x40000000, 0x40000100, 0x80000000, 0xc0000000, 0xfffffff0};
    for (unsigned int s = 0; s < ARRAY_SIZE(starts); s++)
        for (uint32_t n = 0; n < 0x40 && starts[s] + n >= starts[s]; n++)
            for (uint32_t sub = 0; sub < 4; sub++) {
                if (starts[s] + n == 0x40000003)
                    continue; /* has the time in it */
                struct cpuid a = cpuid(starts[s] + n, sub), b = cpuid(starts[s] + n, sub);
                check(a.a == b.a && a.b == b.b && a.c == b.c && a.d == b.d, "leaf %#x.%u changes", starts[s] + n, sub);
            }
}

void test_main(void)
{
    xen_leaves();
    hidden_features();
    apic_ids_agree();
    all_leaves_answer();
}
