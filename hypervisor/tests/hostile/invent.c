/*
 * invent - domains that do all they can think of (inventor.c), one after the other, each from the next seed: `seed=`,
 * `lives=` and `ms=` of each on the command line. This half is the control domain: it makes them from its own image,
 * works with them as a backend would while they misbehave (maps their pages and grants, copies, binds their ports,
 * pauses them), and ends them at any moment. They may do what they like to themselves; everything of theirs must come
 * back.
 */
#include "invent.h"
#include <hv/string.h>
#include <public/atoll.h>
#include "guest.h"
#include "random.h"
#include <xen/domctl.h>
#include <xen/hvm/save.h>

#define INFO_CMDLINE 0x100u
#define MAPS         16u
#define CLOCK        0x40u /* vector */

static uint64_t state;
static uint8_t *pristine;   /* the image as it was before we changed anything */
static uint8_t *spot[MAPS]; /* pages of ours that others' are mapped over */
static grant_handle_t handle[MAPS];
static enum { NOTHING, FOREIGN, GRANT } there[MAPS];
static uint64_t ended_itself, grants_mapped, pages_mapped, ports_bound, exits;

static uint64_t below(uint64_t n)
{
    return random_below(&state, n);
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
    op = (struct xen_domctl){.u.max_mem.max_memkb = (IMAGE_PAGES + ARENA_PAGES + 8) * 4};
    check_eq(domctl(&op, XEN_DOMCTL_max_mem, id), 0);
    return id;
}

/* 0, or the error of this page. */
static long map_foreign(domid_t id, xen_ulong_t gfn, const uint8_t *over)
{
    xen_pfn_t here = PTR(over) >> PAGE_SHIFT;
    int error = 0;
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = id};

    set_xen_guest_handle(b.idxs, &gfn);
    set_xen_guest_handle(b.gpfns, &here);
    set_xen_guest_handle(b.errs, &error);
    long rc = memory_op(XENMEM_add_to_physmap_batch, &b);
    return rc ? rc : error;
}

static void unmap_foreign(const uint8_t *page)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = PTR(page) >> PAGE_SHIFT};

    check_eq(memory_op(XENMEM_remove_from_physmap, &r), 0);
}

static void give_page(domid_t id, xen_pfn_t gfn, const void *contents, size_t bytes)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = id};

    set_xen_guest_handle(r.extent_start, &gfn);
    check_eq(memory_op(XENMEM_populate_physmap, &r), 1);
    if (!contents)
        return;
    check_eq(map_foreign(id, gfn, spot[0]), 0);
    memcpy(spot[0], contents, bytes);
    unmap_foreign(spot[0]);
}

static void give_memory(domid_t id, uint64_t seed)
{
    static uint8_t info[PAGE_SIZE] __aligned(8);
    struct hvm_start_info *si = (struct hvm_start_info *)(void *)info;

    *si = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .cmdline_paddr = (INFO_GFN << PAGE_SHIFT) + INFO_CMDLINE};
    static const char words[] = "inventor seed=00000000";
    memcpy(info + INFO_CMDLINE, words, sizeof(words));
    for (unsigned int i = 0; i < 8; i++, seed /= 10)
        info[INFO_CMDLINE + sizeof(words) - 2 - i] = (uint8_t)('0' + seed % 10);
    give_page(id, INFO_GFN, info, sizeof(info));
    give_page(id, START_GFN, NULL, 0);
    for (unsigned int i = 0; i < IMAGE_PAGES; i++)
        give_page(id, IMAGE_GFN + i, pristine + i * PAGE_SIZE, PAGE_SIZE);
    for (unsigned int i = 0; i < ARENA_PAGES; i++)
        give_page(id, ARENA_GFN + i, NULL, 0);
}

struct __packed records {
    struct hvm_save_descriptor header_is;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_is;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_is;
};

/* As a PVH kernel is entered. */
static void describe(domid_t id)
{
    static struct records r;
    extern const uint8_t start32[];

    r.header_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, sizeof(r.header)};
    r.header = (struct hvm_save_header){.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    r.cpu_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, sizeof(r.cpu)};
    r.end_is = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0};
    r.cpu = (struct hvm_hw_cpu){
        .rip = PTR(start32), .rbx = INFO_GFN << PAGE_SHIFT, .rflags = 2, .cr0 = 0x11, .dr7 = 0x400, .tr_limit = 0x67};
    r.cpu.cs_limit = r.cpu.ds_limit = r.cpu.es_limit = r.cpu.fs_limit = r.cpu.gs_limit = r.cpu.ss_limit = 0xffffffff;
    r.cpu.cs_arbytes = 0xc9b;
    r.cpu.ds_arbytes = r.cpu.es_arbytes = r.cpu.fs_arbytes = r.cpu.gs_arbytes = r.cpu.ss_arbytes = 0xc93;
    r.cpu.tr_arbytes = 0x8b;
    struct xen_domctl op = {.u.hvmcontext.size = sizeof(r)};
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&r);
    check_eq(domctl(&op, XEN_DOMCTL_sethvmcontext, id), 0);
}

static void unmap_one(unsigned int i)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = PTR(spot[i]), .handle = handle[i]};

    if (there[i] == FOREIGN)
        unmap_foreign(spot[i]);
    if (there[i] == GRANT) {
        check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
        check_eq(u.status, GNTST_okay);
    }
    there[i] = NOTHING;
}

/* Maps what it offers, or what it has; it may be gone at any moment. */
static void map_one(domid_t id)
{
    unsigned int i = (unsigned int)below(MAPS);
    struct gnttab_map_grant_ref m = {.host_addr = PTR(spot[i]),
                                     .flags = GNTMAP_host_map | (below(2) ? GNTMAP_readonly : 0),
                                     .ref = (grant_ref_t)below(ARENA_REFS),
                                     .dom = id};

    unmap_one(i);
    if (below(3) == 0) {
        there[i] = map_foreign(id, ARENA_GFN + below(ARENA_PAGES), spot[i]) ? NOTHING : FOREIGN;
        pages_mapped += there[i] == FOREIGN;
        return;
    }
    check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    handle[i] = m.handle;
    there[i] = m.status ? NOTHING : GRANT;
    grants_mapped += !m.status;
}

static void copy_some(domid_t id)
{
    struct gnttab_copy c[4];

    for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
        c[i] = (struct gnttab_copy){.len = (uint16_t)below(PAGE_SIZE), .flags = GNTCOPY_source_gref};
        c[i].source.u.ref = (grant_ref_t)below(ARENA_REFS);
        c[i].source.domid = id;
        c[i].dest.u.gmfn = PTR(spot[below(MAPS)]) >> PAGE_SHIFT;
        c[i].dest.domid = DOMID_SELF;
    }
    grant_op(GNTTABOP_copy, c, ARRAY_SIZE(c));
}

static void bind_and_close(domid_t id)
{
    static evtchn_port_t port;
    struct evtchn_close c = {.port = port};
    struct evtchn_bind_interdomain b = {.remote_dom = id, .remote_port = (evtchn_port_t)(1 + below(40))};

    if (port)
        evtchn_op(EVTCHNOP_close, &c);
    port = evtchn_op(EVTCHNOP_bind_interdomain, &b) ? 0 : b.local_port;
    struct evtchn_send s = {.port = port};
    ports_bound += port && evtchn_op(EVTCHNOP_send, &s) == 0;
}

static void ask(domid_t id)
{
    static const uint32_t commands[] = {XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_max_vcpus,
                                        XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_shadow_op};
    struct xen_domctl op = {0};

    op.u.getvcpuinfo.vcpu = (uint32_t)below(3);
    domctl(&op, commands[below(ARRAY_SIZE(commands))], id);
}

static void pause_for_a_while(domid_t id)
{
    struct xen_domctl op = {0};

    check_eq(domctl(&op, XEN_DOMCTL_pausedomain, id), 0);
    map_one(id);
    check_eq(domctl(&op, XEN_DOMCTL_unpausedomain, id), 0);
}

static bool has_ended(domid_t id)
{
    struct xen_domctl op = {0};

    return domctl(&op, XEN_DOMCTL_getdomaininfo, id) || op.u.getdomaininfo.flags & XEN_DOMINF_shutdown;
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

static volatile bool rung;

static void on_clock(struct trap_frame *f)
{
    rung = true;
    lapic_eoi();
}

/* Asleep, so that the others have both CPUs: under an emulator that counts instructions, whoever spins takes it all. */
static void wait_a_little(void)
{
    rung = false;
    lapic_write(0x320, CLOCK);
    lapic_write(0x380, 1000 + (uint32_t)below(200000));
    while (!rung)
        wait_for_interrupt();
}

static void work_with(domid_t id)
{
    switch (below(12)) {
    case 0: copy_some(id); break;
    case 1:
    case 2: bind_and_close(id); break;
    case 3: ask(id); break;
    case 4: pause_for_a_while(id); break;
    default: map_one(id);
    }
}

static void accompany(domid_t id)
{
    uint64_t end_at = system_time(vcpu_info(0)) + cmdline_number("ms=", 40) * 1000000;

    while (system_time(vcpu_info(0)) < end_at && !has_ended(id)) {
        wait_a_little();
        for (unsigned int i = 0; i < 10; i++)
            work_with(id);
    }
}

static struct atoll_selfcheck look(void)
{
    struct atoll_selfcheck s = {.others = 99};

    check_eq(hypercall2(__HYPERVISOR_arch_7, ATOLL_OP_selfcheck, PTR(&s)), 0);
    check_eq(s.others, 0);
    return s;
}

/* A CPU that ran it last holds it until it runs something else. */
static void wait_until_gone(domid_t id)
{
    uint64_t end_at = system_time(vcpu_info(0)) + 1000000000;
    struct xen_domctl op;

    do {
        check(system_time(vcpu_info(0)) < end_at, "d%u is still there after a second", id);
        wait_a_little();
        op = (struct xen_domctl){0};
    } while (domctl(&op, XEN_DOMCTL_getdomaininfo, id) != -XEN_ESRCH);
}

/* One domain from its making to the last page of it; some are gone before their pages are let go of. */
static void live(uint64_t seed)
{
    uint64_t frames = look().frames;
    domid_t id = make();

    give_memory(id, seed);
    describe(id);
    struct xen_domctl op = {0};
    check_eq(domctl(&op, XEN_DOMCTL_unpausedomain, id), 0);
    accompany(id);
    ended_itself += has_ended(id);
    struct atoll_info info = {.domid = id};
    check_eq(hypercall2(__HYPERVISOR_arch_7, ATOLL_OP_info, PTR(&info)), 0);
    exits += info.exits;
    bool first = below(2);
    if (first)
        end(id);
    for (unsigned int i = 0; i < MAPS; i++)
        unmap_one(i);
    if (!first)
        end(id);
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    check_eq(evtchn_op(EVTCHNOP_reset, &reset), 0);
    wait_until_gone(id);
    check_eq(look().frames, frames);
}

void test_main(void)
{
    uint64_t seed = cmdline_number("seed=", 1), lives = cmdline_number("lives=", 1);

    if (cmdline_has("inventor"))
        inventor_main(seed);
    pristine = page_alloc(IMAGE_PAGES);
    memcpy(pristine, (const void *)(uintptr_t)(IMAGE_GFN << PAGE_SHIFT), IMAGE_PAGES * PAGE_SIZE);
    for (unsigned int i = 0; i < MAPS; i++)
        spot[i] = page_alloc(1);
    on_trap(CLOCK, on_clock);
    lapic_enable();
    lapic_write(0x3e0, 0xb);
    print("invent: seeds %lu to %lu\n", seed, seed + lives - 1);
    for (uint64_t i = 0; i < lives; i++) {
        state = random_start(~(seed + i));
        live(seed + i);
    }
    check(xen_version(XENVER_version, 0) >= 4 << 16, "XENVER_version answers %#lx", xen_version(XENVER_version, 0));
    print("invent: %lu of %lu domains ended themselves, %lu exits; %lu grants and %lu pages mapped, %lu ports bound\n",
          ended_itself, lives, exits, grants_mapped, pages_mapped, ports_bound);
    check(grants_mapped && pages_mapped && ports_bound, "%lu grants, %lu pages, %lu ports: too little went on",
          grants_mapped, pages_mapped, ports_bound);
}
