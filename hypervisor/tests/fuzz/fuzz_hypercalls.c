/*
 * fuzz_hypercalls.c - sequences of hypercalls by several domains on the fake machine of tests/unit/fake.
 * Each input is a program: one byte says who does what, the next ones are the small numbers it needs, so that calls
 * meet each other. Whatever they do: nothing crashes, and at the end every count equals the references that exist, and
 * everything can be given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hv/x86.h>
#include "world.h"

#define HANDLES 8

static const uint8_t *at, *end;
static struct vcpu *v;
static grant_handle_t handles[HANDLES]; /* of the last mappings, whoever has them */
static uint64_t handle_gfn[HANDLES];
static unsigned int handle_next;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t byte(void)
{
    return at < end ? *at++ : 0;
}

static uint64_t any(void)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n = n << 8 | byte();
    return n;
}

/* Mostly small; now and then anything. */
static uint64_t number(unsigned int below)
{
    uint8_t b = byte();
    return b == 0xff ? any() : b % below;
}

static domid_t domid(void)
{
    static const domid_t odd[] = {DOMID_SELF, DOMID_XEN, DOMID_IO, DOMID_INVALID, 0xffff};
    uint8_t b = byte() % 10;
    return b < 5 ? b : odd[b - 5];
}

/* Puts an argument where the caller's kernel would have it; false if it has no memory there. */
static bool put(uint64_t gpa, const void *arg, size_t bytes)
{
    return copy_to_gpa(v->domain, GPA(gpa), arg, bytes) == 0;
}

static bool get(uint64_t gpa, void *arg, size_t bytes)
{
    return copy_from_gpa(v->domain, arg, GPA(gpa), bytes) == 0;
}

static void call(uint64_t nr, uint64_t cmd, const void *arg, size_t bytes)
{
    if (put(WORLD_ARG, arg, bytes))
        hc(v, nr, cmd, WORLD_ARG, 1);
}

/* ---- what a guest does without us ---- */

static void write_grant(void)
{
    struct grant_entry_v1 e = {.flags = byte(), .domid = domid(), .frame = (uint32_t)number(80)};
    *((struct grant_entry_v1 *)heap_page_of(gnttab_frame(v->domain, 0)) + byte() % 16) = e;
}

static void open_grant(void)
{
    struct grant_entry_v1 e = {
        .flags = GTF_permit_access | (byte() & GTF_readonly), .domid = byte() % 4, .frame = byte() % 80};
    *((struct grant_entry_v1 *)heap_page_of(gnttab_frame(v->domain, 0)) + byte() % 16) = e;
}

static void scribble_shared_info(void)
{
    ((uint8_t *)v->domain->shared_info)[number(4096) % 4096] = byte();
}

/* ---- grants ---- */

static void map(void)
{
    struct gnttab_map_grant_ref m = {.host_addr = number(200) << PAGE_SHIFT,
                                     .flags = GNTMAP_host_map | (byte() & GNTMAP_readonly),
                                     .ref = (uint32_t)number(16),
                                     .dom = domid()};

    if (byte() == 0xff)
        m.flags = byte();
    call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, sizeof(m));
    if (get(WORLD_ARG, &m, sizeof(m)) && m.status == GNTST_okay) {
        handles[handle_next % HANDLES] = m.handle;
        handle_gfn[handle_next++ % HANDLES] = m.host_addr;
    }
}

static void unmap(void)
{
    unsigned int i = byte() % HANDLES;
    struct gnttab_unmap_grant_ref u = {.host_addr = handle_gfn[i], .handle = handles[i]};

    if (byte() == 0xff)
        u = (struct gnttab_unmap_grant_ref){.host_addr = number(200) << PAGE_SHIFT, .handle = (uint32_t)number(255)};
    call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, sizeof(u));
}

static struct gnttab_copy_ptr copy_end(bool granted)
{
    struct gnttab_copy_ptr p = {.domid = granted ? domid() : DOMID_SELF, .offset = (uint16_t)(number(255) * 16)};

    if (granted)
        p.u.ref = (uint32_t)number(16);
    else
        p.u.gmfn = number(200);
    return p;
}

static void copy_pages(void)
{
    struct gnttab_copy c = {.flags = byte() & 3, .len = (uint16_t)(byte() * 16)};

    c.source = copy_end(c.flags & GNTCOPY_source_gref);
    c.dest = copy_end(c.flags & GNTCOPY_dest_gref);
    call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &c, sizeof(c));
}

static void map_batch(void)
{
    struct gnttab_map_grant_ref m[40];

    for (unsigned int i = 0; i < ARRAY_SIZE(m); i++)
        m[i] = (struct gnttab_map_grant_ref){.host_addr = (100ul + i) << PAGE_SHIFT,
                                             .flags = GNTMAP_host_map | GNTMAP_readonly,
                                             .ref = i % 16,
                                             .dom = i % 3};
    if (put(WORLD_SCRATCH, m, sizeof(m)))
        hc(v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, WORLD_SCRATCH, ARRAY_SIZE(m));
}

static void grant_questions(void)
{
    struct gnttab_query_size q = {.dom = domid()};
    struct gnttab_set_version s = {.version = byte()};

    call(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, sizeof(q));
    call(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, &s, sizeof(s));
}

/* ---- event channels ---- */

static void event_op(void)
{
    union {
        struct evtchn_alloc_unbound alloc;
        struct evtchn_bind_interdomain bind;
        struct evtchn_bind_virq virq;
        struct evtchn_bind_ipi ipi;
        struct evtchn_bind_vcpu vcpu;
        struct evtchn_status status;
        evtchn_port_t port;
    } u = {0};
    unsigned int cmd = byte() % 15;

    switch (cmd) {
    case EVTCHNOP_alloc_unbound: u.alloc.dom = domid(), u.alloc.remote_dom = domid(); break;
    case EVTCHNOP_bind_interdomain: u.bind.remote_dom = domid(), u.bind.remote_port = (uint32_t)number(8); break;
    case EVTCHNOP_bind_virq: u.virq.virq = (uint32_t)number(25), u.virq.vcpu = (uint32_t)number(3); break;
    case EVTCHNOP_bind_ipi: u.ipi.vcpu = (uint32_t)number(3); break;
    case EVTCHNOP_bind_vcpu: u.vcpu.port = (uint32_t)number(8), u.vcpu.vcpu = (uint32_t)number(3); break;
    case EVTCHNOP_status: u.status.dom = domid(), u.status.port = (uint32_t)number(8); break;
    case EVTCHNOP_reset: u.port = domid(); break;
    default: u.port = (uint32_t)number(8); break;
    }
    call(__HYPERVISOR_event_channel_op, cmd, &u, sizeof(u));
}

/* ---- memory ---- */

static void reservation(uint64_t op)
{
    uint64_t gfns[4];
    struct xen_memory_reservation r = {.extent_start.p = (void *)WORLD_SCRATCH, .domid = domid()};

    r.extent_order = byte() % 16 == 0 ? (unsigned int)number(20) : 0;
    r.nr_extents = number(5);
    for (unsigned int i = 0; i < 4; i++)
        gfns[i] = number(255);
    if (put(WORLD_SCRATCH, gfns, sizeof(gfns)))
        call(__HYPERVISOR_memory_op, op | (byte() == 0xff ? any() << 6 : 0), &r, sizeof(r));
}

static void populate(void)
{
    reservation(XENMEM_populate_physmap);
}

static void decrease(void)
{
    reservation(XENMEM_decrease_reservation);
}

static void add_to_physmap(void)
{
    struct xen_add_to_physmap x = {
        .domid = domid(), .space = (unsigned int)number(6), .idx = number(6), .gpfn = number(255)};
    call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &x, sizeof(x));
}

static void add_batch(void)
{
    struct {
        uint64_t idx[2], gfn[2];
        int err[2];
    } lists;
    struct xen_add_to_physmap_batch x = {
        .domid = domid(), .space = (uint16_t)number(6), .size = byte() % 3, .u.foreign_domid = domid()};

    for (unsigned int i = 0; i < 2; i++)
        lists.idx[i] = number(80), lists.gfn[i] = number(255), lists.err[i] = 0;
    x.idxs.p = (void *)WORLD_SCRATCH;
    x.gpfns.p = (void *)(WORLD_SCRATCH + 16);
    x.errs.p = (void *)(WORLD_SCRATCH + 32);
    if (put(WORLD_SCRATCH, &lists, sizeof(lists)))
        call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &x, sizeof(x));
}

static void remove_from_physmap(void)
{
    struct xen_remove_from_physmap x = {.domid = domid(), .gpfn = number(255)};
    call(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &x, sizeof(x));
}

static void acquire(void)
{
    uint64_t gfns[] = {number(255), number(255)};
    struct xen_mem_acquire_resource r = {.domid = domid(),
                                         .type = (uint16_t)(byte() == 0xff ? byte() : XENMEM_resource_grant_table),
                                         .nr_frames = (uint32_t)number(3),
                                         .frame = number(6)};

    r.frame_list.p = byte() % 8 ? (void *)WORLD_SCRATCH : NULL;
    if (put(WORLD_SCRATCH, gfns, sizeof(gfns)))
        call(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r));
}

/* ---- vCPUs ---- */

static void vcpu_op(void)
{
    union {
        struct vcpu_register_vcpu_info info;
        struct vcpu_register_runstate_memory_area area;
        struct vcpu_set_singleshot_timer timer;
        uint8_t bytes[sizeof(uint64_t) * 24];
    } u = {0};
    uint64_t cmd = byte() % 16, id = number(3);

    switch (cmd) {
    case VCPUOP_register_vcpu_info: u.info.mfn = number(80), u.info.offset = (uint32_t)number(255) * 16; break;
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_register_vcpu_time_memory_area: u.area.addr.p = number(80) * 1000; break;
    case VCPUOP_set_singleshot_timer: u.timer.timeout_abs_ns = world.now + number(255), u.timer.flags = byte(); break;
    default:
        for (size_t i = 0; i < sizeof(u.bytes); i++)
            u.bytes[i] = byte();
        break;
    }
    if (put(WORLD_ARG, &u, sizeof(u)))
        hc(v, __HYPERVISOR_vcpu_op, cmd, id, WORLD_ARG);
    vcpu_runstate_publish(v);
}

static void poll(void)
{
    evtchn_port_t ports[] = {byte() % 8, byte() % 8};
    struct sched_poll p = {
        .ports.p = (void *)WORLD_SCRATCH, .nr_ports = (unsigned int)number(3), .timeout = world.now + number(100)};

    if (put(WORLD_SCRATCH, ports, sizeof(ports)))
        call(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p));
}

static void hvm_param(void)
{
    struct xen_hvm_param p = {.domid = domid(), .index = (uint32_t)number(40), .value = any()};

    call(__HYPERVISOR_hvm_op, byte() & 1, &p, sizeof(p));
}

/* ---- the toolstack ---- */

static void domctl(void)
{
    static const uint32_t cmds[] = {XEN_DOMCTL_createdomain,  XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
                                    XEN_DOMCTL_unpausedomain, XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_max_mem,
                                    XEN_DOMCTL_getvcpuinfo,   XEN_DOMCTL_sethvmcontext, XEN_DOMCTL_setdomainhandle,
                                    XEN_DOMCTL_shadow_op};
    struct xen_domctl op = {
        .cmd = cmds[byte() % ARRAY_SIZE(cmds)], .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domid()};

    switch (op.cmd) {
    case XEN_DOMCTL_createdomain:
        op.domain = byte() == 0xff ? domid() : 0;
        op.u.createdomain = (struct xen_domctl_createdomain){.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                                             .max_vcpus = (uint32_t)number(4),
                                                             .max_evtchn_port = byte(),
                                                             .max_grant_frames = byte() % 5,
                                                             .max_maptrack_frames = byte() % 3,
                                                             .grant_opts = 1};
        break;
    case XEN_DOMCTL_max_mem: op.u.max_mem.max_memkb = number(200) * 4; break;
    default:
        for (size_t i = 0; i < 32; i++)
            op.u.pad[i] = byte();
        break;
    }
    call(__HYPERVISOR_domctl, 0, &op, sizeof(op));
    if (put(WORLD_ARG, &op, sizeof(op)))
        hc(v, __HYPERVISOR_domctl, WORLD_ARG, 0, 0);
}

static void sysctl(void)
{
    struct xen_sysctl op = {.cmd = byte() % 10, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    for (size_t i = 0; i < 32; i++)
        op.u.pad[i] = byte();
    if (put(WORLD_ARG, &op, sizeof(op)))
        hc(v, __HYPERVISOR_sysctl, WORLD_ARG, 0, 0);
}

/* ---- and anything ---- */

static void raw(void)
{
    uint8_t arg[64];
    uint64_t nr = byte() % 60, a = number(32), pointer = byte() % 4 ? WORLD_ARG : any();

    for (size_t i = 0; i < sizeof(arg); i++)
        arg[i] = byte();
    if (put(WORLD_ARG, arg, sizeof(arg)) && nr != __HYPERVISOR_console_io)
        hc(v, nr, a, pointer, number(4));
}

static void say(void)
{
    hc(v, __HYPERVISOR_console_io, CONSOLEIO_write, number(200), number(80) << PAGE_SHIFT);
}

static void circumstances(void)
{
    switch (byte() % 5) {
    case 0:
        world.now += (uint64_t)byte() << (byte() % 24);
        world_run_timers();
        break;
    case 1: world.fail_heap_after = byte() % 8; break;
    case 2: world.fail_heap_after = SIZE_MAX; break;
    case 3: world.unreadable = byte() % 4 ? ~0ul : byte() % 8; break;
    case 4: notes(v)->compat = byte() & 1; break;
    }
}

/* A 32-bit caller: structures of 32-bit words, arguments where it has them. */
static void narrow(void)
{
    static const struct {
        uint8_t nr, cmd;
    } calls[] = {{__HYPERVISOR_memory_op, XENMEM_populate_physmap},
                 {__HYPERVISOR_memory_op, XENMEM_decrease_reservation},
                 {__HYPERVISOR_memory_op, XENMEM_add_to_physmap},
                 {__HYPERVISOR_memory_op, XENMEM_remove_from_physmap},
                 {__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch},
                 {__HYPERVISOR_memory_op, XENMEM_acquire_resource},
                 {__HYPERVISOR_sched_op, SCHEDOP_poll},
                 {__HYPERVISOR_grant_table_op, GNTTABOP_copy},
                 {__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area}};
    uint32_t words[16];
    uint64_t *r = v->private->regs.gpr;
    unsigned int which = byte() % ARRAY_SIZE(calls);

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        words[i] = byte() & 1 ? (uint32_t)(WORLD_ARG + 4ul * byte()) : (uint32_t)number(80);
    if (byte() & 1)
        words[0] = domid();
    if (!put(WORLD_ARG, words, sizeof(words)))
        return;
    notes(v)->compat = true;
    v->private->regs.cr0 = CR0_PE;
    r[RAX] = calls[which].nr;
    r[RBX] = calls[which].cmd;
    r[RCX] = calls[which].nr == __HYPERVISOR_vcpu_op ? 0 : WORLD_ARG;
    r[RDX] = calls[which].nr == __HYPERVISOR_vcpu_op ? WORLD_ARG : byte() % 3;
    while (hc_step(v)) {
    }
    if (!v->domain->dying)
        notes(v)->compat = false;
}

static void (*const actions[])(void) = {write_grant,
                                        open_grant,
                                        scribble_shared_info,
                                        map,
                                        map,
                                        unmap,
                                        copy_pages,
                                        map_batch,
                                        grant_questions,
                                        event_op,
                                        event_op,
                                        event_op,
                                        populate,
                                        decrease,
                                        add_to_physmap,
                                        add_batch,
                                        remove_from_physmap,
                                        acquire,
                                        vcpu_op,
                                        poll,
                                        hvm_param,
                                        domctl,
                                        sysctl,
                                        raw,
                                        say,
                                        narrow,
                                        circumstances};

/* A vCPU of a domain that is alive. */
static struct vcpu *somebody(uint8_t who)
{
    struct domain *d = domain_get(who % 5);
    struct vcpu *found = NULL;

    if (d && !d->dying && d->max_vcpus)
        found = d->vcpus[who / 5 % d->max_vcpus];
    if (d)
        domain_put(d);
    return found;
}

static void check(void)
{
    const char *wrong = world_audit();

    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at = data;
    end = data + size;
    world_setup();
    for (domid_t id = 0; id < 3; id++)
        world_domain_limited(id, &(struct domain_limits){
                                     .max_vcpus = 2, .max_grant_frames = 4, .max_maptrack_frames = 2, .max_ports = 20});
    while (at < end) {
        v = somebody(byte());
        uint8_t action = byte();
        if (!v)
            continue;
        v->kicked = action >= 128;
        actions[action % ARRAY_SIZE(actions)]();
    }
    world.fail_heap_after = SIZE_MAX;
    check();
    world_teardown();
    return 0;
}
