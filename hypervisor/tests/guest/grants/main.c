/* grants - the grant table of a domain that lends pages to itself: map, unmap, copy, and refusals */
#include <hv/string.h>
#include "guest.h"

#define REF 9u

static struct grant_entry_v1 *table;
static uint8_t *page, *hole;
static domid_t self;

static void setup(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_set_version version = {.version = 1};
    table = page_alloc(1);
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = PTR(table) >> PAGE_SHIFT};
    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    check_eq(grant_op(GNTTABOP_query_size, &size, 1), 0);
    check_eq(size.status, GNTST_okay);
    check(size.nr_frames >= 1 && size.max_nr_frames >= size.nr_frames, "%u of %u frames", size.nr_frames,
          size.max_nr_frames);
    check_eq(grant_op(GNTTABOP_set_version, &version, 1), 0);

    page = page_alloc(1);
    hole = page_alloc(1);
    xen_pfn_t gfn = PTR(hole) >> PAGE_SHIFT;
    struct xen_memory_reservation release = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(release.extent_start, &gfn);
    check_eq(memory_op(XENMEM_decrease_reservation, &release), 1);
}

static struct gnttab_map_grant_ref map(uint32_t flags, grant_ref_t ref)
{
    struct gnttab_map_grant_ref m = {.host_addr = PTR(hole), .flags = flags, .ref = ref, .dom = self};
    check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    return m;
}

static int16_t unmap(grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = PTR(hole), .handle = handle};
    check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    return u.status;
}

static void offer(grant_ref_t ref, uint16_t flags, domid_t to)
{
    table[ref].frame = (uint32_t)(PTR(page) >> PAGE_SHIFT);
    table[ref].domid = to;
    __atomic_store_n(&table[ref].flags, flags, __ATOMIC_RELEASE);
}

static void page_is_shared(void)
{
    offer(REF, GTF_permit_access, self);
    struct gnttab_map_grant_ref m = map(GNTMAP_host_map, REF);
    check_eq(m.status, GNTST_okay);
    check_eq(table[REF].flags, GTF_permit_access | GTF_reading | GTF_writing);
    memcpy(page, "lent", 5);
    check(!memcmp(hole, "lent", 5), "the mapping shows %lx instead of %lx", *(uint64_t *)hole, *(uint64_t *)page);
    hole[100] = 0x77;
    check_eq(page[100], 0x77);
    check_eq(unmap(m.handle), GNTST_okay);
    check_eq(table[REF].flags, GTF_permit_access);
    check_eq(unmap(m.handle), GNTST_bad_handle);
    check_eq(*(volatile uint32_t *)hole, 0xffffffff);
}

static void read_only_is_read_only(void)
{
    offer(REF, GTF_permit_access | GTF_readonly, self);
    check(map(GNTMAP_host_map, REF).status != GNTST_okay, "a read-only grant was mapped writable");
    struct gnttab_map_grant_ref m = map(GNTMAP_host_map | GNTMAP_readonly, REF);
    check_eq(m.status, GNTST_okay);
    check_eq(table[REF].flags, GTF_permit_access | GTF_readonly | GTF_reading);
    check_eq(memcmp(hole, "lent", 5), 0);
    check_eq(unmap(m.handle), GNTST_okay);
}

static void refusals(void)
{
    check(map(GNTMAP_host_map, 100).status < 0, "an empty entry was mapped");
    check_eq(map(GNTMAP_host_map, 10000000).status, GNTST_bad_gntref);
    offer(REF, GTF_permit_access, 77);
    check(map(GNTMAP_host_map, REF).status < 0, "a grant to another domain was mapped");
    offer(REF, GTF_permit_access, self);
    table[REF].frame = 0xfffffff0;
    check(map(GNTMAP_host_map, REF).status < 0, "a frame that is not there was mapped");
    offer(REF, GTF_permit_access, self);
    struct gnttab_map_grant_ref m = {.host_addr = PTR(hole), .flags = GNTMAP_host_map, .ref = REF, .dom = 77};
    check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    check_eq(m.status, GNTST_bad_domain);
    check(map(GNTMAP_device_map, REF).status < 0, "device_map was accepted");
    check_eq(table[REF].flags, GTF_permit_access);
    check_eq(unmap(0xfffffff0), GNTST_bad_handle);
}

static void copies(void)
{
    uint8_t *to = page_alloc(1);
    struct gnttab_copy c = {.source = {.u.ref = REF, .domid = self, .offset = 10},
                            .dest = {.u.gmfn = PTR(to) >> PAGE_SHIFT, .domid = DOMID_SELF, .offset = 20},
                            .len = 1000,
                            .flags = GNTCOPY_source_gref};
    offer(REF, GTF_permit_access, self);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        page[i] = (uint8_t)(i * 7);
    check_eq(grant_op(GNTTABOP_copy, &c, 1), 0);
    check_eq(c.status, GNTST_okay);
    check_eq(memcmp(to + 20, page + 10, 1000), 0);
    check_eq(to[19], 0);
    check_eq(to[1020], 0);
    c.source.offset = 4000;
    check_eq(grant_op(GNTTABOP_copy, &c, 1), 0); /* would leave the page */
    check_eq(c.status, GNTST_bad_copy_arg);
    check_eq(table[REF].flags, GTF_permit_access);
}

void test_main(void)
{
    struct cpuid domid = cpuid(xen_cpuid_base() + 4, 0);
    self = domid.a & BIT(4) ? (domid_t)domid.c : 0;
    setup();
    page_is_shared();
    read_only_is_read_only();
    refusals();
    copies();
}
