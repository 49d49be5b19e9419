/* memory - giving pages back and taking them again, moving shared_info, and what a hole looks like */
#include <hv/string.h>
#include "guest.h"

static long reservation(unsigned int cmd, xen_pfn_t *gfns, unsigned long n, unsigned int order)
{
    struct xen_memory_reservation arg = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(arg.extent_start, gfns);
    return memory_op(cmd, &arg);
}

static void pages_go_and_come_back(void)
{
    enum { PAGES = 64 };
    static xen_pfn_t gfns[PAGES];
    uint8_t *block = page_alloc(PAGES);

    for (unsigned int i = 0; i < PAGES; i++)
        gfns[i] = (PTR(block) >> PAGE_SHIFT) + i;
    memset(block, 0x5a, PAGES * PAGE_SIZE);
    check_eq(reservation(XENMEM_decrease_reservation, gfns, PAGES, 0), PAGES);
    check_eq(*(volatile uint64_t *)block, -1); /* a hole reads as ones and swallows writes */
    *(volatile uint32_t *)block = 7;
    check_eq(*(volatile uint32_t *)block, 0xffffffff);
    check_eq(reservation(XENMEM_populate_physmap, gfns, PAGES, 0), PAGES);
    for (unsigned int i = 0; i < PAGES * PAGE_SIZE; i++)
        if (block[i] && block[i] != 0x5a) /* our own bytes may come back, never another's */
            fail("page %u comes back with %#x in it", i >> PAGE_SHIFT, block[i]);
    memset(block, 0xa5, PAGES * PAGE_SIZE);
    check_eq(block[PAGES * PAGE_SIZE - 1], 0xa5);
}

static void shared_info_moves(void)
{
    struct shared_info *first = page_alloc(2), *second = (void *)((char *)first + PAGE_SIZE);
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = PTR(first) >> PAGE_SHIFT};

    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    first->evtchn_mask[63] = 0x1234567890abcdef;
    arg.gpfn = PTR(second) >> PAGE_SHIFT;
    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    check_eq(second->evtchn_mask[63], 0x1234567890abcdef); /* the same page, at another place */
    check(second->wc_sec, "no wall clock there");
}

static void limits(void)
{
    static xen_pfn_t one[1] = {1ul << 40};
    check(reservation(XENMEM_populate_physmap, one, 1, 0) <= 0, "a page beyond the address space was made");
    one[0] = 0x100000;
    check(reservation(XENMEM_decrease_reservation, one, ~0ul, 0) <= 0, "2^64 extents were taken");
    check(reservation(XENMEM_populate_physmap, one, 1, 63) <= 0, "an order of 63 was accepted");
    struct xen_add_to_physmap arg = {.domid = DOMID_SELF, .space = 77, .gpfn = 100};
    check(memory_op(XENMEM_add_to_physmap, &arg) < 0, "address space 77 exists");
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = ~0ul};
    check(memory_op(XENMEM_remove_from_physmap, &remove) < 0, "gfn -1 could be removed");
}

void test_main(void)
{
    pages_go_and_come_back();
    shared_info_moves();
    limits();
}
