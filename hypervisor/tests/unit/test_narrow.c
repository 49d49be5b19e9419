/* test_narrow.c - 32-bit kernels: where their arguments stand, how their structures and shared pages are laid out */
#include <hv/pvtime.h>
#include <hv/shared_info.h>
#include <hv/x86.h>
#include "world_test.h"

static struct domain *control, *d;
static struct vcpu *v, *w;

static int a_32_bit_kernel(void **state)
{
    world_setup();
    control = world_domain(0, 1);
    d = world_domain(1, 2);
    v = d->vcpus[0];
    w = d->vcpus[1];
    notes(v)->compat = notes(w)->compat = true;
    v->private->regs.cr0 = w->private->regs.cr0 = CR0_PE;
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, a_32_bit_kernel, teardown)

/* What the handlers must not see, and what must still be there afterwards. */
#define UPPER 0xdeadbeef00000000ul
#define ESI   (UPPER | 0x1111)
#define EDI   (UPPER | 0x2222)

static int32_t call(uint64_t nr, uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t *r = v->private->regs.gpr;

    r[RAX] = UPPER | nr;
    r[RBX] = UPPER | a;
    r[RCX] = UPPER | b;
    r[RDX] = UPPER | c;
    r[RSI] = ESI;
    r[RDI] = EDI;
    while (hc_step(v)) {
        assert_int_equal(r[RSI], ESI);
        assert_int_equal(r[RDI], EDI);
        assert_int_equal((uint32_t)r[RAX], nr);
    }
    assert_int_equal(r[RSI], ESI);
    assert_int_equal(r[RDI], EDI);
    assert_int_equal(r[RAX] >> 32, 0);
    return (int32_t)r[RAX];
}

static int32_t call_with(uint64_t nr, uint32_t cmd, void *arg, size_t bytes)
{
    assert_int_equal(copy_to_gpa(d, GPA(WORLD_ARG), arg, bytes), 0);
    int32_t rc = nr == __HYPERVISOR_vcpu_op ? call(nr, cmd, 0, WORLD_ARG) : call(nr, cmd, WORLD_ARG, 1);
    assert_int_equal(copy_from_gpa(d, arg, GPA(WORLD_ARG), bytes), 0);
    return rc;
}

static void arguments_are_in_other_registers(void **state)
{
    struct xen_feature_info info = {0};

    assert_int_equal(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 20);
    assert_int_equal(call_with(__HYPERVISOR_xen_version, XENVER_get_features, &info, sizeof(info)), 0);
    assert_true(info.submap & BIT(XENFEAT_auto_translated_physmap));
    assert_int_equal(v->private->regs.gpr[RBX], UPPER | XENVER_get_features);
    assert_int_equal(v->private->regs.gpr[RCX], UPPER | WORLD_ARG);
    assert_int_equal(call(200, 0, 0, 0), -XEN_ENOSYS);
    assert_int_equal(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, 0xfffffffe, 0), -XEN_EFAULT);
    notes(v)->cpl = 3;
    assert_int_equal(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), -XEN_EPERM);
}

static void real_mode_may_not_call(void **state)
{
    v->private->regs.cr0 = 0;
    assert_int_equal(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), -XEN_EPERM);
}

static void words_have_32_bits(void **state)
{
    uint32_t parameters[2] = {1, 2};

    assert_int_equal(call_with(__HYPERVISOR_xen_version, XENVER_platform_parameters, parameters, sizeof(parameters)),
                     0);
    assert_int_equal(parameters[0], 0);
    assert_int_equal(parameters[1], 2);
}

static void a_deadline_comes_in_two_registers(void **state)
{
    assert_int_equal(call(__HYPERVISOR_set_timer_op, 7, 3, 0), 0);
    assert_int_equal(v->singleshot.deadline, 3ul << 32 | 7);
    assert_int_equal(call(__HYPERVISOR_set_timer_op, 0, 0, 0), 0);
    assert_int_equal(v->singleshot.deadline, 0);
}

static void long_calls_go_on_where_they_were(void **state)
{
    char text[2000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    assert_int_equal(copy_to_gpa(d, GPA(10 * PAGE_SIZE), text, sizeof(text)), 0);
    world.tsc_step = 1ul << 32; /* each look at the clock ends a share of time */
    assert_int_equal(call(__HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text), 10 * PAGE_SIZE), 0);
    assert_true(world.log_bytes > sizeof(text));

    const uint32_t gfns[] = {40, 41, 42, 43};
    uint32_t reservation[5] = {WORLD_SCRATCH, ARRAY_SIZE(gfns), 0, 0, DOMID_SELF};
    assert_int_equal(copy_to_gpa(d, GPA(WORLD_SCRATCH), gfns, sizeof(gfns)), 0);
    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, reservation, sizeof(reservation)),
                     4);
    assert_int_equal(p2m_lookup(d, GFN(43)).type, P2M_HOLE);
    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_populate_physmap, reservation, sizeof(reservation)), 4);
    assert_int_equal(p2m_lookup(d, GFN(43)).type, P2M_RAM);
    reservation[1] = UINT32_MAX / 64 + 1; /* a position in it would not fit beside the command */
    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_populate_physmap, reservation, sizeof(reservation)), 0);
}

static void pages_are_put_into_the_address_space(void **state)
{
    uint32_t add[4] = {DOMID_SELF, XENMAPSPACE_shared_info, 0, 50}, remove[2] = {DOMID_SELF, 50};
    struct {
        domid_t domid;
        uint16_t space, size, foreign;
        uint32_t idxs, gpfns, errs;
    } batch = {DOMID_SELF, XENMAPSPACE_grant_table, 2, 0, WORLD_SCRATCH, WORLD_SCRATCH + 8, WORLD_SCRATCH + 16};
    const uint32_t lists[6] = {0, 9999, 60, 61, 77, 77};
    int errors[2];

    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add, sizeof(add)), 0);
    assert_ptr_equal(guest_page(d, 50), d->shared_info);
    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, remove, sizeof(remove)), 0);
    assert_int_equal(p2m_lookup(d, GFN(50)).type, P2M_HOLE);

    assert_int_equal(copy_to_gpa(d, GPA(WORLD_SCRATCH), lists, sizeof(lists)), 0);
    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &batch, sizeof(batch)), 0);
    assert_int_equal(copy_from_gpa(d, errors, GPA(WORLD_SCRATCH + 16), sizeof(errors)), 0);
    assert_int_equal(errors[0], 0);
    assert_int_equal(errors[1], -XEN_EINVAL);
    assert_ptr_equal(guest_page(d, 60), heap_page_of(gnttab_frame(d, 0)));
}

static void copies_are_laid_out_closer(void **state)
{
    struct {
        uint32_t source_gmfn;
        domid_t source_domid;
        uint16_t source_offset;
        uint32_t dest_gmfn;
        domid_t dest_domid;
        uint16_t dest_offset, len, flags;
        int16_t status;
    } copies[2] = {{20, DOMID_SELF, 8, 21, DOMID_SELF, 16, 6, 0, 99},
                   {21, DOMID_SELF, 16, 22, DOMID_SELF, 0, 6, 0, 99}};

    memcpy(guest_at(d, 20 * PAGE_SIZE + 8), "narrow", 6);
    assert_int_equal(copy_to_gpa(d, GPA(WORLD_ARG), copies, sizeof(copies)), 0);
    assert_int_equal(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, WORLD_ARG, 2), 0);
    assert_int_equal(copy_from_gpa(d, copies, GPA(WORLD_ARG), sizeof(copies)), 0);
    assert_int_equal(copies[0].status, GNTST_okay);
    assert_int_equal(copies[1].status, GNTST_okay);
    assert_memory_equal(guest_page(d, 22), "narrow", 6);
    copies[0].source_gmfn = 999;
    assert_int_equal(call_with(__HYPERVISOR_grant_table_op, GNTTABOP_copy, copies, sizeof(copies[0])), 0);
    assert_int_equal(copies[0].status, GNTST_bad_page);
}

static void runstate_has_no_gap(void **state)
{
    const uint32_t area[2] = {21 * PAGE_SIZE - 20, 0x77777777}; /* the upper half is not the caller's to set */
    uint8_t seen[48];
    uint64_t times[5];

    memset(guest_at(d, area[0]), 0x55, 20);
    memset(guest_page(d, 21), 0x55, 40);
    v->runstate = (struct vcpu_runstate_info){.state = RUNSTATE_running, .state_entry_time = 5, .time = {1, 2, 3, 4}};
    assert_int_equal(
        call_with(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, (void *)(uintptr_t)area, sizeof(area)),
        0);
    assert_int_equal(copy_from_gpa(d, seen, GPA(area[0]), sizeof(seen)), 0);
    memcpy(times, seen + 4, sizeof(times));
    assert_int_equal(seen[0], RUNSTATE_running);
    assert_int_equal(times[0], 5);
    assert_int_equal(times[1], 1);
    assert_int_equal(times[4], 4);
    assert_int_equal(seen[44], 0x55);

    assert_int_equal(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0), 0);
    v->runstate.state_entry_time = 7;
    vcpu_runstate_publish(v);
    assert_int_equal(copy_from_gpa(d, times, GPA(area[0] + 4), sizeof(times)), 0);
    assert_int_equal(times[0], 7);
    assert_int_equal(call_with(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, seen, 44), 0);
    memcpy(times, seen + 4, sizeof(times));
    assert_int_equal(times[0], 7);
}

/* ---- events ---- */

static void map_shared_info(void)
{
    uint32_t add[4] = {DOMID_SELF, XENMAPSPACE_shared_info, 0, 50};

    assert_int_equal(call_with(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add, sizeof(add)), 0);
}

static evtchn_port_t open_ipi(void)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};

    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    return ipi.port;
}

static void forget_events(struct vcpu_info_x86_32 *info)
{
    info->evtchn_pending_sel = 0;
    info->evtchn_upcall_pending = 0;
}

static void events_go_to_words_of_32_bits(void **state)
{
    struct shared_info_x86_32 *s = narrow_shared_info(d);
    struct vcpu_info_x86_32 *info = &s->vcpu_info[0];
    evtchn_port_t port = 0;

    map_shared_info();
    assert_true(d->is_narrow);
    assert_int_equal(s->evtchn_mask[31], ~0u); /* as for everybody: all masked at first */
    while (port < 70)
        port = open_ipi();
    forget_events(info);
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port, sizeof(port)), 0);
    assert_int_equal(s->evtchn_pending[2], 1u << 6);
    assert_int_equal(info->evtchn_pending_sel, 0);
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &port, sizeof(port)), 0);
    assert_int_equal(s->evtchn_mask[2], ~(1u << 6));
    assert_int_equal(info->evtchn_pending_sel, 1u << 2);
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(info->arch.cr2, 0); /* where a 64-bit selector would be */
}

static void there_are_1024_ports(void **state)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    struct shared_info_x86_32 *s = narrow_shared_info(d);
    evtchn_port_t port = 0;

    map_shared_info();
    while (port < NARROW_PORTS - 1)
        port = open_ipi();
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), -XEN_ENOSPC);
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port, sizeof(port)), 0);
    assert_int_equal(s->evtchn_pending[31], 1u << 31);
}

static void polls_name_their_ports_in_32_bits(void **state)
{
    map_shared_info();
    uint32_t port = open_ipi(), poll[4] = {WORLD_SCRATCH, 1, 5, 1};

    assert_int_equal(copy_to_gpa(d, GPA(WORLD_SCRATCH), &port, sizeof(port)), 0);
    assert_int_equal(call_with(__HYPERVISOR_sched_op, SCHEDOP_poll, poll, sizeof(poll)), 0);
    assert_int_equal(v->poll_ports[0], port);
    assert_int_equal(v->poll_deadline, 1ul << 32 | 5);
    assert_int_equal(notes(v)->blocks, 1);
}

static void the_wall_clock_is_elsewhere(void **state)
{
    struct shared_info_x86_32 *s = narrow_shared_info(d);

    world.wall_sec = 5ul << 32 | 1234;
    world.wall_nsec = 99;
    map_shared_info();
    assert_int_equal(s->wc_sec, 1234);
    assert_int_equal(s->wc_nsec, 99);
    assert_int_equal(s->arch.wc_sec_hi, 5);
    assert_int_equal(s->wc_version % 2, 0);
    assert_true(s->wc_version);
}

/* A 64-bit kernel started by a 32-bit one, or the other way round. */
static void the_shape_follows_the_kernel(void **state)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = 2ul << 56 | 0x30};
    evtchn_port_t port;

    map_shared_info();
    port = open_ipi();
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &port, sizeof(port)), 0);
    assert_int_equal(call_with(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port, sizeof(port)), 0);
    notes(v)->compat = false;
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_set_param, &param, sizeof(param)), 0);
    assert_false(d->is_narrow);
    assert_true(port_pending(d, port));
    assert_int_equal(d->shared_info->evtchn_mask[0], ~(1ul << port));
    assert_int_equal(d->shared_info->evtchn_mask[63], ~0ul);
    assert_int_equal(d->shared_info->evtchn_pending[2], 0); /* where the masks were */
    assert_int_equal(v->info->evtchn_pending_sel, ~0ul);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    notes(v)->compat = true;
    assert_int_equal(call_with(__HYPERVISOR_hvm_op, HVMOP_set_param, &param, sizeof(param)), 0);
    assert_true(d->is_narrow);
    assert_int_equal(narrow_shared_info(d)->evtchn_mask[0], ~(1u << port));
}

/* The toolstack sets parameters of others from where it is: that says nothing about their kernels. */
static void others_do_not_change_the_shape(void **state)
{
    struct xen_hvm_param param = {.domid = 1, .index = HVM_PARAM_CALLBACK_IRQ, .value = 2ul << 56 | 0x30};

    map_shared_info();
    assert_int_equal(hc_arg(control->vcpus[0], __HYPERVISOR_hvm_op, HVMOP_set_param, &param, sizeof(param)), 0);
    assert_true(d->is_narrow);
    assert_false(control->is_narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arguments_are_in_other_registers),
        TEST(real_mode_may_not_call),
        TEST(words_have_32_bits),
        TEST(a_deadline_comes_in_two_registers),
        TEST(long_calls_go_on_where_they_were),
        TEST(pages_are_put_into_the_address_space),
        TEST(copies_are_laid_out_closer),
        TEST(runstate_has_no_gap),
        TEST(events_go_to_words_of_32_bits),
        TEST(there_are_1024_ports),
        TEST(polls_name_their_ports_in_32_bits),
        TEST(the_wall_clock_is_elsewhere),
        TEST(the_shape_follows_the_kernel),
        TEST(others_do_not_change_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
