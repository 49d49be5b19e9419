/* test_control.c - domctl, sysctl and our own operations: the life of a domain as the toolstack leads it */
#include "world_test.h"
#include <hv/machine.h>
#include <hv/selfcheck.h>
#include <public/atoll.h>
#include "xen/grants.h"

static struct vcpu *v0;

static int control_domain(void **state)
{
    world_setup();
    v0 = world_domain(0, 2)->vcpus[0];
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, control_domain, teardown)

static struct xen_domctl op;

static long domctl(uint32_t cmd, domid_t id)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = id;
    return hc_arg(v0, __HYPERVISOR_domctl, 0, &op, sizeof(op));
}

static const struct xen_domctl_createdomain good_config = {
    .handle = {0xaa, 1, 2},
    .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
    .max_vcpus = 2,
    .max_evtchn_port = 1023,
    .max_grant_frames = -1,
    .max_maptrack_frames = 2,
    .grant_opts = XEN_DOMCTL_GRANT_version(1),
    .arch.emulation_flags = XEN_X86_EMU_LAPIC,
};

static domid_t create(void)
{
    op = (struct xen_domctl){.u.createdomain = good_config};
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), 0);
    return op.domain;
}

static void a_domain_is_made_filled_started_and_ended(void **state)
{
    domid_t id = create();
    struct domain *d = domain_get(id);

    assert_int_equal(id, 1);
    assert_int_equal(d->max_vcpus, 2);
    assert_int_equal(gnttab_frame_limit(d), 1024);
    assert_int_equal(d->pause_count, 1);
    assert_int_equal(d->handle[0], 0xaa);
    op.u.max_mem.max_memkb = 400;
    assert_int_equal(domctl(XEN_DOMCTL_max_mem, id), 0);
    assert_int_equal(d->max_pages, 100);
    op.u.max_vcpus.max = 2;
    assert_int_equal(domctl(XEN_DOMCTL_max_vcpus, id), 0);
    op.u.max_vcpus.max = 3;
    assert_int_equal(domctl(XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, id), 0);
    assert_int_equal(op.u.getdomaininfo.flags,
                     XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_paused | XEN_DOMINF_blocked);
    assert_int_equal(op.u.getdomaininfo.max_vcpu_id, 1);
    assert_int_equal(domctl(XEN_DOMCTL_unpausedomain, id), 0);
    assert_int_equal(domctl(XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_pausedomain, id), 0);
    assert_int_equal(d->pause_count, 1);
    domain_put(d);
    assert_int_equal(domctl(XEN_DOMCTL_destroydomain, id), 0);
    assert_null(domain_get(id));
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, id), -XEN_ESRCH);
    assert_int_equal(create(), id + 1); /* an id is not used again */
}

static void impossible_domains_are_refused(void **state)
{
#define REFUSED(error, change)                                                                                         \
    do {                                                                                                               \
        op = (struct xen_domctl){.u.createdomain = good_config};                                                       \
        struct xen_domctl_createdomain *c = &op.u.createdomain;                                                        \
        change;                                                                                                        \
        assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -(error));                                                \
    } while (0)
    REFUSED(XEN_EOPNOTSUPP, c->flags = 0);
    REFUSED(XEN_EOPNOTSUPP, c->flags |= XEN_DOMCTL_CDF_iommu);
    REFUSED(XEN_EOPNOTSUPP, c->flags |= XEN_DOMCTL_CDF_nested_virt);
    REFUSED(XEN_EOPNOTSUPP, c->flags |= 1u << 30);
    REFUSED(XEN_EOPNOTSUPP, c->altp2m_opts = 1);
    REFUSED(XEN_EOPNOTSUPP, c->arch.emulation_flags |= XEN_X86_EMU_PIT);
    REFUSED(XEN_EINVAL, c->max_vcpus = 0);
    REFUSED(XEN_EINVAL, c->max_vcpus = 33);
    REFUSED(XEN_EINVAL, c->grant_opts = 0);
    world.fail_heap_after = 3;
    REFUSED(XEN_ENOMEM, (void)c);
    world.fail_heap_after = SIZE_MAX;
    op = (struct xen_domctl){.u.createdomain = good_config};
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), 0);
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, op.domain), -XEN_EEXIST);
}

static void other_interface_versions_are_refused(void **state)
{
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_getdomaininfo, .interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1};
    assert_int_equal(hc_arg(v0, __HYPERVISOR_domctl, 0, &op, sizeof(op)), -XEN_EACCES);
    struct xen_sysctl s = {.cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1};
    assert_int_equal(hc_arg(v0, __HYPERVISOR_sysctl, 0, &s, sizeof(s)), -XEN_EACCES);
    struct xen_platform_op p = {.cmd = XENPF_settime64, .interface_version = 1};
    assert_int_equal(hc_arg(v0, __HYPERVISOR_platform_op, 0, &p, sizeof(p)), -XEN_EACCES);
}

static void the_control_domain_does_not_end_itself(void **state)
{
    assert_int_equal(domctl(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, DOMID_SELF), -XEN_ESRCH); /* not resolved here */
    assert_int_equal(domctl(XEN_DOMCTL_unpausedomain, 0), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_sethvmcontext, 0), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, 0), 0);
    assert_int_equal(op.u.getdomaininfo.tot_pages, WORLD_RAM);
    assert_int_equal(op.u.getdomaininfo.nr_online_vcpus, 2);
}

/* What `running` means is the scheduler's to say: a vCPU that is awake may wait for a CPU. */
static void who_runs_is_told(void **state)
{
    struct vcpu *v = world_domain(1, 2)->vcpus[1];

    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, 0), 0);
    assert_true(op.u.getdomaininfo.flags & XEN_DOMINF_running); /* it asks */
    for (unsigned int running = 0; running < 2; running++) {
        v->running = running;
        v->run_ns = 7000 + running;
        assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, 1), 0);
        assert_int_equal(op.u.getdomaininfo.flags & (XEN_DOMINF_running | XEN_DOMINF_blocked),
                         running ? XEN_DOMINF_running : 0);
        assert_int_equal(op.u.getdomaininfo.cpu_time, 7000 + running);
        op.u.getvcpuinfo.vcpu = 1;
        assert_int_equal(domctl(XEN_DOMCTL_getvcpuinfo, 1), 0);
        assert_int_equal(op.u.getvcpuinfo.running, running);
        assert_int_equal(op.u.getvcpuinfo.online, 1);
        assert_int_equal(op.u.getvcpuinfo.cpu_time, 7000 + running);
    }
    v->running = false;
}

static void a_shutdown_is_seen_with_its_reason(void **state)
{
    domid_t id = create();
    struct evtchn_bind_virq bind = {.virq = VIRQ_DOM_EXC};
    struct domain *d = domain_get(id);

    assert_int_equal(hc_arg(v0, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind, sizeof(bind)), 0);
    domain_shutdown(d, SHUTDOWN_crash);
    domain_put(d);
    assert_true(port_pending(dom0, bind.port));
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, id), 0);
    assert_true(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
    assert_int_equal(op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_crash);
}

static void destruction_goes_on_until_it_is_done(void **state)
{
    domid_t id = create();
    struct domain *d = domain_get(id), *g = world_domain(2, 1);

    /* more mappings than one step gives back */
    d->grants->max_map_pages = 64;
    grant(g, 10, id, 20, GTF_readonly);
    for (unsigned int i = 0; i < 5000; i++) {
        mfn_t mfn;
        grant_handle_t handle;
        struct map_entry *m = map_alloc(d->grants, &handle);
        assert_non_null(m);
        assert_int_equal(grant_use(g, id, 10, false, true, &mfn), GNTST_okay);
        frame_put(mfn); /* as if it were in the address space, and gone with it */
        domain_ref(g);
        g->grants->mapped++;
        m->granter = g;
        m->ref = 10;
        m->write = false;
        m->state = MAP_ACTIVE;
    }
    domain_put(d);
    op = (struct xen_domctl){
        .cmd = XEN_DOMCTL_destroydomain, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = id};
    assert_int_equal(copy_to_gpa(dom0, GPA(WORLD_ARG), &op, sizeof(op)), 0);
    v0->private->regs.gpr[RAX] = __HYPERVISOR_domctl;
    v0->private->regs.gpr[RDI] = WORLD_ARG;
    assert_true(hc_step(v0));
    assert_false(hc_step(v0));
    assert_int_equal(v0->private->regs.gpr[RAX], 0);
    assert_int_equal(gnttab_mapped_count(g), 0);
    assert_int_equal(grant_entry(g, 10)->flags, GTF_permit_access | GTF_readonly);
}

/* ---- registers ---- */

static uint8_t records[4096];

static size_t append(size_t at, uint16_t type, uint16_t instance, const void *body, uint32_t length)
{
    struct hvm_save_descriptor d = {.typecode = type, .instance = instance, .length = length};

    memcpy(records + at, &d, sizeof(d));
    if (length)
        memcpy(records + at + sizeof(d), body, length);
    return at + sizeof(d) + length;
}

static struct hvm_hw_cpu pvh_cpu(void)
{
    return (struct hvm_hw_cpu){
        .rip = 0x1000b20,
        .rbx = 0x5000,
        .rflags = 2,
        .cr0 = 0x11,
        .dr6 = 0xffff0ff0,
        .dr7 = 0x400,
        .cs_limit = 0xffffffff,
        .ds_limit = 0xffffffff,
        .es_limit = 0xffffffff,
        .fs_limit = 0xffffffff,
        .gs_limit = 0xffffffff,
        .ss_limit = 0xffffffff,
        .cs_arbytes = 0xc9b,
        .ds_arbytes = 0xc93,
        .es_arbytes = 0xc93,
        .fs_arbytes = 0xc93,
        .gs_arbytes = 0xc93,
        .ss_arbytes = 0xc93,
        .tr_limit = 0x67,
        .tr_arbytes = 0x8b,
        .ldtr_arbytes = 0x82,
        .ldtr_limit = 0xffff,
    };
}

static size_t make_records(const struct hvm_hw_cpu *cpu)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    size_t at = append(0, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));

    if (cpu)
        at = append(at, HVM_SAVE_CODE(CPU), 0, cpu, sizeof(*cpu));
    return append(at, HVM_SAVE_CODE(END), 0, NULL, 0);
}

static long set_context(domid_t id, size_t bytes)
{
    assert_int_equal(copy_to_gpa(dom0, GPA(WORLD_SCRATCH), records, sizeof(records)), 0);
    op.u.hvmcontext.size = (uint32_t)bytes;
    op.u.hvmcontext.buffer.p = (void *)WORLD_SCRATCH;
    return domctl(XEN_DOMCTL_sethvmcontext, id);
}

static void the_first_vcpu_starts_as_described(void **state)
{
    domid_t id = create();
    struct domain *d = domain_get(id);
    struct hvm_hw_cpu cpu = pvh_cpu();
    struct hvm_hw_mtrr mtrr = {0};

    append(append(append(0, HVM_SAVE_CODE(HEADER), 0,
                         &(struct hvm_save_header){HVM_FILE_MAGIC, HVM_FILE_VERSION, 0, 0, 0}, 24),
                  HVM_SAVE_CODE(MTRR), 1, &mtrr, sizeof(mtrr)),
           HVM_SAVE_CODE(END), 0, NULL, 0);
    assert_int_equal(set_context(id, 8 + 24 + 8 + sizeof(mtrr) + 8), 0); /* MTRRs alone: accepted, and nothing starts */
    assert_int_equal(notes(d->vcpus[0])->onlines, 0);
    assert_int_equal(set_context(id, make_records(&cpu)), 0);
    struct vcpu_regs *r = &d->vcpus[0]->private->regs;
    assert_int_equal(notes(d->vcpus[0])->onlines, 1);
    assert_int_equal(r->rip, 0x1000b20);
    assert_int_equal(r->gpr[RBX], 0x5000);
    assert_int_equal(r->rflags, 2);
    assert_int_equal(r->cr0, 0x11);
    assert_int_equal(r->seg[SEG_TR].attr, 0x8b);
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EBUSY); /* once */
    op.u.getvcpuinfo.vcpu = 0;
    assert_int_equal(domctl(XEN_DOMCTL_getvcpuinfo, id), 0);
    assert_int_equal(op.u.getvcpuinfo.online, 1);
    op.u.getvcpuinfo.vcpu = 2;
    assert_int_equal(domctl(XEN_DOMCTL_getvcpuinfo, id), -XEN_EINVAL);
    domain_put(d);
}

static void malformed_records_are_refused(void **state)
{
    domid_t id = create();
    struct hvm_hw_cpu cpu = pvh_cpu();
    size_t good = make_records(&cpu);

    for (size_t cut = 0; cut < good; cut += 7)
        assert_int_equal(set_context(id, cut), -XEN_EINVAL);
    assert_int_equal(set_context(id, 4097), -XEN_EINVAL);
    records[0] = 2; /* no header first */
    assert_int_equal(set_context(id, good), -XEN_EINVAL);
    make_records(&cpu);
    records[8] ^= 1; /* magic */
    assert_int_equal(set_context(id, good), -XEN_EINVAL);
    make_records(&cpu);
    records[8 + 24 + 2] = 1; /* instance 1 */
    assert_int_equal(set_context(id, good), -XEN_EINVAL);
    make_records(&cpu);
    memset(records + 8 + 24 + 4, 0xff, 4); /* length */
    assert_int_equal(set_context(id, good), -XEN_EINVAL);
    make_records(&cpu);
    records[8 + 24] = 5; /* a LAPIC record, which we do not load */
    assert_int_equal(set_context(id, good), -XEN_EINVAL);
    cpu.cr0 = 0x80000000;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EINVAL);
    cpu = pvh_cpu(), cpu.msr_lstar = 1;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EOPNOTSUPP);
    cpu = pvh_cpu(), cpu.flags = XEN_X86_FPU_INITIALISED;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EOPNOTSUPP);
    cpu = pvh_cpu(), cpu.pending_valid = 1;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EOPNOTSUPP);
    cpu = pvh_cpu(), cpu.cs_arbytes = 0x10000; /* unusable */
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EINVAL);
    cpu = pvh_cpu(), cpu.fs_base = 1ul << 47;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EINVAL);
    cpu = pvh_cpu(), cpu.ds_base = 1ul << 32;
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EINVAL);
    assert_int_equal(domctl(XEN_DOMCTL_unpausedomain, id), 0);
    cpu = pvh_cpu();
    assert_int_equal(set_context(id, make_records(&cpu)), -XEN_EBUSY); /* it must be paused */
}

static void what_we_do_not_have_is_said(void **state)
{
    domid_t id = create();

    assert_int_equal(domctl(XEN_DOMCTL_gethvmcontext, id), -XEN_EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_get_cpu_policy, id), -XEN_EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_set_cpu_policy, id), -XEN_EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_assign_device, id), -XEN_EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_setvcpuaffinity, id), -XEN_ENOSYS);
    assert_int_equal(domctl(9999, id), -XEN_ENOSYS);
    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
    assert_int_equal(domctl(XEN_DOMCTL_shadow_op, id), 0);
    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE;
    assert_int_equal(domctl(XEN_DOMCTL_shadow_op, id), -XEN_EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_hypercall_init, id), 0);
    memset(&op.u, 0x77, sizeof(op.u));
    assert_int_equal(domctl(XEN_DOMCTL_setdomainhandle, id), 0);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, id), 0);
    assert_int_equal(op.u.getdomaininfo.handle[15], 0x77);
}

/* ---- sysctl ---- */

static struct xen_sysctl sys;

static long sysctl(uint32_t cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc_arg(v0, __HYPERVISOR_sysctl, 0, &sys, sizeof(sys));
}

static void the_machine_is_described(void **state)
{
    assert_int_equal(sysctl(XEN_SYSCTL_physinfo), 0);
    assert_int_equal(sys.u.physinfo.nr_cpus, 2);
    assert_int_equal(sys.u.physinfo.cpu_khz, 1000000);
    assert_int_equal(sys.u.physinfo.total_pages, WORLD_FRAMES);
    assert_int_equal(sys.u.physinfo.free_pages, frames_free_count());
    assert_true(sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_hvm);
    assert_true(sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_hap);
    assert_false(sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    assert_int_equal(sysctl(XEN_SYSCTL_availheap), 0);
    assert_int_equal(sys.u.availheap.avail_bytes, frames_free_count() << PAGE_SHIFT);
    assert_int_equal(sysctl(XEN_SYSCTL_cputopoinfo), -XEN_ENOSYS);
}

static void domains_are_listed_in_order(void **state)
{
    struct xen_domctl_getdomaininfo info[3];

    create();
    create();
    sys.u.getdomaininfolist =
        (struct xen_sysctl_getdomaininfolist){.first_domain = 0, .max_domains = 3, .buffer.p = (void *)WORLD_SCRATCH};
    assert_int_equal(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(sys.u.getdomaininfolist.num_domains, 3);
    assert_int_equal(copy_from_gpa(dom0, info, GPA(WORLD_SCRATCH), sizeof(info)), 0);
    assert_int_equal(info[0].domain, 0);
    assert_int_equal(info[2].domain, 2);
    sys.u.getdomaininfolist =
        (struct xen_sysctl_getdomaininfolist){.first_domain = 1, .max_domains = 1, .buffer.p = (void *)WORLD_SCRATCH};
    assert_int_equal(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(sys.u.getdomaininfolist.num_domains, 1);
    sys.u.getdomaininfolist =
        (struct xen_sysctl_getdomaininfolist){.first_domain = 0, .max_domains = 3, .buffer.p = (void *)~7ul};
    assert_int_equal(sysctl(XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);
}

static void the_log_can_be_read_in_pieces(void **state)
{
    char text[10] = {0};

    console_write(dom0, "hello world", 11);
    sys.u.readconsole = (struct xen_sysctl_readconsole){.buffer.p = (void *)WORLD_SCRATCH, .count = 5};
    assert_int_equal(sysctl(XEN_SYSCTL_readconsole), 0);
    assert_int_equal(sys.u.readconsole.count, 5);
    sys.u.readconsole.incremental = 1;
    sys.u.readconsole.count = 100;
    assert_int_equal(sysctl(XEN_SYSCTL_readconsole), 0);
    assert_int_equal(sys.u.readconsole.count, 6);
    assert_int_equal(copy_from_gpa(dom0, text, GPA(WORLD_SCRATCH), 6), 0);
    assert_string_equal(text, " world");
    sys.u.readconsole.count = 100;
    assert_int_equal(sysctl(XEN_SYSCTL_readconsole), 0);
    assert_int_equal(sys.u.readconsole.count, 0);
}

/* ---- arch_7 ---- */

static void counts_of_a_domain_are_told(void **state)
{
    struct domain *g = world_domain(1, 2);
    struct atoll_info info = {.domid = 1};

    grant(g, 10, 0, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(v0, 1, 10, 200, 0);
    g->vcpus[0]->exits = 5;
    g->vcpus[1]->exits = 6;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, ATOLL_OP_info, &info, sizeof(info)), 0);
    assert_int_equal(info.mapped_grants, 1);
    assert_int_equal(info.grant_frames, 1);
    assert_int_equal(info.exits, 11);
    assert_int_equal(grant_unmap(v0, m.handle, 200), GNTST_okay);
    info.domid = 9;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, ATOLL_OP_info, &info, sizeof(info)), -XEN_ESRCH);
    info = (struct atoll_info){.domid = 1, .pad1 = 1};
    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, ATOLL_OP_info, &info, sizeof(info)), -XEN_EINVAL);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, 3, &info, sizeof(info)), -XEN_ENOSYS);
}

static void memory_of_the_machine_is_told_to_the_control_domain(void **state)
{
    struct domain *g = world_domain(1, 1);
    struct atoll_memory memory = {};

    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, ATOLL_OP_memory, &memory, sizeof(memory)), 0);
    assert_int_equal(memory.ram_pages, machine.e820[0].size >> PAGE_SHIFT);
    assert_int_equal(memory.free_pages, frames_free_count());
    assert_int_equal(hc_arg(g->vcpus[0], __HYPERVISOR_arch_7, ATOLL_OP_memory, &memory, sizeof(memory)), -XEN_EPERM);
}

static void tables_are_looked_at_for_the_control_domain(void **state)
{
    struct domain *g = world_domain(1, 1);
    struct atoll_selfcheck view = {};

    assert_int_equal(hc_arg(g->vcpus[0], __HYPERVISOR_arch_7, ATOLL_OP_selfcheck, &view, sizeof(view)), -XEN_EPERM);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_arch_7, ATOLL_OP_selfcheck, &view, sizeof(view)), 0);
    assert_int_equal(view.frames, frames_private_count());
    assert_int_equal(view.shown, selfcheck_private().shown);
    assert_int_equal(view.others, selfcheck_private().others);
    assert_int_equal(view.switches, selfcheck_private().switches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_domain_is_made_filled_started_and_ended),
        TEST(impossible_domains_are_refused),
        TEST(other_interface_versions_are_refused),
        TEST(the_control_domain_does_not_end_itself),
        TEST(who_runs_is_told),
        TEST(a_shutdown_is_seen_with_its_reason),
        TEST(destruction_goes_on_until_it_is_done),
        TEST(the_first_vcpu_starts_as_described),
        TEST(malformed_records_are_refused),
        TEST(what_we_do_not_have_is_said),
        TEST(the_machine_is_described),
        TEST(domains_are_listed_in_order),
        TEST(the_log_can_be_read_in_pieces),
        TEST(counts_of_a_domain_are_told),
        TEST(tables_are_looked_at_for_the_control_domain),
        TEST(memory_of_the_machine_is_told_to_the_control_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
