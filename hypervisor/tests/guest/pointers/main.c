/* pointers - arguments across pages, at the ends of the address space, and not addresses at all */
#include <hv/string.h>
#include "guest.h"

/* Two pages of ours side by side in address space, apart (and in reverse order) in memory. */
static uint8_t *window;
static uint8_t *low, *high;

static void setup(void)
{
    high = page_alloc(3);
    low = high + 2 * PAGE_SIZE;
    map_test_page(8, PTR(low), PAGE_PRESENT | PAGE_WRITE);
    map_test_page(9, PTR(high), PAGE_PRESENT | PAGE_WRITE);
    window = (uint8_t *)(TEST_PAGES + 8 * PAGE_SIZE);
}

static void across_two_pages(void)
{
    for (unsigned int before = 1; before < sizeof(struct evtchn_alloc_unbound); before++) {
        struct evtchn_alloc_unbound in = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF}, out;
        void *at = window + PAGE_SIZE - before;
        memcpy(at, &in, sizeof(in));
        check_eq(evtchn_op(EVTCHNOP_alloc_unbound, at), 0);
        memcpy(&out, at, sizeof(out));
        check(out.port && out.port < 4096 && out.dom == DOMID_SELF, "result %u at %u bytes before the page", out.port,
              before);
        struct evtchn_close close = {.port = out.port};
        check_eq(evtchn_op(EVTCHNOP_close, &close), 0);
    }
    memcpy(window + PAGE_SIZE - 20, "pointers: one line across two pages\n", 36);
    check_eq(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 36, PTR(window + PAGE_SIZE - 20)), 0);
}

static void second_page_missing(void)
{
    struct evtchn_alloc_unbound in = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    void *at = window + PAGE_SIZE - 6;
    memcpy(at, &in, sizeof(in));
    map_test_page(9, 0, 0);
    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, at), -XEN_EFAULT);
    check_eq(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 100, PTR(at)), -XEN_EFAULT);
    map_test_page(9, 0xfffffff000000, PAGE_PRESENT | PAGE_WRITE); /* mapped to nothing */
    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, at), -XEN_EFAULT);
    map_test_page(9, PTR(high), PAGE_PRESENT | PAGE_WRITE);
}

static void not_addresses(void)
{
    static const uint64_t values[] = {~0ul,
                                      ~0ul - 3,
                                      ~0ul - 11,
                                      ~0ul - 4095,
                                      0x800000000000,
                                      0x7ffffffffffc,
                                      0x8000000000000000,
                                      0xffff7ffffffffffe,
                                      0xdeadbeefdeadbeef,
                                      0xffff800000000000,
                                      0xffffffff80000000};
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        void *p = (void *)values[i];
        check(evtchn_op(EVTCHNOP_send, p) == -XEN_EFAULT, "send from %p: %ld", p, evtchn_op(EVTCHNOP_send, p));
        check(memory_op(XENMEM_add_to_physmap, p) == -XEN_EFAULT, "memory_op from %p", p);
        check(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 64, values[i]) == -XEN_EFAULT, "console from %p", p);
        check(grant_op(GNTTABOP_map_grant_ref, p, 1) == -XEN_EFAULT, "grants from %p", p);
        struct sched_poll poll = {.nr_ports = 4};
        poll.ports.p = p;
        check(sched_op(SCHEDOP_poll, &poll) == -XEN_EFAULT, "ports from %p", p);
        struct xen_memory_reservation r = {.nr_extents = 3, .domid = DOMID_SELF};
        r.extent_start.p = p;
        check(memory_op(XENMEM_decrease_reservation, &r) <= 0, "extents from %p", p);
    }
}

static void counts_that_are_too_large(void)
{
    struct sched_poll poll = {.nr_ports = 129};
    poll.ports.p = (void *)window;
    check_eq(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    check(grant_op(GNTTABOP_map_grant_ref, window, 0xffffffff) < 0, "2^32 maps");
    struct xen_memory_reservation r = {.nr_extents = 1ul << 61, .domid = DOMID_SELF}; /* times 8 it is 0 */
    r.extent_start.p = (void *)window;
    check(memory_op(XENMEM_populate_physmap, &r) <= 0, "2^61 extents");
    struct xen_add_to_physmap_batch batch = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 0xffff};
    batch.idxs.p = batch.gpfns.p = (void *)(TEST_PAGES + 100 * PAGE_SIZE);
    batch.errs.p = (void *)(TEST_PAGES + 100 * PAGE_SIZE);
    check(memory_op(XENMEM_add_to_physmap_batch, &batch) < 0, "a batch without lists");
}

void test_main(void)
{
    setup();
    across_two_pages();
    second_page_missing();
    not_addresses();
    counts_that_are_too_large();
    struct evtchn_alloc_unbound still = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &still), 0);
}
