/* test_memory.c - address spaces: RAM given and taken, pages shown, others' pages mapped, dom0's pages that come home
 */
#include "world_test.h"

static struct domain *dom_zero, *a, *b;
static struct vcpu *v0, *va;

static int three_domains(void **state)
{
    world_setup();
    dom_zero = world_domain(0, 1);
    a = world_domain(1, 1);
    b = world_domain(2, 1);
    v0 = dom_zero->vcpus[0];
    va = a->vcpus[0];
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, three_domains, teardown)

/* populate or decrease of a list of gfns */
static long reserve(struct vcpu *v, uint64_t op, domid_t id, const uint64_t *gfns, unsigned int n, unsigned int order)
{
    struct xen_memory_reservation r = {
        .extent_start.p = (void *)WORLD_SCRATCH, .nr_extents = n, .extent_order = order, .domid = id};

    assert_int_equal(copy_to_gpa(v->domain, GPA(WORLD_SCRATCH), gfns, n * sizeof(*gfns)), 0);
    return hc_arg(v, __HYPERVISOR_memory_op, op, &r, sizeof(r));
}
static long populate(struct vcpu *v, domid_t id, uint64_t gfn, unsigned int order)
{
    return reserve(v, XENMEM_populate_physmap, id, &gfn, 1, order);
}
static long decrease(struct vcpu *v, domid_t id, uint64_t gfn, unsigned int order)
{
    return reserve(v, XENMEM_decrease_reservation, id, &gfn, 1, order);
}
static long add(struct vcpu *v, domid_t id, unsigned int space, uint64_t idx, uint64_t gfn)
{
    struct xen_add_to_physmap x = {.domid = id, .space = space, .idx = idx, .gpfn = gfn};
    return hc_arg(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &x, sizeof(x));
}
static long remove_page(struct vcpu *v, domid_t id, uint64_t gfn)
{
    struct xen_remove_from_physmap x = {.domid = id, .gpfn = gfn};
    return hc_arg(v, __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &x, sizeof(x));
}
/* One page; returns the item's error, or the call's if it failed as a whole. */
static long foreign(struct vcpu *v, domid_t from, uint64_t their_gfn, uint64_t my_gfn)
{
    struct {
        uint64_t idx, gfn;
        int err;
    } lists = {their_gfn, my_gfn, 7777};
    struct xen_add_to_physmap_batch x = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = from};

    x.idxs.p = (void *)WORLD_SCRATCH;
    x.gpfns.p = (void *)(WORLD_SCRATCH + 8);
    x.errs.p = (void *)(WORLD_SCRATCH + 16);
    assert_int_equal(copy_to_gpa(v->domain, GPA(WORLD_SCRATCH), &lists, sizeof(lists)), 0);
    long rc = hc_arg(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &x, sizeof(x));
    assert_int_equal(copy_from_gpa(v->domain, &lists, GPA(WORLD_SCRATCH), sizeof(lists)), 0);
    if (rc == 0)
        assert_int_not_equal(lists.err, 7777);
    return rc ? rc : lists.err;
}

static void shared_info_replaces_ram(void **state)
{
    mfn_t before = p2m_lookup(a, GFN(1)).mfn;

    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_shared_info, 0, 50), 0);
    assert_ptr_equal(guest_page(a, 50), a->shared_info);
    assert_int_equal(a->owned_pages, WORLD_RAM - 1);
    assert_int_equal(frame_count(before), 1);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_shared_info, 0, 51), 0); /* a second place, as after kexec */
    assert_sound();
    assert_int_equal(decrease(va, DOMID_SELF, 50, 0), 1);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_shared_info, 1, 52), -XEN_EINVAL);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_shared_info, 0, WORLD_GFNS), -XEN_EINVAL);
}

static void moving_ram_about_is_refused(void **state)
{
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_gmfn, 20, 100), -XEN_EOPNOTSUPP);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_gmfn_range, 20, 100), -XEN_EOPNOTSUPP);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_gmfn_foreign, 20, 100), -XEN_ENOSYS);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_dev_mmio, 20, 100), -XEN_EACCES);
    assert_int_equal(add(va, DOMID_SELF, 77, 20, 100), -XEN_EINVAL);
    assert_int_equal(add(va, 2, XENMAPSPACE_shared_info, 0, 100), -XEN_EPERM);
    assert_int_equal(add(va, 77, XENMAPSPACE_shared_info, 0, 100), -XEN_ESRCH);
    assert_int_equal(add(v0, 1, XENMAPSPACE_shared_info, 0, 100), 0); /* the toolstack for a domain */
    assert_ptr_equal(guest_page(a, 100), a->shared_info);
}

static void balloons_go_down_and_up(void **state)
{
    uint64_t gfns[] = {30, 31, 32};

    assert_int_equal(reserve(va, XENMEM_decrease_reservation, DOMID_SELF, gfns, 3, 0), 3);
    assert_int_equal(a->owned_pages, WORLD_RAM - 3);
    assert_int_equal(p2m_lookup(a, GFN(31)).type, P2M_HOLE);
    assert_int_equal(decrease(va, DOMID_SELF, 31, 0), 0); /* already gone: not counted */
    assert_int_equal(reserve(va, XENMEM_populate_physmap, DOMID_SELF, gfns, 3, 0), 3);
    assert_int_equal(a->owned_pages, WORLD_RAM);
    assert_memory_equal(guest_page(a, 31), (char[16]){0}, 16);
}

/* Each flush makes every CPU of the domain leave guest mode. */
static void a_list_goes_with_few_flushes(void **state)
{
    uint64_t gfns[50];

    for (unsigned int i = 0; i < 50; i++)
        gfns[i] = 10 + i;
    gfns[40] = 700; /* a hole: as far as there */
    uint64_t before = world.flushes;
    assert_int_equal(reserve(va, XENMEM_decrease_reservation, DOMID_SELF, gfns, 50, 0), 40);
    assert_int_equal(world.flushes - before, 1);
    assert_int_equal(a->owned_pages, WORLD_RAM - 40);
    assert_int_equal(p2m_lookup(a, GFN(51)).type, P2M_RAM);
}

/* The list runs into a page that is not there. */
static void a_list_that_is_cut_short_is_done_as_far_as_it_goes(void **state)
{
    struct xen_memory_reservation r = {
        .extent_start.p = (void *)(WORLD_RAM * PAGE_SIZE - 3 * 8), .nr_extents = 10, .domid = DOMID_SELF};
    uint64_t gfns[] = {30, 31, 32};

    assert_int_equal(copy_to_gpa(a, GPA(WORLD_RAM * PAGE_SIZE - 3 * 8), gfns, sizeof(gfns)), 0);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r)), 3);
    assert_int_equal(a->owned_pages, WORLD_RAM - 3);
}

static void a_domain_cannot_have_more_than_its_limit(void **state)
{
    uint64_t gfns[70];

    for (unsigned int i = 0; i < 70; i++)
        gfns[i] = 200 + i;
    assert_int_equal(reserve(va, XENMEM_populate_physmap, DOMID_SELF, gfns, 70, 0), 64);
    assert_int_equal(a->owned_pages, a->max_pages);
}

static void large_pieces_are_aligned_and_limited(void **state)
{
    a->max_pages = 4096;
    assert_int_equal(populate(va, DOMID_SELF, 512, 9), 1);
    assert_int_equal(p2m_lookup(a, GFN(700)).type, P2M_RAM);
    assert_int_equal(populate(va, DOMID_SELF, 100, 9), 0);
    assert_int_equal(populate(va, DOMID_SELF, 0, 10), 0);
    assert_int_equal(populate(va, DOMID_SELF, 0, ~0u), 0);
    assert_int_equal(populate(v0, 1, 0, 18), 0); /* there is no such piece */
    assert_int_equal(populate(v0, 1, 1ul << 60, 0), 0);
    assert_int_equal(decrease(va, DOMID_SELF, 512, 9), 1);
    assert_int_equal(a->owned_pages, WORLD_RAM);
    assert_int_equal(decrease(va, DOMID_SELF, 0, 18), 0);
}

static void pieces_between_the_sizes_of_page_tables_are_mapped_singly(void **state)
{
    a->max_pages = 4096;
    assert_int_equal(populate(va, DOMID_SELF, 512 + 32, 5), 1);
    for (uint64_t i = 0; i < 32; i++)
        assert_int_equal(p2m_lookup(a, GFN(544 + i)).mfn.v, p2m_lookup(a, GFN(544)).mfn.v + i);
    assert_int_equal(a->owned_pages, WORLD_RAM + 32);
    assert_int_equal(decrease(va, DOMID_SELF, 544, 5), 1);
    assert_int_equal(a->owned_pages, WORLD_RAM);
}

static void a_large_piece_over_single_pages_is_mapped_singly(void **state)
{
    a->max_pages = 4096;
    assert_int_equal(populate(va, DOMID_SELF, 600, 0), 1);
    mfn_t before = p2m_lookup(a, GFN(600)).mfn;
    assert_int_equal(populate(va, DOMID_SELF, 512, 9), 1);
    assert_int_equal(frame_count(before), 0);
    assert_int_equal(p2m_lookup(a, GFN(600)).mfn.v, p2m_lookup(a, GFN(512)).mfn.v + 88);
    assert_int_equal(a->owned_pages, WORLD_RAM + 512);
}

static void lists_are_preempted_and_go_on(void **state)
{
    enum { N = 40 };
    uint64_t gfns[N];
    struct xen_memory_reservation r = {.extent_start.p = (void *)WORLD_SCRATCH, .nr_extents = N, .domid = DOMID_SELF};

    for (unsigned int i = 0; i < N; i++)
        gfns[i] = 200 + i;
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), gfns, sizeof(gfns)), 0);
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_ARG), &r, sizeof(r)), 0);
    va->kicked = true;
    va->private->regs.gpr[RAX] = __HYPERVISOR_memory_op;
    va->private->regs.gpr[RDI] = XENMEM_populate_physmap;
    va->private->regs.gpr[RSI] = WORLD_ARG;
    unsigned int steps = 1;
    while (hc_step(va)) {
        assert_int_equal(va->private->regs.gpr[RDI], XENMEM_populate_physmap | steps << 6);
        steps++;
    }
    assert_int_equal(steps, N);
    assert_int_equal(va->private->regs.gpr[RAX], N);
    va->kicked = false;
    /* a position that no interrupted call had */
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_populate_physmap | 41 << 6, WORLD_ARG, 0), 41);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_remove_from_physmap | 1 << 6, WORLD_ARG, 0), -XEN_EINVAL);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page | 1 << 6, WORLD_ARG, 0), -XEN_EINVAL);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_populate_physmap | 40 << 6, WORLD_ARG, 0), 40);
}

static void others_memory_is_the_control_domain_s_business(void **state)
{
    /* these two tell how far they came, and nothing else, as in Xen */
    assert_int_equal(populate(va, 2, 100, 0), 0);
    assert_int_equal(decrease(va, 2, 20, 0), 0);
    assert_int_equal(p2m_lookup(b, GFN(20)).type, P2M_RAM);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_populate_physmap, ~7ul, 0), 0);
    assert_int_equal(remove_page(va, 2, 20), -XEN_EPERM);
    assert_int_equal(remove_page(va, 77, 20), -XEN_ESRCH);
    assert_int_equal(populate(v0, 2, 100, 0), 1);
    assert_int_equal(decrease(v0, 2, 100, 0), 1);
    assert_int_equal(populate(v0, 77, 100, 0), 0);
}

static void the_dying_get_nothing(void **state)
{
    assert_int_equal(domain_destroy(b), 0);
    assert_int_equal(populate(v0, 2, 100, 0), 0);
    assert_int_equal(b->owned_pages, 0);
    assert_int_equal(foreign(v0, 2, 20, 200), -XEN_ESRCH);
    assert_int_equal(add(v0, 2, XENMAPSPACE_shared_info, 0, 100), -XEN_ESRCH);
    assert_int_equal(p2m_lookup(b, GFN(100)).type, P2M_HOLE);
    assert_int_equal(remove_page(v0, 2, 20), -XEN_ESRCH);
}

/* ---- foreign mappings ---- */

static void foreign_pages_outlive_their_domain(void **state)
{
    mfn_t mfn = p2m_lookup(b, GFN(20)).mfn;

    strcpy(guest_page(b, 20), "theirs");
    assert_int_equal(foreign(v0, 2, 20, 200), 0);
    assert_string_equal(guest_page(dom_zero, 200), "theirs");
    assert_int_equal(domain_destroy(b), 0);
    assert_string_equal(guest_page(dom_zero, 200), "theirs");
    assert_int_equal(frame_count(mfn), 1);
    assert_int_equal(remove_page(v0, DOMID_SELF, 200), 0);
    assert_int_equal(frame_count(mfn), 0);
    assert_int_equal(remove_page(v0, DOMID_SELF, 200), -XEN_ENOENT);
}

static void foreign_pages_are_for_the_control_domain(void **state)
{
    assert_int_equal(foreign(va, 2, 20, 200), -XEN_EPERM);
    assert_int_equal(foreign(va, 1, 20, 200), -XEN_EPERM);
    assert_int_equal(foreign(va, 77, 20, 200), -XEN_ESRCH);
    assert_int_equal(foreign(v0, 0, 20, 200), -XEN_EPERM); /* itself */
    assert_int_equal(foreign(v0, DOMID_SELF, 20, 200), -XEN_ESRCH);
    assert_int_equal(foreign(v0, DOMID_IO, 20, 200), -XEN_ESRCH);
    assert_int_equal(foreign(v0, 2, 999, 200), -XEN_EINVAL);
    assert_int_equal(foreign(v0, 2, 20, WORLD_GFNS), -XEN_EINVAL);
}

static void a_foreign_page_over_another_drops_it(void **state)
{
    assert_int_equal(foreign(v0, 2, 20, 200), 0);
    assert_int_equal(foreign(v0, 1, 21, 200), 0);
    assert_int_equal(frame_count(p2m_lookup(b, GFN(20)).mfn), 1);
    assert_int_equal(frame_count(p2m_lookup(a, GFN(21)).mfn), 2);
}

static void a_domain_shows_itself_its_pages_in_batches(void **state)
{
    struct {
        uint64_t idx[2], gfn[2];
        int err[2];
    } lists = {{0, 9}, {100, 101}, {1, 1}};
    struct xen_add_to_physmap_batch x = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .size = 2};

    x.idxs.p = (void *)WORLD_SCRATCH;
    x.gpfns.p = (void *)(WORLD_SCRATCH + 16);
    x.errs.p = (void *)(WORLD_SCRATCH + 32);
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), &lists, sizeof(lists)), 0);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &x, sizeof(x)), 0);
    assert_int_equal(copy_from_gpa(a, &lists, GPA(WORLD_SCRATCH), sizeof(lists)), 0);
    assert_int_equal(lists.err[0], 0);
    assert_int_equal(lists.err[1], -XEN_EINVAL);
}

/* ---- resources ---- */

static void dom0_seeds_a_grant_table(void **state)
{
    uint64_t gfn = 300;
    struct xen_mem_acquire_resource r = {.domid = 2, .type = XENMEM_resource_grant_table};

    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), 0);
    assert_int_equal(r.nr_frames, 4);
    assert_int_equal(copy_to_gpa(dom_zero, GPA(WORLD_SCRATCH), &gfn, sizeof(gfn)), 0);
    r.nr_frames = 1;
    r.frame_list.p = (void *)WORLD_SCRATCH;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), 0);
    ((struct grant_entry_v1 *)guest_page(dom_zero, 300))[GNTTAB_RESERVED_XENSTORE] =
        (struct grant_entry_v1){GTF_permit_access, 0, 20};
    struct gnttab_map_grant_ref m = grant_map(v0, 2, GNTTAB_RESERVED_XENSTORE, 301, 0);
    assert_int_equal(m.status, GNTST_okay);
    /* the table's page lives as long as it is mapped */
    assert_int_equal(domain_destroy(b), 0);
    assert_int_equal(grant_unmap(v0, m.handle, 301), GNTST_okay);
    assert_int_equal(((struct grant_entry_v1 *)guest_page(dom_zero, 300))[1].domid, 0);
    domain_put(b);
    assert_null(domain_get(2));
    ((struct grant_entry_v1 *)guest_page(dom_zero, 300))[1].frame = 5;
    assert_int_equal(remove_page(v0, DOMID_SELF, 300), 0);
}

static void resources_are_checked(void **state)
{
    struct xen_mem_acquire_resource good = {.domid = 2,
                                            .type = XENMEM_resource_grant_table,
                                            .nr_frames = 1,
                                            .frame_list.p = (void *)WORLD_SCRATCH},
                                    r;
    uint64_t gfn = 300;

    assert_int_equal(copy_to_gpa(dom_zero, GPA(WORLD_SCRATCH), &gfn, sizeof(gfn)), 0);
    assert_int_equal(copy_to_gpa(a, GPA(WORLD_SCRATCH), &gfn, sizeof(gfn)), 0);
    r = good;
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EPERM);
    r = good, r.type = XENMEM_resource_ioreq_server;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.pad = 1;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.frame = 4;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.frame = ~0ul;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.nr_frames = 5;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EINVAL);
    r = good, r.domid = DOMID_SELF;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_ESRCH);
    r.domid = 0;
    assert_int_equal(hc_arg(v0, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_EPERM);
    r.domid = 77;
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_acquire_resource, &r, sizeof(r)), -XEN_ESRCH);
    assert_int_equal(p2m_lookup(dom_zero, GFN(300)).type, P2M_HOLE);
}

/* ---- the direct-mapped domain ---- */

static void released_pages_of_dom0_come_home(void **state)
{
    strcpy(guest_page(dom_zero, 30), "mine");
    assert_int_equal(decrease(v0, DOMID_SELF, 30, 0), 1);
    assert_int_equal(p2m_lookup(dom_zero, GFN(30)).type, P2M_HOLE);
    assert_int_equal(frame_owner(MFN(30)), 0);
    assert_int_equal(frame_count(MFN(30)), 1);
    assert_sound();
    assert_int_equal(decrease(v0, DOMID_SELF, 30, 0), 0);
    assert_int_equal(populate(v0, DOMID_SELF, 30, 0), 1);
    assert_int_equal(p2m_lookup(dom_zero, GFN(30)).mfn.v, 30);
    assert_int_equal(populate(v0, DOMID_SELF, 30, 0), 0);  /* it is there already */
    assert_int_equal(populate(v0, DOMID_SELF, 200, 0), 0); /* no memory of its own there */
    assert_int_equal(populate(v0, DOMID_SELF, 1ul << 40, 0), 0);
}

static void pages_mapped_over_dom0_s_ram_do_not_lose_it(void **state)
{
    assert_int_equal(add(v0, DOMID_SELF, XENMAPSPACE_shared_info, 0, 1), 0);
    assert_int_equal(frame_count(MFN(1)), 1);
    assert_sound();
    assert_int_equal(populate(v0, DOMID_SELF, 1, 0), 1); /* comes back, shared_info goes */
    assert_int_equal(p2m_lookup(dom_zero, GFN(1)).mfn.v, 1);
    assert_sound();
    assert_int_equal(foreign(v0, 2, 20, 33), 0);
    assert_sound();
    assert_int_equal(remove_page(v0, DOMID_SELF, 33), 0);
    assert_int_equal(populate(v0, DOMID_SELF, 33, 0), 1);
    grant(b, 10, 0, 20, 0);
    struct gnttab_map_grant_ref m = grant_map(v0, 2, 10, 34, 0);
    assert_int_equal(m.status, GNTST_okay);
    assert_sound();
    assert_int_equal(populate(v0, DOMID_SELF, 34, 0), 1); /* over the mapping */
    assert_sound();
    assert_int_equal(grant_unmap(v0, m.handle, 34), GNTST_okay);
    assert_int_equal(p2m_lookup(dom_zero, GFN(34)).mfn.v, 34);
}

static void parked_pages_that_others_use_stay_counted(void **state)
{
    grant(dom_zero, 10, 1, 35, 0);
    struct gnttab_map_grant_ref m = grant_map(va, 0, 10, 200, 0);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(decrease(v0, DOMID_SELF, 35, 0), 1);
    assert_int_equal(frame_count(MFN(35)), 2);
    assert_int_equal(populate(v0, DOMID_SELF, 35, 0), 1);
    assert_int_equal(frame_count(MFN(35)), 2);
    assert_int_equal(decrease(v0, DOMID_SELF, 35, 0), 1);
    assert_int_equal(grant_unmap(va, m.handle, 200), GNTST_okay);
    assert_int_equal(frame_count(MFN(35)), 1);
    assert_sound();
    assert_int_equal(populate(v0, DOMID_SELF, 35, 0), 1);
}

static void device_memory_is_not_released(void **state)
{
    assert_int_equal(p2m_map(dom_zero, GFN(500), MFN(0xfee00), P2M_MMIO), 0);
    assert_int_equal(decrease(v0, DOMID_SELF, 500, 0), 0);
    assert_int_equal(remove_page(v0, DOMID_SELF, 500), -XEN_ENOENT);
    assert_int_equal(p2m_lookup(dom_zero, GFN(500)).type, P2M_MMIO);
}

static void questions_are_answered(void **state)
{
    domid_t self = DOMID_SELF, other = 2, nobody = 77;

    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_current_reservation, &self, sizeof(self)), WORLD_RAM);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_maximum_reservation, &self, sizeof(self)),
                     2 * WORLD_RAM);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_maximum_gpfn, &self, sizeof(self)), WORLD_RAM - 1);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_current_reservation, &other, sizeof(other)), -XEN_EPERM);
    assert_int_equal(hc_arg(va, __HYPERVISOR_memory_op, XENMEM_current_reservation, &nobody, sizeof(nobody)),
                     -XEN_ESRCH);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0), WORLD_FRAMES - 1);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_memory_map, WORLD_ARG, 0), -XEN_ENOSYS);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, 63, WORLD_ARG, 0), -XEN_ENOSYS);
    assert_int_equal(hc(va, __HYPERVISOR_memory_op, XENMEM_increase_reservation, WORLD_ARG, 0), -XEN_ENOSYS);
}

static void shortage_changes_nothing(void **state)
{
    world.fail_heap_after = 0;
    assert_int_equal(populate(va, DOMID_SELF, 200, 0), 0);
    assert_int_equal(add(va, DOMID_SELF, XENMAPSPACE_shared_info, 0, 200), -XEN_ENOMEM);
    assert_int_equal(add(v0, DOMID_SELF, XENMAPSPACE_shared_info, 0, 1), -XEN_ENOMEM);
    assert_int_equal(foreign(v0, 2, 20, 200), -XEN_ENOMEM);
    world.fail_heap_after = SIZE_MAX;
    assert_int_equal(a->owned_pages, WORLD_RAM);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shared_info_replaces_ram),
        TEST(moving_ram_about_is_refused),
        TEST(balloons_go_down_and_up),
        TEST(a_list_goes_with_few_flushes),
        TEST(a_list_that_is_cut_short_is_done_as_far_as_it_goes),
        TEST(a_domain_cannot_have_more_than_its_limit),
        TEST(large_pieces_are_aligned_and_limited),
        TEST(a_large_piece_over_single_pages_is_mapped_singly),
        TEST(pieces_between_the_sizes_of_page_tables_are_mapped_singly),
        TEST(lists_are_preempted_and_go_on),
        TEST(others_memory_is_the_control_domain_s_business),
        TEST(the_dying_get_nothing),
        TEST(foreign_pages_outlive_their_domain),
        TEST(foreign_pages_are_for_the_control_domain),
        TEST(a_foreign_page_over_another_drops_it),
        TEST(a_domain_shows_itself_its_pages_in_batches),
        TEST(dom0_seeds_a_grant_table),
        TEST(resources_are_checked),
        TEST(released_pages_of_dom0_come_home),
        TEST(pages_mapped_over_dom0_s_ram_do_not_lose_it),
        TEST(parked_pages_that_others_use_stay_counted),
        TEST(device_memory_is_not_released),
        TEST(questions_are_answered),
        TEST(shortage_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
