/* caps.c - AMD-V: is it there, is it enough, switch it on (APM vol. 2, 15.4) */
#include "caps.h"
#include "vmcb.h"
#include <hv/cpu.h>
#include <hv/frame.h>
#include <hv/heap.h>
#include <hv/log.h>
#include <hv/vendor.h>
#include <hv/x86.h>

struct svm_caps svm_caps;

const char *svm_check(void)
{
    if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & BIT(2)))
        return "this CPU has no AMD-V (SVM)";
    struct cpuid c = cpuid(0x8000000a, 0);
    if (!(c.edx & BIT(0)))
        return "this CPU's AMD-V has no nested paging";
    if ((rdmsr(MSR_VM_CR) & BIT(4)))
        return "AMD-V is disabled by the firmware; enable SVM in its setup";
    svm_caps = (struct svm_caps){
        .asids = c.ebx,
        .next_rip = c.edx & BIT(3),
        .clean_bits = c.edx & BIT(5),
        .flush_by_asid = c.edx & BIT(6),
        .decode_assists = c.edx & BIT(7),
        .pause_filter = c.edx & BIT(10),
        .bus_lock_threshold = c.edx & BIT(29),
    };
    if (svm_caps.asids < 2)
        return "this CPU's AMD-V has no ASIDs";
    return NULL;
}

bool svm_cpu_up(void)
{
    struct cpu *c = this_cpu();
    void *hsave = heap_page_alloc();

    if (!hsave)
        return false;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    c->hsave_mfn = heap_page_mfn(hsave).v;
    wrmsr(MSR_VM_HSAVE_PA, c->hsave_mfn << PAGE_SHIFT);
    c->asid_generation = 1;
    c->asid_next = 1;
    c->flush_all_asids = true;
    return true;
}

const struct hvm_vendor svm_vendor = {
    .name = "AMD-V",
    .check = svm_check,
    .cpu_up = svm_cpu_up,
    .vcpu_create = svm_vcpu_create,
    .vcpu_destroy = svm_vcpu_destroy,
    .vcpu_reset = svm_vcpu_reset,
    .run = svm_run,
    .save = svm_save,
    .fetch = svm_fetch,
    .inject_exception = svm_inject_exception,
    .clear_shadow = svm_clear_shadow,
    .domain_create = svm_domain_create,
    .domain_destroy = svm_domain_destroy,
};
