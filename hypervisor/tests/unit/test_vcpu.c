/* test_vcpu.c - operations on vCPUs: areas, timers, up and down, polling, upcall vectors */
#include "world_test.h"
#include <xen/hvm/hvm_vcpu.h>

static struct domain *d;
static struct vcpu *v, *w;

static int one_domain(void **state)
{
    world_setup();
    world_domain(0, 1);
    d = world_domain(1, 4);
    v = d->vcpus[0];
    w = d->vcpus[1];
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, one_domain, teardown)

static long vcpu_op(uint64_t cmd, unsigned int id, void *arg, size_t bytes)
{
    return hc_arg(v, __HYPERVISOR_vcpu_op, cmd << 32 | id, arg, bytes);
}

static long register_info(unsigned int id, uint64_t gfn, uint32_t offset)
{
    struct vcpu_register_vcpu_info r = {.mfn = gfn, .offset = offset};
    return vcpu_op(VCPUOP_register_vcpu_info, id, &r, sizeof(r));
}

static void vcpu_info_moves_and_nothing_is_lost(void **state)
{
    v->info->arch.cr2 = 0x1234;
    assert_int_equal(register_info(0, 20, 64), 0);
    struct vcpu_info *info = guest_at(d, 20 * PAGE_SIZE + 64);
    assert_ptr_equal(v->info, info);
    assert_int_equal(info->arch.cr2, 0x1234);
    assert_int_equal(info->evtchn_pending_sel, ~0ul);
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(notes(v)->upcalls, 1);
    assert_int_not_equal(info->time.tsc_to_system_mul, 0);
    assert_int_equal(register_info(0, 21, 64), -XEN_EINVAL); /* once */
    assert_int_equal(frame_count(p2m_lookup(d, GFN(21)).mfn), 1);
    /* the page is held, even if the guest gives it away */
    mfn_t mfn = p2m_lookup(d, GFN(20)).mfn;
    assert_int_equal(p2m_unmap(d, GFN(20)), 0);
    assert_int_equal(frame_count(mfn), 1);
    evtchn_rescan(v);
}

static void vcpu_info_must_fit(void **state)
{
    assert_int_equal(register_info(0, 20, 4096 - 63), -XEN_ENXIO);
    assert_int_equal(register_info(0, 20, 4096 - 60), -XEN_ENXIO);
    assert_int_equal(register_info(0, 20, 4096 - 56), -XEN_ENXIO);
    assert_int_equal(register_info(0, 20, 4096), -XEN_ENXIO);
    assert_int_equal(register_info(0, 20, ~7u), -XEN_ENXIO);
    assert_int_equal(register_info(0, 20, 4), -XEN_ENXIO);
    assert_int_equal(register_info(0, 999, 0), -XEN_EINVAL);
    assert_int_equal(register_info(0, ~0ul, 0), -XEN_EINVAL);
    assert_int_equal(register_info(1, 20, 0), -XEN_EBUSY); /* another one that runs */
    assert_int_equal(register_info(4, 20, 0), -XEN_ENOENT);
    w->state = VCPU_DOWN;
    assert_int_equal(register_info(1, 20, 4096 - 64), 0);
}

static void runstate_areas_may_straddle_pages(void **state)
{
    uint64_t at = 21 * PAGE_SIZE - 20;
    struct vcpu_register_runstate_memory_area r = {.addr.p = at};
    struct vcpu_runstate_info seen;

    v->runstate = (struct vcpu_runstate_info){.state = RUNSTATE_running, .state_entry_time = 5, .time = {1, 2, 3, 4}};
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r, sizeof(r)), 0);
    assert_int_equal(copy_from_gpa(d, &seen, GPA(at), sizeof(seen)), 0);
    assert_memory_equal(&seen, &v->runstate, sizeof(seen));
    assert_int_equal(hc(v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0), 0);
    v->runstate.time[3] = 99;
    v->runstate.state_entry_time = 7;
    vcpu_runstate_publish(v);
    assert_int_equal(copy_from_gpa(d, &seen, GPA(at), sizeof(seen)), 0);
    assert_int_equal(seen.time[3], 99);
    assert_int_equal(seen.state_entry_time, 7); /* the mark is off again */
    /* gone pages are no error, only lost */
    assert_int_equal(p2m_unmap(d, GFN(21)), 0);
    vcpu_runstate_publish(v);
    r.addr.p = 0;
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r, sizeof(r)), 0);
    r.addr.p = WORLD_GFNS << PAGE_SHIFT;
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r, sizeof(r)), -XEN_EFAULT);
    r.addr.p = WORLD_RAM * PAGE_SIZE - 8; /* the second page is not there */
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r, sizeof(r)), -XEN_EFAULT);
    assert_int_equal(v->runstate_bytes[0], 0);
}

static void runstate_can_be_asked(void **state)
{
    struct vcpu_runstate_info seen = {0};

    w->runstate = (struct vcpu_runstate_info){
        .state = RUNSTATE_blocked, .state_entry_time = world.now - 7, .time = {[1] = 55, [RUNSTATE_blocked] = 100}};
    assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 1, &seen, sizeof(seen)), 0);
    assert_int_equal(seen.time[1], 55);
    assert_int_equal(seen.time[RUNSTATE_blocked], 107); /* until now */
}

static void time_areas_are_published(void **state)
{
    struct vcpu_register_time_memory_area r = {.addr.p = 20 * PAGE_SIZE};

    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r, sizeof(r)), 0);
    assert_int_equal(v->time_gpa.v, 20 * PAGE_SIZE);
    const struct vcpu_time_info *t = guest_page(d, 20);
    assert_int_equal(t->tsc_timestamp, 1000);
    assert_int_equal(t->version % 2, 0);
    assert_memory_equal(t, &v->info->time, sizeof(*t));
    r.addr.p = 21 * PAGE_SIZE - 8;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r, sizeof(r)), -XEN_EINVAL);
    r.addr.p = WORLD_GFNS << PAGE_SHIFT;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r, sizeof(r)), -XEN_EFAULT);
    assert_int_equal(v->time_gpa.v, 20 * PAGE_SIZE);
}

static void the_single_shot_timer_raises_its_virq(void **state)
{
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = 2000000};
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};

    assert_int_equal(hc_arg(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind, sizeof(bind)), 0);
    assert_int_equal(vcpu_op(VCPUOP_stop_periodic_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    world_run_timers();
    assert_false(port_pending(d, bind.port));
    world.now = 2000000;
    world_run_timers();
    assert_true(port_pending(d, bind.port));
    port_clear(d, bind.port);
    world_run_timers();
    assert_false(port_pending(d, bind.port));
    t.timeout_abs_ns = 5; /* past, even 0: at once */
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    world_run_timers();
    assert_true(port_pending(d, bind.port));
    t.flags = VCPU_SSHOTTMR_future;
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), -XEN_ETIME);
    t = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = 3000000};
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t, sizeof(t)), -XEN_EINVAL);
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(vcpu_op(VCPUOP_stop_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(v->singleshot.deadline, 0);
    assert_int_equal(hc(v, __HYPERVISOR_set_timer_op, 7000000, 0, 0), 0);
    assert_int_equal(v->singleshot.deadline, 7000000);
    assert_int_equal(hc(v, __HYPERVISOR_set_timer_op, 0, 0, 0), 0);
    assert_int_equal(v->singleshot.deadline, 0);
}

static void vcpus_go_down_and_up(void **state)
{
    uint8_t none = 0;

    assert_int_equal(vcpu_op(VCPUOP_is_up, 1, &none, 1), 1);
    assert_int_equal(vcpu_op(VCPUOP_down, 1, &none, 1), 0);
    assert_int_equal(w->state, VCPU_DOWN);
    assert_int_equal(notes(w)->offlines, 1);
    assert_int_equal(vcpu_op(VCPUOP_is_up, 1, &none, 1), 0);
    assert_int_equal(vcpu_op(VCPUOP_up, 1, &none, 1), 0); /* with the registers it had */
    assert_int_equal(notes(w)->onlines, 1);
    assert_int_equal(vcpu_op(VCPUOP_up, 1, &none, 1), 0); /* is up */
    assert_int_equal(notes(w)->onlines, 1);
    assert_int_equal(vcpu_op(VCPUOP_down, 0, &none, 1), 0); /* itself */
    assert_int_equal(v->state, VCPU_DOWN);
    assert_int_equal(vcpu_op(VCPUOP_is_up, 4, &none, 1), -XEN_ENOENT);
    assert_int_equal(vcpu_op(VCPUOP_is_up, ~0u, &none, 1), -XEN_ENOENT);
    assert_int_equal(vcpu_op(99, 0, &none, 1), -XEN_ENOSYS);
    assert_int_equal(vcpu_op(VCPUOP_send_nmi, 2, &none, 1), 0);
    assert_int_equal(notes(d->vcpus[2])->nmis, 1);
}

static struct vcpu_hvm_context flat32(void)
{
    struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_32B};
    struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;

    r->eip = 0x100000;
    r->ebx = 77;
    r->cr0 = 1;
    r->cs_limit = r->ds_limit = r->ss_limit = r->es_limit = 0xffffffff;
    r->cs_ar = 0xc9b;
    r->ds_ar = r->ss_ar = r->es_ar = 0xc93;
    r->tr_limit = 0x67;
    r->tr_ar = 0x8b;
    return c;
}

static void a_vcpu_is_initialised_once_and_started(void **state)
{
    struct vcpu_hvm_context c = flat32();
    uint8_t none = 0;

    assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -XEN_EEXIST); /* runs */
    w->state = VCPU_DOWN;
    assert_int_equal(vcpu_op(VCPUOP_up, 1, &none, 1), -XEN_EINVAL); /* has no registers */
    w->running = true;
    assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -XEN_EBUSY); /* still on its way down */
    w->running = false;
    assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), 0);
    assert_int_equal(w->private->regs.rip, 0x100000);
    assert_int_equal(w->private->regs.gpr[RBX], 77);
    assert_int_equal(w->private->regs.seg[SEG_CS].attr, 0xc9b);
    assert_int_equal(w->private->regs.dirty, REGS_CONTROL | REGS_SEGMENTS);
    assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -XEN_EEXIST);
    assert_int_equal(vcpu_op(VCPUOP_up, 1, &none, 1), 0);
    assert_int_equal(w->state, VCPU_RUNNABLE);
}

static void impossible_registers_are_refused(void **state)
{
    struct vcpu_hvm_context c;
    struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;
    struct vcpu_hvm_x86_64 *q = &c.cpu_regs.x86_64;

    w->state = VCPU_DOWN;
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        c = flat32();                                                                                                  \
        change;                                                                                                        \
        assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -XEN_EINVAL);                                   \
    } while (0)
    REFUSED(c.mode = 2);
    REFUSED(r->cr0 = 0x80000000); /* paging without protection */
    REFUSED(r->cr0 = 0);          /* real mode is for INIT */
    REFUSED(r->cr0 = 0x20000001); /* NW without CD */
    REFUSED(r->cr0 = 0x00000041); /* an undefined bit */
    REFUSED(r->cr4 = 1u << 13);   /* VMX */
    REFUSED(r->cr4 = 1u << 31);
    REFUSED(r->efer = 1u << 12);                                    /* SVME */
    REFUSED(r->efer = 1u << 10);                                    /* LMA without paging */
    REFUSED((r->efer = 0x500, r->cr0 = 0x80000001));                /* long mode without PAE */
    REFUSED((r->efer = 0x100, r->cr0 = 0x80000001, r->cr4 = 0x20)); /* LME and paging, but no LMA */
    REFUSED(r->eflags = 1u << 17);                                  /* VM */
    REFUSED(r->eflags = 1u << 31);
    REFUSED(r->cs_ar = 0xc93);  /* data in CS */
    REFUSED(r->cs_ar = 0xa9b);  /* 64-bit code outside long mode */
    REFUSED(r->cs_ar = 0xc1b);  /* not present */
    REFUSED(r->cs_ar = 0xcfb);  /* user mode */
    REFUSED(r->cs_ar = 0x1c9b); /* undefined attributes */
    REFUSED(r->ss_ar = 0xc91);  /* read-only stack */
    REFUSED(r->ss_ar = 0xc9b);
    REFUSED(r->ds_limit = 0xfffffffe); /* granularity and limit disagree */
    REFUSED((r->ds_ar = 0x493, r->ds_limit = 0x100000));
    REFUSED(r->tr_ar = 0x89); /* TSS not busy */
    REFUSED(r->tr_ar = 0);
    REFUSED((c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_64B}, q->cr0 = 0x80000001, q->cr4 = 0x20,
             q->efer = 0x500, q->rip = 1ul << 47));
    REFUSED((c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_64B}, q->cr0 = 0x80000001, q->cr4 = 0x20,
             q->efer = 0x500, q->cr3 = 1ul << 52));
    REFUSED((c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_64B}, q->cr0 = 1)); /* 64-bit code needs long mode */
    c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_64B};
    q->cr0 = 0x80000001, q->cr4 = 0x20, q->efer = 0x501, q->rip = 0xffffffff81000000, q->cr3 = 0x1000;
    assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), 0);
    assert_int_equal(w->private->regs.rflags, 2);
    assert_int_equal(w->private->regs.seg[SEG_CS].attr & BIT(9), BIT(9));
}

/* ---- schedop ---- */

static long sched_poll(const evtchn_port_t *ports, unsigned int n, uint64_t timeout)
{
    struct sched_poll p = {.ports.p = (void *)WORLD_SCRATCH, .nr_ports = n, .timeout = timeout};

    assert_int_equal(copy_to_gpa(d, GPA(WORLD_SCRATCH), ports, n * sizeof(*ports)), 0);
    return hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p));
}

static evtchn_port_t open_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi ipi = {.vcpu = vcpu};
    assert_int_equal(hc_arg(w, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    return ipi.port;
}

static void poll_returns_at_once_when_a_port_is_pending(void **state)
{
    evtchn_port_t ports[] = {5, open_ipi(0)};

    assert_int_equal(evtchn_port_op(w, EVTCHNOP_send, ports[1]), 0); /* masked, and yet */
    assert_int_equal(sched_poll(ports, 2, 0), 0);
    assert_int_equal(notes(v)->blocks, 0);
    notes(v)->work = true;
    port_clear(d, ports[1]);
    assert_int_equal(sched_poll(ports, 2, 0), 0);
    assert_int_equal(notes(v)->blocks, 0);
    notes(v)->work = false;
    assert_int_equal(sched_poll(ports, 2, 1), 0); /* the time is up already */
    assert_int_equal(notes(v)->blocks, 0);
}

static void a_masked_event_wakes_the_poller(void **state)
{
    evtchn_port_t mine = open_ipi(0), other = open_ipi(0);

    assert_int_equal(sched_poll(&mine, 1, 0), 0);
    assert_int_equal(v->state, VCPU_BLOCKED);
    assert_int_equal(evtchn_port_op(w, EVTCHNOP_send, other), 0);
    assert_int_equal(v->state, VCPU_BLOCKED);
    assert_int_equal(evtchn_port_op(w, EVTCHNOP_send, mine), 0);
    assert_int_equal(v->state, VCPU_RUNNABLE);
    assert_int_equal(notes(v)->kicks, 1);
    port_clear(d, mine);
    assert_int_equal(evtchn_port_op(w, EVTCHNOP_send, mine), 0); /* does not poll any more */
    assert_int_equal(notes(v)->kicks, 1);
}

static void a_poll_ends_in_time(void **state)
{
    evtchn_port_t mine = open_ipi(0);

    assert_int_equal(sched_poll(&mine, 1, world.now + 500), 0);
    assert_int_equal(v->state, VCPU_BLOCKED);
    world.now += 500;
    world_run_timers();
    assert_int_equal(v->state, VCPU_RUNNABLE);
    assert_int_equal(v->poll_ports_active, 0);
    /* woken otherwise, the next hypercall ends it: no timer is left behind */
    assert_int_equal(sched_poll(&mine, 1, world.now + 500), 0);
    assert_int_not_equal(v->poll_timer.deadline, 0);
    assert_int_equal(hc(v, __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 20);
    assert_int_equal(v->poll_timer.deadline, 0);
    assert_int_equal(v->poll_ports_active, 0);
}

static void polls_are_checked(void **state)
{
    struct sched_poll p = {.ports.p = (void *)WORLD_SCRATCH, .nr_ports = 129};
    evtchn_port_t bad = 4096, none = 0;

    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EINVAL);
    p.nr_ports = ~0u;
    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EINVAL);
    assert_int_equal(sched_poll(&bad, 1, 0), -XEN_EINVAL);
    p = (struct sched_poll){.ports.p = (void *)~7ul, .nr_ports = 4};
    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EFAULT);
    assert_int_equal(sched_poll(&none, 0, world.now + 5), 0); /* a sleep */
    assert_int_equal(notes(v)->blocks, 1);
}

static void shutdowns_are_recorded(void **state)
{
    struct sched_shutdown s = {.reason = SHUTDOWN_MAX + 1};
    struct sched_remote_shutdown r = {.domain_id = 1, .reason = SHUTDOWN_poweroff};

    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s)), -XEN_EINVAL);
    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r, sizeof(r)), -XEN_EPERM);
    r.domain_id = DOMID_SELF;
    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r, sizeof(r)), -XEN_ESRCH);
    assert_false(d->shut_down);
    s.reason = SHUTDOWN_reboot;
    assert_int_equal(hc_arg(v, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s)), 0);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
    struct domain *other = world_domain(2, 1);
    r.domain_id = 2;
    assert_int_equal(hc_arg(dom0->vcpus[0], __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r, sizeof(r)), 0);
    assert_int_equal(other->shutdown_code, SHUTDOWN_poweroff);
    assert_int_equal(hc(v, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0), 0);
    assert_int_equal(notes(v)->yields, 1);
    assert_int_equal(hc(v, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0), 0);
    assert_int_equal(notes(v)->blocks, 1);
    assert_int_equal(hc(v, __HYPERVISOR_sched_op, SCHEDOP_watchdog, WORLD_ARG, 0), -XEN_ENOSYS);
}

/* ---- hvmop ---- */

static long set_param(struct vcpu *by, domid_t id, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = {.domid = id, .index = index, .value = value};
    return hc_arg(by, __HYPERVISOR_hvm_op, HVMOP_set_param, &p, sizeof(p));
}
static long get_param(struct vcpu *by, domid_t id, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = {.domid = id, .index = index, .value = 0x5555};
    long rc = hc_arg(by, __HYPERVISOR_hvm_op, HVMOP_get_param, &p, sizeof(p));
    *value = p.value;
    return rc;
}

static void params_read_zero_until_the_toolstack_sets_them(void **state)
{
    struct vcpu *u = dom0->vcpus[0];
    uint64_t value;

    assert_int_equal(get_param(v, DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CONSOLE_PFN, 9), -XEN_EPERM);
    assert_int_equal(set_param(u, 1, HVM_PARAM_CONSOLE_PFN, 9), 0);
    assert_int_equal(get_param(v, DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &value), 0);
    assert_int_equal(value, 9);
    assert_int_equal(set_param(u, 1, HVM_NR_PARAMS, 9), -XEN_EINVAL);
    assert_int_equal(get_param(v, DOMID_SELF, ~0u, &value), -XEN_EINVAL);
    assert_int_equal(set_param(u, 99, 1, 9), -XEN_ESRCH);
    assert_int_equal(set_param(v, 99, 1, 9), -XEN_ESRCH);
    assert_int_equal(set_param(v, 0, 1, 9), -XEN_EPERM);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, 9), 0);
    assert_int_equal(get_param(v, DOMID_SELF, HVM_PARAM_TRIPLE_FAULT_REASON, &value), -XEN_EPERM);
    assert_int_equal(get_param(u, 1, HVM_PARAM_TRIPLE_FAULT_REASON, &value), 0);
    assert_int_equal(set_param(u, 1, HVM_PARAM_NESTEDHVM, 1), -XEN_EINVAL);
    assert_int_equal(get_param(v, DOMID_SELF, HVM_PARAM_PAE_ENABLED, &value), -XEN_EINVAL);
}

static void callbacks_follow_the_rules_of_pvh(void **state)
{
    const uint64_t vector = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56;

    w->info->evtchn_upcall_pending = 1;
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, vector | 0xf3), 0);
    assert_int_equal(d->params[HVM_PARAM_CALLBACK_IRQ], vector | 0xf3);
    assert_int_equal(notes(w)->upcalls, 1); /* an event that waited is told now */
    assert_int_equal(notes(v)->upcalls, 0);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, vector | 0xf), -XEN_EINVAL);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1ul << 56), -XEN_EINVAL);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 3ul << 56), -XEN_EINVAL);
    assert_int_equal(set_param(v, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1), 0);
}

static void upcall_vectors_are_per_vcpu(void **state)
{
    struct xen_hvm_evtchn_upcall_vector u = {.vcpu = 1, .vector = 0xf3};

    w->info->evtchn_upcall_pending = 1;
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), 0);
    assert_int_equal(w->upcall_vector, 0xf3);
    assert_int_equal(notes(w)->upcalls, 1);
    u.vector = 0xf;
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -XEN_EINVAL);
    u = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 4, .vector = 0xf3};
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -XEN_ENOENT);
    assert_int_equal(hc(v, __HYPERVISOR_hvm_op, HVMOP_pagetable_dying, WORLD_ARG, 0), -XEN_ENOSYS);
}

static void memory_types_are_told_to_the_crash_kernel(void **state)
{
    struct xen_hvm_get_mem_type t = {.domid = DOMID_SELF, .pfn = 20};

    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type, &t, sizeof(t)), 0);
    assert_int_equal(t.mem_type, HVMMEM_ram_rw);
    t.pfn = 999;
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type, &t, sizeof(t)), 0);
    assert_int_equal(t.mem_type, HVMMEM_mmio_dm);
    struct xen_hvm_get_time now;
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_get_time, &now, sizeof(now)), 0);
    assert_int_equal(now.now, world.now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vcpu_info_moves_and_nothing_is_lost),
        TEST(vcpu_info_must_fit),
        TEST(runstate_areas_may_straddle_pages),
        TEST(runstate_can_be_asked),
        TEST(time_areas_are_published),
        TEST(the_single_shot_timer_raises_its_virq),
        TEST(vcpus_go_down_and_up),
        TEST(a_vcpu_is_initialised_once_and_started),
        TEST(impossible_registers_are_refused),
        TEST(poll_returns_at_once_when_a_port_is_pending),
        TEST(a_masked_event_wakes_the_poller),
        TEST(a_poll_ends_in_time),
        TEST(polls_are_checked),
        TEST(shutdowns_are_recorded),
        TEST(params_read_zero_until_the_toolstack_sets_them),
        TEST(callbacks_follow_the_rules_of_pvh),
        TEST(upcall_vectors_are_per_vcpu),
        TEST(memory_types_are_told_to_the_crash_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
