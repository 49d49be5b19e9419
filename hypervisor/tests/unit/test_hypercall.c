/* test_hypercall.c - the hypercall instruction, and what guests are told about us */
#include <hv/x86.h>
#include "world_test.h"

static void user_mode_is_refused(void **state)
{
    struct vcpu *v = world_domain(1, 1)->vcpus[0];

    notes(v)->cpl = 3;
    assert_int_equal(hc(v, __HYPERVISOR_xen_version, XENVER_version, 0, 0), -XEN_EPERM);
    assert_int_equal(notes(v)->skipped, 1);
}

static void errors_of_32_bit_callers_have_32_bits(void **state)
{
    struct vcpu *v = world_domain(1, 1)->vcpus[0];

    notes(v)->compat = true;
    v->private->regs.cr0 = CR0_PE;
    assert_int_equal(hc(v, __HYPERVISOR_mmu_update, 0, 0, 0), (uint32_t)-XEN_ENOSYS);
}

static void unknown_numbers_are_refused(void **state)
{
    struct vcpu *v = world_domain(0, 1)->vcpus[0];

    for (uint64_t nr = 0; nr < 300; nr++) {
        static const uint8_t known[] = {7, 12, 15, 17, 18, 20, 21, 24, 29, 32, 33, 34, 35, 36, 55};
        if (!memchr(known, (int)nr, sizeof(known)))
            assert_int_equal(hc(v, nr, 0, 0, 0), -XEN_ENOSYS);
    }
    assert_int_equal(hc(v, ~0ul, 0, 0, 0), -XEN_ENOSYS);
}

static void control_calls_are_for_the_control_domain(void **state)
{
    struct vcpu *u = world_domain(0, 1)->vcpus[0], *v = world_domain(1, 1)->vcpus[0];
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_getdomaininfo, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = 1};

    assert_int_equal(hc_arg(v, __HYPERVISOR_domctl, 0, &op, sizeof(op)), -XEN_EPERM);
    assert_int_equal(hc_arg(u, __HYPERVISOR_domctl, 0, &op, sizeof(op)), 0);
    assert_int_equal(hc(v, __HYPERVISOR_sysctl, WORLD_ARG, 0, 0), -XEN_EPERM);
    assert_int_equal(hc(v, __HYPERVISOR_platform_op, WORLD_ARG, 0, 0), -XEN_EPERM);
    assert_int_equal(hc(v, __HYPERVISOR_arch_7, 0, WORLD_ARG, 0), -XEN_EPERM);
    assert_int_equal(hc(v, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, WORLD_ARG, 0), -XEN_ENOSYS);
}

static void domids_are_looked_up_before_rights(void **state)
{
    struct vcpu *v = (world_domain(0, 1), world_domain(1, 1))->vcpus[0];
    struct xen_hvm_param there = {.domid = 0, .index = HVM_PARAM_STORE_PFN},
                         nowhere = {.domid = 77, .index = HVM_PARAM_STORE_PFN};

    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_get_param, &there, sizeof(there)), -XEN_EPERM);
    assert_int_equal(hc_arg(v, __HYPERVISOR_hvm_op, HVMOP_get_param, &nowhere, sizeof(nowhere)), -XEN_ESRCH);
}

static void a_bad_pointer_is_an_error_not_a_crash(void **state)
{
    struct vcpu *v = world_domain(0, 1)->vcpus[0];
    const uint64_t bad[] = {0, WORLD_GFNS << PAGE_SHIFT, ~0ul, ~7ul, 1ul << 63};

    world.unreadable = 0;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(hc(v, __HYPERVISOR_event_channel_op, EVTCHNOP_send, bad[i], 0), -XEN_EFAULT);
        assert_int_equal(hc(v, __HYPERVISOR_domctl, bad[i], 0, 0), -XEN_EFAULT);
        assert_int_equal(hc(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, bad[i], 0), -XEN_EFAULT);
        assert_int_equal(hc(v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, bad[i], 3), -XEN_EFAULT);
    }
}

static void the_hypercall_page_has_a_stub_per_number(void **state)
{
    static uint8_t page[4096];
    const uint8_t amd[] = {0xb8, 32, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};

    hypercall_page_fill(page, true);
    assert_memory_equal(page + 32 * 32, amd, sizeof(amd));
    assert_int_equal(page[23 * 32], 0x0f);
    assert_int_equal(page[23 * 32 + 1], 0x0b);
    hypercall_page_fill(page, false);
    assert_int_equal(page[127 * 32 + 1], 127);
    assert_int_equal(page[127 * 32 + 7], 0xc1);
}

/* ---- version ---- */

static void the_version_is_4_20(void **state)
{
    struct vcpu *v = world_domain(1, 1)->vcpus[0];
    char text[1024];

    assert_int_equal(hc(v, __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 20);
    assert_int_equal(hc(v, __HYPERVISOR_xen_version, XENVER_pagesize, 0, 0), 4096);
    memset(text, 0x55, sizeof(text));
    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_extraversion, text, sizeof(text)), 0);
    assert_string_equal(text, "-atoll");
    assert_int_equal(text[15], 0);
    assert_int_equal(text[16], 0x55);
    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_capabilities, text, sizeof(text)), 0);
    assert_string_equal(text, "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ");
    assert_int_equal(text[1023], 0);
    assert_int_equal(hc(v, __HYPERVISOR_xen_version, 99, WORLD_ARG, 0), -XEN_ENOSYS);
}

static void features_make_linux_use_the_pvh_ways(void **state)
{
    struct vcpu *u = world_domain(0, 1)->vcpus[0], *v = world_domain(1, 1)->vcpus[0];
    struct xen_feature_info info = {0};

    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_get_features, &info, sizeof(info)), 0);
    assert_true(info.submap & BIT(XENFEAT_auto_translated_physmap));
    assert_true(info.submap & BIT(XENFEAT_hvm_safe_pvclock));
    assert_true(info.submap & BIT(XENFEAT_hvm_callback_vector));
    assert_false(info.submap & BIT(XENFEAT_hvm_pirqs));
    assert_false(info.submap & BIT(XENFEAT_dom0));
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_get_features, &info, sizeof(info)), 0);
    assert_true(info.submap & BIT(XENFEAT_dom0));
    info.submap_idx = 1;
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_get_features, &info, sizeof(info)), -XEN_EINVAL);
}

static void build_id_is_for_all_and_command_line_for_the_control_domain(void **state)
{
    struct vcpu *u = world_domain(0, 1)->vcpus[0], *v = world_domain(1, 1)->vcpus[0];
    struct {
        uint32_t len;
        uint8_t id[8];
    } buf = {.len = 8};
    char text[1024] = "x";

    assert_int_equal(hc(u, __HYPERVISOR_xen_version, XENVER_build_id, 0, 0), 4);
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_build_id, &buf, sizeof(buf)), 4);
    assert_int_equal(buf.id[0], 0xde);
    buf.len = 3;
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_build_id, &buf, sizeof(buf)), -XEN_ENOBUFS);
    buf.len = 0;
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_build_id, &buf, sizeof(buf)), -XEN_EINVAL);
    buf.len = 8;
    buf.id[0] = 0;
    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_build_id, &buf, sizeof(buf)), 4);
    assert_int_equal(buf.id[0], 0xde);
    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_commandline, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    assert_int_equal(hc_arg(u, __HYPERVISOR_xen_version, XENVER_commandline, text, sizeof(text)), 0);
    assert_string_equal(text, "dom0_mem=1G");
    assert_int_equal(hc(v, __HYPERVISOR_xen_version, XENVER_capabilities2, 0, 0), 46);
}

static void the_handle_is_the_domain_s(void **state)
{
    struct vcpu *v = world_domain(1, 1)->vcpus[0];
    uint8_t handle[16] = {0};

    assert_int_equal(hc_arg(v, __HYPERVISOR_xen_version, XENVER_guest_handle, handle, sizeof(handle)), 0);
    assert_memory_equal(handle, v->domain->handle, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(user_mode_is_refused),
        TEST(errors_of_32_bit_callers_have_32_bits),
        TEST(unknown_numbers_are_refused),
        TEST(control_calls_are_for_the_control_domain),
        TEST(domids_are_looked_up_before_rights),
        TEST(a_bad_pointer_is_an_error_not_a_crash),
        TEST(the_hypercall_page_has_a_stub_per_number),
        TEST(the_version_is_4_20),
        TEST(features_make_linux_use_the_pvh_ways),
        TEST(build_id_is_for_all_and_command_line_for_the_control_domain),
        TEST(the_handle_is_the_domain_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
