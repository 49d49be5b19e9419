/* errors - calls that make no sense get Xen's error values, and nothing else happens */
#include "guest.h"

static void unknown_calls(void)
{
    static const unsigned int numbers[] = {9, 62, 63, 64, 100, 0x7fffffff, 0xffffffff};
    for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++)
        check(hypercall1(numbers[i], 0) == -XEN_ENOSYS, "hypercall %u gives %ld", numbers[i],
              hypercall1(numbers[i], 0));

    uint64_t room[32] = {};
    check_eq(memory_op(60, room), -XEN_ENOSYS);
    check_eq(evtchn_op(99, room), -XEN_ENOSYS);
    check_eq(sched_op(99, room), -XEN_ENOSYS);
    check_eq(vcpu_op(99, 0, room), -XEN_ENOSYS);
    check_eq(grant_op(99, room, 1), -XEN_ENOSYS);
    check_eq(hvm_op(99, room), -XEN_ENOSYS);
    check_eq(xen_version(99, room), -XEN_ENOSYS);
    check_eq(hypercall3(__HYPERVISOR_console_io, 99, 1, PTR(room)), -XEN_ENOSYS);
}

static void impossible_values(void)
{
    struct evtchn_send send = {.port = 0};
    check_eq(evtchn_op(EVTCHNOP_send, &send), -XEN_EINVAL);
    send.port = 4096;
    check_eq(evtchn_op(EVTCHNOP_send, &send), -XEN_EINVAL);
    send.port = 0xffffffff;
    check_eq(evtchn_op(EVTCHNOP_send, &send), -XEN_EINVAL);
    struct evtchn_close close = {.port = 77};
    check_eq(evtchn_op(EVTCHNOP_close, &close), -XEN_EINVAL);
    struct evtchn_bind_ipi ipi = {.vcpu = 1000};
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
    struct evtchn_bind_virq virq = {.virq = 200};
    check_eq(evtchn_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
    struct evtchn_bind_interdomain inter = {.remote_dom = 77, .remote_port = 1};
    check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &inter), -XEN_ESRCH);
    check_eq(vcpu_op(VCPUOP_is_up, 1000, NULL), -XEN_ENOENT);
    struct xen_feature_info features = {.submap_idx = 1};
    check_eq(xen_version(XENVER_get_features, &features), -XEN_EINVAL);
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .idx = 5, .gpfn = 100};
    check(memory_op(XENMEM_add_to_physmap, &add) < 0, "shared_info has an index 5");
    add = (struct xen_add_to_physmap){.domid = 77, .space = XENMAPSPACE_shared_info, .gpfn = 100};
    check_eq(memory_op(XENMEM_add_to_physmap, &add), -XEN_ESRCH);
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_NR_PARAMS};
    check_eq(hvm_op(HVMOP_get_param, &param), -XEN_EINVAL);
    struct evtchn_bind_virq twice = {.virq = VIRQ_TIMER};
    check_eq(evtchn_op(EVTCHNOP_bind_virq, &twice), 0);
    check_eq(evtchn_op(EVTCHNOP_bind_virq, &twice), -XEN_EEXIST);
}

static void bad_pointers(void)
{
    void *unmapped = (void *)(TEST_PAGES + 5 * PAGE_SIZE);
    map_test_page(0, PTR(page_alloc(1)), PAGE_PRESENT | PAGE_WRITE);
    check_eq(evtchn_op(EVTCHNOP_send, unmapped), -XEN_EFAULT);
    check_eq(memory_op(XENMEM_add_to_physmap, unmapped), -XEN_EFAULT);
    check_eq(sched_op(SCHEDOP_poll, unmapped), -XEN_EFAULT);
    check_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, unmapped), -XEN_EFAULT);
    check_eq(hvm_op(HVMOP_set_param, unmapped), -XEN_EFAULT);
    check_eq(grant_op(GNTTABOP_map_grant_ref, unmapped, 1), -XEN_EFAULT);
    check_eq(xen_version(XENVER_extraversion, unmapped), -XEN_EFAULT);
    check_eq(hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 5, PTR(unmapped)), -XEN_EFAULT);

    /* Results are not written through a read-only mapping. */
    struct evtchn_alloc_unbound *page = page_alloc(1);
    *page = (struct evtchn_alloc_unbound){.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    map_test_page(1, PTR(page), PAGE_PRESENT);
    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, (void *)(TEST_PAGES + PAGE_SIZE)), -XEN_EFAULT);
    check_eq(page->port, 0);
}

static uint64_t version_from_user_mode(uint64_t arg)
{
    return (uint64_t)xen_version(XENVER_version, NULL);
}

void test_main(void)
{
    unknown_calls();
    impossible_values();
    bad_pointers();
    check_eq(call_in_user_mode(version_from_user_mode, 0), -XEN_EPERM);
    check(xen_version(XENVER_version, NULL) > 0, "the version is gone");
}
