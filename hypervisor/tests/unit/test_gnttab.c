/* test_gnttab.c - grants: what may be used, what stays when somebody dies, and what others see meanwhile */
#include <pthread.h>
#include <sched.h>
#include "world_test.h"
#include "xen/grants.h"

static struct domain *dom_zero, *a, *b; /* b grants, a maps */
static struct vcpu *va, *vb;

static int three_domains(void **state)
{
    world_setup();
    dom_zero = world_domain(0, 1);
    a = world_domain(1, 2);
    b = world_domain(2, 2);
    va = a->vcpus[0];
    vb = b->vcpus[0];
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, three_domains, teardown)
#define SLOT       200u /* a gfn without RAM, where things are mapped */

static void a_granted_page_is_the_same_page(void **state)
{
    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(va, 2, 10, SLOT, 0);
    assert_int_equal(m.status, GNTST_okay);
    strcpy(guest_page(b, 20), "hello");
    assert_string_equal(guest_page(a, SLOT), "hello");
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).type, P2M_GRANT_RW);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(gnttab_mapped_count(b), 1);
    assert_sound();
    assert_int_equal(grant_unmap(va, m.handle, SLOT), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).type, P2M_HOLE);
    assert_int_equal(gnttab_mapped_count(b), 0);
    assert_int_equal(grant_unmap(va, m.handle, SLOT), GNTST_bad_handle);
}

static void flags_follow_the_last_user(void **state)
{
    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref r1 = grant_map(va, 2, 10, SLOT, GNTMAP_readonly),
                                r2 = grant_map(va, 2, 10, SLOT + 1, GNTMAP_readonly);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).type, P2M_GRANT_RO);
    struct gnttab_map_grant_ref w = grant_map(va, 2, 10, SLOT + 2, 0);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(grant_unmap(va, w.handle, SLOT + 2), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(grant_unmap(va, r1.handle, SLOT), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(grant_unmap(va, r2.handle, SLOT + 1), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
}

static void a_reader_that_leaves_does_not_hide_a_writer(void **state)
{
    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref w = grant_map(va, 2, 10, SLOT, 0), r = grant_map(va, 2, 10, SLOT + 1, GNTMAP_readonly);
    assert_int_equal(grant_unmap(va, r.handle, SLOT + 1), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    grant_entry(b, 10)->frame = 999; /* a failed use does not hide it either */
    assert_int_equal(grant_map(va, 2, 10, SLOT + 1, GNTMAP_readonly).status, GNTST_bad_page);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(grant_unmap(va, w.handle, SLOT), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
}

static void what_is_not_granted_is_refused(void **state)
{
    assert_int_equal(grant_map(va, 2, 11, SLOT, 0).status, GNTST_general_error); /* invalid entry */
    grant(b, 11, 0, 20, 0);
    assert_int_equal(grant_map(va, 2, 11, SLOT, 0).status, GNTST_general_error); /* for another domain */
    grant(b, 11, 1, 20, GTF_readonly);
    assert_int_equal(grant_map(va, 2, 11, SLOT, 0).status, GNTST_general_error); /* read-only */
    assert_int_equal(grant_map(va, 2, 11, SLOT, GNTMAP_readonly).status, GNTST_okay);
    grant(b, 12, 1, 999, 0);
    assert_int_equal(grant_map(va, 2, 12, SLOT + 1, 0).status, GNTST_bad_page); /* no RAM there */
    assert_int_equal(grant_entry(b, 12)->flags, GTF_permit_access);
    grant(b, 12, 1, 20, GTF_sub_page);
    assert_int_equal(grant_map(va, 2, 12, SLOT + 1, 0).status, GNTST_general_error);
    assert_int_equal(grant_map(va, 2, 512, SLOT + 1, 0).status, GNTST_bad_gntref); /* beyond the table */
    assert_int_equal(grant_map(va, 2, ~0u, SLOT + 1, 0).status, GNTST_bad_gntref);
    assert_int_equal(grant_map(va, 9, 1, SLOT + 1, 0).status, GNTST_bad_domain);
    assert_int_equal(grant_map(va, DOMID_XEN, 1, SLOT + 1, 0).status, GNTST_bad_domain);
    assert_int_equal(gnttab_mapped_count(b), 1);
}

static void map_flags_are_those_of_pvh(void **state)
{
    struct gnttab_map_grant_ref m = {.host_addr = SLOT << PAGE_SHIFT, .ref = 10, .dom = 2};
    const struct {
        uint32_t flags;
        int status;
    } cases[] = {
        {0, GNTST_bad_gntref},
        {GNTMAP_readonly, GNTST_bad_gntref},
        {GNTMAP_device_map, GNTST_general_error},
        {GNTMAP_device_map | GNTMAP_host_map, GNTST_general_error},
        {GNTMAP_host_map | GNTMAP_application_map, GNTST_general_error},
        {GNTMAP_host_map | GNTMAP_contains_pte, GNTST_general_error},
    };

    grant(b, 10, 1, 20, 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        m.flags = cases[i].flags;
        assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, sizeof(m)), 0);
        assert_int_equal(m.status, cases[i].status);
    }
    m.flags = GNTMAP_host_map;
    m.host_addr++;
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, sizeof(m)), 0);
    assert_int_equal(m.status, GNTST_general_error);
    assert_int_equal(grant_map(va, 2, 10, WORLD_GFNS, 0).status, GNTST_general_error); /* outside the address space */
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
}

static void pages_of_ours_cannot_be_granted_on(void **state)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = 100};

    assert_int_equal(hc_arg(vb, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, sizeof(add)), 0);
    grant(b, 10, 1, 100, 0);
    assert_int_equal(grant_map(va, 2, 10, SLOT, 0).status, GNTST_bad_page);
}

static void mapped_pages_cannot_be_granted_on(void **state)
{
    grant(b, 10, 1, 20, 0);
    assert_int_equal(grant_map(va, 2, 10, SLOT, 0).status, GNTST_okay);
    grant(a, 10, 0, SLOT, 0);
    assert_int_equal(grant_map(dom_zero->vcpus[0], 1, 10, SLOT, 0).status, GNTST_bad_page);
}

static void unmap_needs_handle_and_address(void **state)
{
    struct gnttab_unmap_grant_ref u;

    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(va, 2, 10, SLOT, 0);
    assert_int_equal(grant_unmap(va, m.handle, SLOT + 1), GNTST_general_error);
    assert_int_equal(grant_unmap(va, m.handle + 1, SLOT), GNTST_bad_handle);
    assert_int_equal(grant_unmap(va, ~0u, SLOT), GNTST_bad_handle);
    assert_int_equal(grant_unmap(vb, m.handle, SLOT), GNTST_bad_handle); /* handles are the mapper's */
    u = (struct gnttab_unmap_grant_ref){.host_addr = SLOT << PAGE_SHIFT, .dev_bus_addr = 1, .handle = m.handle};
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, sizeof(u)), 0);
    assert_int_equal(u.status, GNTST_bad_dev_addr);
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).type, P2M_GRANT_RW);
    assert_int_equal(grant_unmap(va, m.handle, SLOT), GNTST_okay);
}

static void unmap_leaves_what_came_after(void **state)
{
    grant(b, 10, 1, 20, 0);
    grant(b, 11, 1, 21, 0);
    struct gnttab_map_grant_ref first = grant_map(va, 2, 10, SLOT, 0), second = grant_map(va, 2, 11, SLOT, 0);
    assert_int_equal(second.status, GNTST_okay);
    assert_sound();
    assert_int_equal(grant_unmap(va, first.handle, SLOT), GNTST_okay);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).mfn.v, p2m_lookup(b, GFN(21)).mfn.v);
    assert_int_equal(grant_unmap(va, second.handle, SLOT), GNTST_okay);
    assert_int_equal(p2m_lookup(a, GFN(SLOT)).type, P2M_HOLE);
}

static void handles_run_out_without_harm(void **state)
{
    struct domain *d = world_domain_limited(
        3, &(struct domain_limits){.max_vcpus = 1, .max_grant_frames = 1, .max_maptrack_frames = 1, .max_ports = 8});
    struct gnttab_map_grant_ref m;
    unsigned int held = 0;

    grant(b, 10, 3, 20, 0);
    while ((m = grant_map(d->vcpus[0], 2, 10, 64 + held, GNTMAP_readonly)).status == GNTST_okay)
        held++;
    assert_int_equal(m.status, GNTST_no_space);
    assert_int_equal(held, MAPS_PER_PAGE);
    assert_sound();
    assert_int_equal(grant_unmap(d->vcpus[0], 5, p2m_max_gfn(d).v), GNTST_general_error);
    assert_int_equal(domain_destroy(d), 0);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
}

static void no_memory_no_handle(void **state)
{
    grant(b, 10, 1, 20, 0);
    world.fail_heap_after = 0;
    assert_int_equal(grant_map(va, 2, 10, SLOT, 0).status, GNTST_no_space);
    world.fail_heap_after = 2; /* directory and page of the maptrack; the address space cannot grow */
    assert_int_equal(grant_map(va, 2, 10, SLOT, 0).status, GNTST_general_error);
    world.fail_heap_after = SIZE_MAX;
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_sound();
}

static void unmap_during_death_keeps_frame_until_last_mapping(void **state)
{
    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(va, 2, 10, SLOT, 0);
    mfn_t mfn = p2m_lookup(b, GFN(20)).mfn;
    strcpy(guest_page(b, 20), "still here");
    assert_int_equal(domain_destroy(b), 0);
    domain_put(b); /* the test's: only the mapping holds it now */
    assert_int_equal(frame_count(mfn), 1);
    assert_string_equal(guest_page(a, SLOT), "still here");
    assert_non_null(domain_get(2));
    domain_put(b);
    assert_int_equal(grant_map(va, 2, 10, SLOT + 1, 0).status, GNTST_bad_domain); /* nothing new from the dead */
    assert_int_equal(grant_unmap(va, m.handle, SLOT), GNTST_okay);
    assert_int_equal(frame_count(mfn), 0);
    assert_null(domain_get(2));
    b = NULL;
}

static void the_mapper_s_death_gives_grants_back(void **state)
{
    grant(b, 10, 1, 20, 0);
    grant(b, 11, 1, 21, GTF_readonly);
    grant_map(va, 2, 10, SLOT, 0);
    grant_map(va, 2, 11, SLOT + 1, GNTMAP_readonly);
    assert_int_equal(gnttab_mapped_count(b), 2);
    assert_int_equal(domain_destroy(a), 0);
    assert_int_equal(gnttab_mapped_count(b), 0);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_int_equal(grant_entry(b, 11)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(frame_count(p2m_lookup(b, GFN(20)).mfn), 1);
}

static void ballooning_a_granted_page_keeps_it_for_the_mapper(void **state)
{
    grant(b, 10, 1, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(va, 2, 10, SLOT, 0);
    mfn_t mfn = p2m_lookup(b, GFN(20)).mfn;
    uint64_t gfn = 20;
    assert_int_equal(copy_to_gpa(b, GPA(WORLD_SCRATCH), &gfn, sizeof(gfn)), 0);
    struct xen_memory_reservation r = {.extent_start.p = (void *)WORLD_SCRATCH, .nr_extents = 1, .domid = DOMID_SELF};
    assert_int_equal(hc_arg(vb, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r)), 1);
    assert_int_equal(frame_count(mfn), 1);
    assert_sound();
    assert_int_equal(grant_unmap(va, m.handle, SLOT), GNTST_okay);
    assert_int_equal(frame_count(mfn), 0);
}

/* ---- batches ---- */

static void batches_are_preempted_and_go_on(void **state)
{
    enum { N = 100 };
    struct gnttab_map_grant_ref ops[N];

    for (uint32_t i = 0; i < N; i++) {
        grant(b, i + 8, 1, i % WORLD_RAM, 0);
        ops[i] = (struct gnttab_map_grant_ref){
            .host_addr = (SLOT + i) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = i + 8, .dom = 2};
    }
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), ops, sizeof(ops)), 0);
    va->kicked = true; /* somebody wants the vCPU: it stops at every safe point */
    va->private->regs.gpr[RAX] = __HYPERVISOR_grant_table_op;
    va->private->regs.gpr[RDI] = GNTTABOP_map_grant_ref;
    va->private->regs.gpr[RSI] = WORLD_SCRATCH;
    va->private->regs.gpr[RDX] = N;
    assert_true(hc_step(va));
    assert_int_equal(va->private->regs.gpr[RDX], N - 32);
    assert_int_equal(va->private->regs.gpr[RSI], WORLD_SCRATCH + 32 * sizeof(ops[0]));
    /* an interrupt handler makes a hypercall of its own in between */
    struct vcpu_regs saved = va->private->regs;
    assert_int_equal(hc(va, __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 20);
    va->private->regs = saved;
    unsigned int steps = 1;
    while (hc_step(va))
        steps++;
    assert_int_equal(steps, 3);
    assert_int_equal(va->private->regs.gpr[RAX], 0);
    assert_int_equal(gnttab_mapped_count(b), N);
    assert_int_equal(copy_from_gpa(a, ops, GPA(WORLD_SCRATCH), sizeof(ops)), 0);
    struct gnttab_unmap_grant_ref unmaps[N];
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(ops[i].status, GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = ops[i].host_addr, .handle = ops[i].handle};
    }
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), unmaps, sizeof(unmaps)), 0);
    uint64_t flushes = world.flushes;
    va->kicked = false;
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, WORLD_SCRATCH, N), 0);
    assert_int_equal(world.flushes - flushes, 4); /* one for each 32 */
    assert_int_equal(gnttab_mapped_count(b), 0);
}

static void time_is_shared_too(void **state)
{
    struct gnttab_unmap_grant_ref ops[100] = {0};

    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), ops, sizeof(ops)), 0);
    world.tsc_step = 600000; /* more than its share between two looks */
    va->private->regs.gpr[RAX] = __HYPERVISOR_grant_table_op;
    va->private->regs.gpr[RDI] = GNTTABOP_unmap_grant_ref;
    va->private->regs.gpr[RSI] = WORLD_SCRATCH;
    va->private->regs.gpr[RDX] = 100;
    assert_true(hc_step(va));
    assert_int_equal(va->private->regs.gpr[RDX], 100 - 64);
    assert_false(hc_step(va));
}

static void counts_are_checked(void **state)
{
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, WORLD_ARG, 0), 0);
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, WORLD_ARG, 0x80000000), -XEN_EINVAL);
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ~0ul - 7, 1), -XEN_EFAULT);
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, WORLD_ARG, 2), -XEN_EINVAL);
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_transfer, WORLD_ARG, 1), -XEN_ENOSYS);
    assert_int_equal(hc(va, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, WORLD_ARG, 1), -XEN_ENOSYS);
}

/* ---- copy ---- */

static int copy_op(struct vcpu *v, struct gnttab_copy *c)
{
    assert_int_equal(hc_arg(v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, c, sizeof(*c)), 0);
    return c->status;
}

static void copies_in_all_four_directions(void **state)
{
    struct gnttab_copy c = {.source = {.u.ref = 10, .domid = 2, .offset = 3},
                            .dest = {.u.gmfn = 30, .domid = DOMID_SELF, .offset = 5},
                            .len = 4,
                            .flags = GNTCOPY_source_gref};

    grant(b, 10, 1, 20, GTF_readonly);
    grant(b, 11, 1, 21, 0);
    strcpy((char *)guest_page(b, 20) + 3, "abcd");
    assert_int_equal(copy_op(va, &c), GNTST_okay);
    assert_memory_equal((char *)guest_page(a, 30) + 5, "abcd", 4);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_readonly);

    c = (struct gnttab_copy){.source = {.u.gmfn = 30, .domid = DOMID_SELF, .offset = 5},
                             .dest = {.u.ref = 11, .domid = 2},
                             .len = 4,
                             .flags = GNTCOPY_dest_gref};
    assert_int_equal(copy_op(va, &c), GNTST_okay);
    assert_memory_equal(guest_page(b, 21), "abcd", 4);

    c = (struct gnttab_copy){.source = {.u.ref = 10, .domid = 2, .offset = 3},
                             .dest = {.u.ref = 11, .domid = 2, .offset = 100},
                             .len = 4,
                             .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
    assert_int_equal(copy_op(va, &c), GNTST_okay);
    assert_memory_equal((char *)guest_page(b, 21) + 100, "abcd", 4);

    c = (struct gnttab_copy){.source = {.u.gmfn = 30, .domid = DOMID_SELF, .offset = 5},
                             .dest = {.u.gmfn = 30, .domid = DOMID_SELF, .offset = 7},
                             .len = 4};
    assert_int_equal(copy_op(va, &c), GNTST_okay); /* overlapping */
    assert_memory_equal((char *)guest_page(a, 30) + 7, "abcd", 4);
}

static void copies_that_must_fail(void **state)
{
    struct gnttab_copy c = {.source = {.u.ref = 10, .domid = 2},
                            .dest = {.u.gmfn = 30, .domid = DOMID_SELF},
                            .len = 4,
                            .flags = GNTCOPY_source_gref};
    struct gnttab_copy bad;

    grant(b, 10, 1, 20, GTF_readonly);
    bad = c, bad.source.offset = 4093;
    assert_int_equal(copy_op(va, &bad), GNTST_bad_copy_arg);
    bad = c, bad.dest.offset = 0xffff, bad.len = 0xffff;
    assert_int_equal(copy_op(va, &bad), GNTST_bad_copy_arg);
    bad = c, bad.dest.domid = 2;
    assert_int_equal(copy_op(va, &bad), GNTST_permission_denied); /* others' memory by frame number */
    bad = c, bad.dest.u.gmfn = 999;
    assert_int_equal(copy_op(va, &bad), GNTST_bad_page);
    bad = c, bad.source.u.ref = 77;
    assert_int_equal(copy_op(va, &bad), GNTST_general_error);
    bad = c, bad.source.domid = 66;
    assert_int_equal(copy_op(va, &bad), GNTST_bad_domain);
    bad = (struct gnttab_copy){.source = {.u.gmfn = 30, .domid = DOMID_SELF},
                               .dest = {.u.ref = 10, .domid = 2},
                               .len = 4,
                               .flags = GNTCOPY_dest_gref};
    assert_int_equal(copy_op(va, &bad), GNTST_general_error); /* granted for reading only */
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(copy_op(va, &c), GNTST_okay);
    assert_sound();
}

static void a_read_only_mapping_cannot_be_written_by_copy(void **state)
{
    grant(b, 10, 1, 20, GTF_readonly);
    grant_map(va, 2, 10, SLOT, GNTMAP_readonly);
    struct gnttab_copy c = {
        .source = {.u.gmfn = 30, .domid = DOMID_SELF}, .dest = {.u.gmfn = SLOT, .domid = DOMID_SELF}, .len = 4};
    assert_int_equal(copy_op(va, &c), GNTST_bad_page);
}

/* ---- questions ---- */

static void sizes_and_versions(void **state)
{
    struct gnttab_query_size q = {.dom = DOMID_SELF};
    struct gnttab_set_version set = {.version = 2};
    struct gnttab_get_version get = {.dom = DOMID_SELF};

    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, sizeof(q)), 0);
    assert_int_equal(q.status, GNTST_okay);
    assert_int_equal(q.nr_frames, 1);
    assert_int_equal(q.max_nr_frames, 4);
    q.dom = 2;
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, sizeof(q)), 0);
    assert_int_equal(q.status, GNTST_permission_denied);
    q.dom = 77;
    assert_int_equal(hc_arg(dom_zero->vcpus[0], __HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, sizeof(q)), 0);
    assert_int_equal(q.status, GNTST_bad_domain);
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_set_version, &set, sizeof(set)), -XEN_ENOSYS);
    assert_int_equal(set.version, 1);
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_set_version, &set, sizeof(set)), 0);
    set.version = 3;
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_set_version, &set, sizeof(set)), -XEN_EINVAL);
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_get_version, &get, sizeof(get)), 0);
    assert_int_equal(get.version, 1);
    get.dom = 2;
    assert_int_equal(hc_arg(va, __HYPERVISOR_grant_table_op, GNTTABOP_get_version, &get, sizeof(get)), -XEN_EPERM);
}

static void tables_grow_from_the_top(void **state)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 3, .gpfn = 103};

    assert_int_equal(hc_arg(vb, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, sizeof(add)), 0);
    assert_int_equal(gnttab_frame_count(b), 4);
    ((struct grant_entry_v1 *)guest_page(b, 103))[5] = (struct grant_entry_v1){GTF_permit_access, 1, 20};
    assert_int_equal(grant_map(va, 2, 3 * 512 + 5, SLOT, 0).status, GNTST_okay);
    assert_int_equal(grant_map(va, 2, 2 * 512 + 5, SLOT + 1, 0).status,
                     GNTST_bad_gntref); /* that frame nobody asked for yet */
    add.idx = 4;
    assert_int_equal(hc_arg(vb, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, sizeof(add)), -XEN_EINVAL);
    add.idx = XENMAPIDX_grant_table_status;
    assert_int_equal(hc_arg(vb, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, sizeof(add)), -XEN_EINVAL);
}

/* ---- threads ---- */

static bool stop;
static uint64_t ended; /* times the granter has had its page back */

/* What Linux does to end access: swaps the flags for 0 unless they are in use. While it holds them at 0, nobody may use
 * the page. */
static void *end_access_forever(void *arg)
{
    struct grant_entry_v1 *entry = grant_entry(b, 10);

    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        uint16_t idle = GTF_permit_access;
        if (!__atomic_compare_exchange_n(&entry->flags, &idle, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        __atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 20; i++) {
            if (__atomic_load_n(&entry->flags, __ATOMIC_SEQ_CST) != 0 || p2m_lookup(a, GFN(SLOT)).type != P2M_HOLE ||
                p2m_lookup(a, GFN(SLOT + 1)).type != P2M_HOLE)
                abort();
        }
        __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
        sched_yield();
    }
    return NULL;
}

static void *map_and_unmap(void *arg)
{
    struct vcpu *v = arg;
    uint64_t page = v->id ? 40 : 41, slot = SLOT + v->id;

    for (int mapped = 0; mapped < 2000 || __atomic_load_n(&ended, __ATOMIC_SEQ_CST) < 50;) {
        struct gnttab_map_grant_ref m = {
            .host_addr = slot << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 10, .dom = 2};
        memcpy(guest_page(a, page), &m, sizeof(m));
        if (hc(v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, page << PAGE_SHIFT, 1))
            abort();
        memcpy(&m, guest_page(a, page), sizeof(m));
        if (m.status == GNTST_general_error) {
            sched_yield();
            continue;
        }
        if (m.status || !(grant_entry(b, 10)->flags & GTF_writing))
            abort(); /* mapped, and the granter could not know */
        mapped++;
        struct gnttab_unmap_grant_ref u = {.host_addr = m.host_addr, .handle = m.handle};
        memcpy(guest_page(a, page), &u, sizeof(u));
        if (hc(v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, page << PAGE_SHIFT, 1))
            abort();
    }
    return NULL;
}

static void mapping_races_with_ending_access(void **state)
{
    pthread_t mapper[2], granter;

    stop = false;
    ended = 0;
    grant(b, 10, 1, 20, 0);
    pthread_create(&granter, NULL, end_access_forever, NULL);
    for (unsigned int i = 0; i < 2; i++)
        pthread_create(&mapper[i], NULL, map_and_unmap, a->vcpus[i]);
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(mapper[i], NULL);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(granter, NULL);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_int_equal(gnttab_mapped_count(b), 0);
}

/* The granter scribbles over its entry as fast as it can: mappers give up after a few tries, and nothing leaks. */
static void *scribble(void *arg)
{
    struct grant_entry_v1 *entry = grant_entry(b, 10);

    for (uint32_t i = 0; !__atomic_load_n(&stop, __ATOMIC_SEQ_CST); i++) {
        __atomic_store_n((uint32_t *)(void *)entry, (i * 2654435761u & 0xff) | 1u << 16, __ATOMIC_SEQ_CST);
        __atomic_store_n(&entry->frame, i % 80, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void *map_scribbled(void *arg)
{
    struct vcpu *v = arg;

    for (int i = 0; i < 10000; i++) {
        mfn_t mfn;
        if (grant_use(b, 1, 10, i & 1, true, &mfn) != GNTST_okay)
            continue;
        if (frame_owner(mfn) != 2)
            abort();
        frame_put(mfn);
        grant_unuse(b, 10, i & 1);
    }
    return v;
}

static void a_hostile_granter_harms_only_itself(void **state)
{
    pthread_t mapper[2], granter;

    stop = false;
    pthread_create(&granter, NULL, scribble, NULL);
    for (unsigned int i = 0; i < 2; i++)
        pthread_create(&mapper[i], NULL, map_scribbled, a->vcpus[i]);
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(mapper[i], NULL);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(granter, NULL);
    assert_sound();
}

/* Many uses of one grant at once: none is forgotten, none is left. */
static void *use_and_unuse(void *arg)
{
    for (int i = 0; i < 30000; i++) {
        mfn_t mfn;
        bool write = i & 1;
        if (grant_use(b, 1, 10, write, true, &mfn) != GNTST_okay)
            abort();
        uint16_t marks = (uint16_t)(GTF_reading | (write ? GTF_writing : 0));
        if ((__atomic_load_n(&grant_entry(b, 10)->flags, __ATOMIC_SEQ_CST) & marks) != marks)
            abort();
        frame_put(mfn);
        grant_unuse(b, 10, write);
    }
    return arg;
}

static void uses_of_one_grant_are_counted(void **state)
{
    pthread_t t[3];

    grant(b, 10, 1, 20, 0);
    for (unsigned int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, use_and_unuse, NULL);
    for (unsigned int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(grant_entry(b, 10)->flags, GTF_permit_access);
    assert_sound();
}

/* Two CPUs unmap the same handle: one succeeds. */
static grant_handle_t contested;

static void *unmap_contested(void *arg)
{
    struct vcpu *v = arg;
    struct gnttab_unmap_grant_ref u = {.host_addr = SLOT << PAGE_SHIFT, .handle = contested};
    uint64_t page = 40 + v->id;

    memcpy(guest_page(a, page), &u, sizeof(u));
    if (hc(v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, page << PAGE_SHIFT, 1))
        abort();
    memcpy(&u, guest_page(a, page), sizeof(u));
    return (void *)(uintptr_t)(u.status == GNTST_okay);
}

static void a_handle_is_unmapped_once(void **state)
{
    grant(b, 10, 1, 20, 0);
    for (int round = 0; round < 300; round++) {
        pthread_t t[2];
        void *won[2];
        contested = grant_map(va, 2, 10, SLOT, 0).handle;
        for (unsigned int i = 0; i < 2; i++)
            pthread_create(&t[i], NULL, unmap_contested, a->vcpus[i]);
        for (unsigned int i = 0; i < 2; i++)
            pthread_join(t[i], &won[i]);
        assert_int_equal((uintptr_t)won[0] + (uintptr_t)won[1], 1);
        assert_int_equal(gnttab_mapped_count(b), 0);
    }
}

/* Handles come from a stack without a lock: nobody gets one that another has. */
static void *take_and_give_handles(void *arg)
{
    static uint8_t taken[2 * MAPS_PER_PAGE];

    for (int i = 0; i < 50000; i++) {
        grant_handle_t h[3];
        struct map_entry *m[3];
        for (unsigned int k = 0; k < 3; k++) {
            m[k] = map_alloc(a->grants, &h[k]);
            if (!m[k] || __atomic_exchange_n(&taken[h[k]], 1, __ATOMIC_SEQ_CST))
                abort();
        }
        for (unsigned int k = 0; k < 3; k++) {
            __atomic_store_n(&taken[h[k]], 0, __ATOMIC_SEQ_CST);
            map_free(a->grants, h[k], m[k]);
        }
    }
    return NULL;
}

static void a_handle_has_one_owner(void **state)
{
    pthread_t t[4];

    for (unsigned int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, take_and_give_handles, NULL);
    for (unsigned int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_granted_page_is_the_same_page),
        TEST(flags_follow_the_last_user),
        TEST(a_reader_that_leaves_does_not_hide_a_writer),
        TEST(what_is_not_granted_is_refused),
        TEST(map_flags_are_those_of_pvh),
        TEST(pages_of_ours_cannot_be_granted_on),
        TEST(mapped_pages_cannot_be_granted_on),
        TEST(unmap_needs_handle_and_address),
        TEST(unmap_leaves_what_came_after),
        TEST(handles_run_out_without_harm),
        TEST(no_memory_no_handle),
        TEST(unmap_during_death_keeps_frame_until_last_mapping),
        TEST(the_mapper_s_death_gives_grants_back),
        TEST(ballooning_a_granted_page_keeps_it_for_the_mapper),
        TEST(batches_are_preempted_and_go_on),
        TEST(time_is_shared_too),
        TEST(counts_are_checked),
        TEST(copies_in_all_four_directions),
        TEST(copies_that_must_fail),
        TEST(a_read_only_mapping_cannot_be_written_by_copy),
        TEST(sizes_and_versions),
        TEST(tables_grow_from_the_top),
        TEST(mapping_races_with_ending_access),
        TEST(a_hostile_granter_harms_only_itself),
        TEST(uses_of_one_grant_are_counted),
        TEST(a_handle_is_unmapped_once),
        TEST(a_handle_has_one_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
