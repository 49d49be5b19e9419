/*
 * private - what this CPU's page tables show of the private state of domains: ours, and nothing of a second domain,
 * which is made, runs and ends. The hypervisor looks by itself too, at each change (option `selfcheck`).
 */
#include <hv/string.h>
#include <public/atoll.h>
#include "guest.h"
#include <xen/hvm/save.h>

#define OTHER_VCPUS 2u
#define CODE_GFN    1u
#define DATA_GFN    2u

#define SYSENTER_EIP 0x176u
#define OUR_VECTOR   0x0123456789abcdeful
#define OUR_ADDRESS  0xffff800012345678ul

/*
 * The second domain: counts, leaves guest mode each time, and says when a register does not hold what it put there: a
 * general one, a vector, a debug register, an MSR. We keep other values in the same ones.
 */
extern const uint8_t other_start[], other_end[];
__asm__(".section .rodata\n"
        ".code32\n"
        "other_start:\n"
        "    movl $0x600, %eax\n" /* OSFXSR, OSXMMEXCPT */
        "    movl %eax, %cr4\n"
        "    movl $0xfeedface, %edi\n"
        "    movl $0x600df00d, %ebp\n"
        "    movd %edi, %xmm3\n"
        "    movl %ebp, %dr0\n"
        "    movl $0x176, %ecx\n"
        "    movl %ebp, %eax\n"
        "    xorl %edx, %edx\n"
        "    wrmsr\n"
        "1:  incl 0x2000\n"
        "    xorl %eax, %eax\n"
        "    cpuid\n"
        "    cmpl $0xfeedface, %edi\n"
        "    jne 2f\n"
        "    cmpl $0x600df00d, %ebp\n"
        "    jne 2f\n"
        "    movd %xmm3, %eax\n"
        "    cmpl %edi, %eax\n"
        "    jne 2f\n"
        "    movl %dr0, %eax\n"
        "    cmpl %ebp, %eax\n"
        "    jne 2f\n"
        "    movl $0x176, %ecx\n"
        "    rdmsr\n"
        "    cmpl %ebp, %eax\n"
        "    je 1b\n"
        "2:  movl $1, 0x2004\n"
        "    jmp 2b\n"
        "other_end:\n"
        ".code64\n"
        ".text\n");

static struct atoll_selfcheck look(void)
{
    struct atoll_selfcheck s = {.others = 99};

    check_eq(hypercall2(__HYPERVISOR_arch_7, ATOLL_OP_selfcheck, PTR(&s)), 0);
    check_eq(s.others, 0);
    return s;
}

static void keep_ours(void)
{
    __asm__ volatile("movq %0, %%xmm3; movq %1, %%dr0" : : "r"(OUR_VECTOR), "r"(OUR_ADDRESS));
    check_eq(try_wrmsr(SYSENTER_EIP, OUR_ADDRESS), 0);
}

static void ours_is_kept(void)
{
    uint64_t vector, address, eip;

    __asm__ volatile("movq %%xmm3, %0; movq %%dr0, %1" : "=r"(vector), "=r"(address));
    check_eq(vector, OUR_VECTOR);
    check_eq(address, OUR_ADDRESS);
    check_eq(try_rdmsr(SYSENTER_EIP, &eip), 0);
    check_eq(eip, OUR_ADDRESS);
}

static long domctl(struct xen_domctl *op, uint32_t cmd, domid_t id)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
    return hypercall1(__HYPERVISOR_domctl, PTR(op));
}

static domid_t make(void)
{
    struct xen_domctl op = {.u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                               .max_vcpus = OTHER_VCPUS,
                                               .max_evtchn_port = 63,
                                               .max_grant_frames = 4,
                                               .max_maptrack_frames = 4,
                                               .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                               .arch.emulation_flags = XEN_X86_EMU_LAPIC}};

    check_eq(domctl(&op, XEN_DOMCTL_createdomain, 0), 0);
    domid_t id = op.domain;
    op = (struct xen_domctl){.u.max_mem.max_memkb = 64};
    check_eq(domctl(&op, XEN_DOMCTL_max_mem, id), 0);
    return id;
}

static uint8_t *map_foreign(domid_t id, xen_ulong_t gfn)
{
    uint8_t *page = page_alloc(1);
    xen_pfn_t here = PTR(page) >> PAGE_SHIFT;
    int error = 0;
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = id};

    set_xen_guest_handle(b.idxs, &gfn);
    set_xen_guest_handle(b.gpfns, &here);
    set_xen_guest_handle(b.errs, &error);
    check_eq(memory_op(XENMEM_add_to_physmap_batch, &b), 0);
    check_eq(error, 0);
    return page;
}

static void unmap(uint8_t *page)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = PTR(page) >> PAGE_SHIFT};

    check_eq(memory_op(XENMEM_remove_from_physmap, &r), 0);
}

static void populate(domid_t id)
{
    xen_pfn_t gfns[] = {CODE_GFN, DATA_GFN};
    struct xen_memory_reservation r = {.nr_extents = ARRAY_SIZE(gfns), .domid = id};

    set_xen_guest_handle(r.extent_start, gfns);
    check_eq(memory_op(XENMEM_populate_physmap, &r), ARRAY_SIZE(gfns));
    uint8_t *code = map_foreign(id, CODE_GFN);
    memcpy(code, other_start, (size_t)(other_end - other_start));
    unmap(code);
}

struct __packed records {
    struct hvm_save_descriptor header_is;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_is;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_is;
};

static void describe(domid_t id)
{
    static struct records r;

    r.header_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, sizeof(r.header)};
    r.header = (struct hvm_save_header){.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    r.cpu_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, sizeof(r.cpu)};
    r.end_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0};
    r.cpu =
        (struct hvm_hw_cpu){.rip = CODE_GFN << PAGE_SHIFT, .rflags = 2, .cr0 = 0x11, .dr7 = 0x400, .tr_limit = 0x67};
    r.cpu.cs_limit = r.cpu.ds_limit = r.cpu.es_limit = r.cpu.fs_limit = r.cpu.gs_limit = r.cpu.ss_limit = 0xffffffff;
    r.cpu.cs_arbytes = 0xc9b;
    r.cpu.ds_arbytes = r.cpu.es_arbytes = r.cpu.fs_arbytes = r.cpu.gs_arbytes = r.cpu.ss_arbytes = 0xc93;
    r.cpu.tr_arbytes = 0x8b;
    struct xen_domctl op = {.u.hvmcontext.size = sizeof(r)};
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&r);
    check_eq(domctl(&op, XEN_DOMCTL_sethvmcontext, id), 0);
}

/* Until it has counted that far; we and it take turns on a machine with one CPU. */
static void wait_for(const volatile uint32_t *data, uint32_t count)
{
    while (data[0] < count) {
        check(!data[1], "the other domain lost a register");
        ours_is_kept();
        look();
        sched_op(SCHEDOP_yield, NULL);
    }
}

static void end(domid_t id)
{
    struct xen_domctl op = {0};
    long rc;

    do
        rc = domctl(&op, XEN_DOMCTL_destroydomain, id);
    while (rc == -XEN_ERESTART);
    check_eq(rc, 0);
}

/* A CPU that just stopped to run it may hold on to it for a moment. */
static void wait_until_gone(uint64_t frames)
{
    for (unsigned int i = 0; look().frames != frames; i++) {
        check(i < 1000000, "%lu frames of private state are left, not %lu", look().frames, frames);
        sched_op(SCHEDOP_yield, NULL);
    }
}

void test_main(void)
{
    struct atoll_selfcheck alone = look(), with;

    keep_ours();
    check(alone.shown >= 2 && alone.shown == alone.frames, "%lu of %lu frames shown", alone.shown, alone.frames);
    for (unsigned int round = 0; round < 3; round++) {
        domid_t id = make();
        with = look();
        check_eq(with.shown, alone.shown);
        check_eq(with.frames, alone.frames + OTHER_VCPUS * alone.frames / cpu_count());
        populate(id);
        describe(id);
        uint8_t *data = map_foreign(id, DATA_GFN);
        struct xen_domctl op = {0};
        check_eq(domctl(&op, XEN_DOMCTL_unpausedomain, id), 0);
        wait_for((const uint32_t *)(const void *)data, 3000);
        with = look();
        check_eq(with.shown, alone.shown);
        check(with.switches > alone.switches, "no switch was looked at");
        op = (struct xen_domctl){0};
        check_eq(domctl(&op, XEN_DOMCTL_pausedomain, id), 0);
        look();
        unmap(data);
        end(id);
        wait_until_gone(alone.frames);
    }
    print("private: %lu switches looked at, %lu pages of ours shown\n", with.switches, alone.shown);
}
