/* world_test.h - includes and helpers of the tests that use world.h */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"

static inline int setup(void **state)
{
    world_setup();
    return 0;
}

/* Every test ends with a look at all references, and with everything given back. */
static inline int teardown(void **state)
{
    const char *wrong = world_audit();

    if (wrong)
        print_error("%s\n", wrong);
    world_teardown();
    return wrong ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define assert_sound()                                                                                                 \
    do {                                                                                                               \
        const char *wrong_ = world_audit();                                                                            \
        if (wrong_)                                                                                                    \
            fail_msg("%s", wrong_);                                                                                    \
    } while (0)

/* ---- event channels ---- */
static inline long evtchn_alloc(struct vcpu *v, domid_t dom, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = remote};
    long rc = hc_arg(v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a));
    *port = a.port;
    return rc;
}
static inline long evtchn_bind(struct vcpu *v, domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain b = {.remote_dom = remote, .remote_port = remote_port};
    long rc = hc_arg(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &b, sizeof(b));
    *port = b.local_port;
    return rc;
}
static inline long evtchn_port_op(struct vcpu *v, unsigned int op, evtchn_port_t port)
{
    return hc_arg(v, __HYPERVISOR_event_channel_op, op, &port, sizeof(port));
}
/* Two domains connected; asserts that it works. */
static inline void evtchn_connect(struct vcpu *a, struct vcpu *b, evtchn_port_t *port_a, evtchn_port_t *port_b)
{
    assert_int_equal(evtchn_alloc(a, DOMID_SELF, b->domain->id, port_a), 0);
    assert_int_equal(evtchn_bind(b, a->domain->id, *port_a, port_b), 0);
}
static inline bool port_pending(struct domain *d, evtchn_port_t port)
{
    return d->shared_info->evtchn_pending[port / 64] >> (port % 64) & 1;
}
static inline void port_clear(struct domain *d, evtchn_port_t port)
{
    d->shared_info->evtchn_pending[port / 64] &= ~(1ul << (port % 64));
}
static inline void port_set_mask(struct domain *d, evtchn_port_t port, bool masked)
{
    uint64_t bit = 1ul << (port % 64);
    if (masked)
        d->shared_info->evtchn_mask[port / 64] |= bit;
    else
        d->shared_info->evtchn_mask[port / 64] &= ~bit;
}

/* ---- grants ---- */
static inline struct grant_entry_v1 *grant_entry(struct domain *d, grant_ref_t ref)
{
    return (struct grant_entry_v1 *)heap_page_of(gnttab_frame(d, ref / 512)) + ref % 512;
}
static inline void grant(struct domain *d, grant_ref_t ref, domid_t to, uint64_t gfn, uint16_t flags)
{
    *grant_entry(d, ref) =
        (struct grant_entry_v1){.flags = (uint16_t)(GTF_permit_access | flags), .domid = to, .frame = (uint32_t)gfn};
}
static inline struct gnttab_map_grant_ref grant_map(struct vcpu *v, domid_t from, grant_ref_t ref, uint64_t gfn,
                                                    uint32_t flags)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = gfn << PAGE_SHIFT, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = from};
    assert_int_equal(hc_arg(v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m, sizeof(m)), 0);
    return m;
}
static inline int grant_unmap(struct vcpu *v, grant_handle_t handle, uint64_t gfn)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = gfn << PAGE_SHIFT, .handle = handle};
    assert_int_equal(hc_arg(v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, sizeof(u)), 0);
    return u.status;
}
