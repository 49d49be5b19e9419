/* test_machine_ops.c - console, wall clock and devices */
#include "world_test.h"

static struct vcpu *v0, *va, *vb;

static int three_domains(void **state)
{
    world_setup();
    v0 = world_domain(0, 1)->vcpus[0];
    va = world_domain(1, 1)->vcpus[0];
    vb = world_domain(2, 1)->vcpus[0];
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, three_domains, teardown)

static long say(struct vcpu *v, const char *text, size_t bytes)
{
    assert_int_equal(copy_to_gpa(v->domain, GPA(WORLD_SCRATCH), text, bytes), 0);
    return hc(v, __HYPERVISOR_console_io, CONSOLEIO_write, bytes, WORLD_SCRATCH);
}

static const char *log_text(void)
{
    world.log[MIN(world.log_bytes, sizeof(world.log) - 1)] = '\0';
    return world.log;
}

static void dom0_writes_as_it_likes(void **state)
{
    assert_int_equal(say(v0, "a\033[1mb", 6), 0);
    assert_string_equal(log_text(), "a\033[1mb");
}

static void others_write_lines_with_their_name(void **state)
{
    assert_int_equal(say(va, "hel", 3), 0);
    assert_string_equal(log_text(), "");
    assert_int_equal(say(vb, "other\n", 6), 0);
    assert_int_equal(say(va, "lo\r\nworld\n", 10), 0);
    assert_string_equal(log_text(), "(d2) other\n(d1) hello\n(d1) world\n");
}

static void terminals_are_not_commanded(void **state)
{
    assert_int_equal(say(va, "\033]0;evil\007\x9b\x00\x7f\tx\n", 15), 0);
    assert_string_equal(log_text(), "(d1) ?]0;evil????\tx\n");
}

static void long_lines_are_cut(void **state)
{
    char text[500];

    memset(text, 'x', sizeof(text));
    assert_int_equal(say(va, text, sizeof(text)), 0);
    for (const char *p = log_text(), *end; (end = strchr(p, '\n')); p = end + 1)
        assert_int_equal(end - p, 5 + 120);
    assert_int_equal(world.log_bytes, 4 * 126);
}

static void a_flood_dries_up_and_comes_back(void **state)
{
    char text[1024];

    memset(text, 'x', sizeof(text));
    text[1023] = '\n';
    for (int i = 0; i < 20; i++)
        assert_int_equal(say(va, text, sizeof(text)), 0);
    size_t flooded = world.log_bytes;
    assert_in_range(flooded, 3000, 6000);            /* of 20480 */
    assert_int_equal(say(vb, "quiet one\n", 10), 0); /* others are not silenced */
    assert_non_null(strstr(log_text(), "(d2) quiet one\n"));
    world.now += 1000000000;
    assert_int_equal(say(va, "back\n", 5), 0);
    assert_non_null(strstr(log_text(), "[...]back\n"));
}

/* Short lines cost the line what their names take, and a trickle after the flood is no way around it. */
static void no_way_of_writing_gets_more_out(void **state)
{
    static const char *const ways[] = {"x\n", "\n", "xxxxxxx", "x\rx\n\n"};

    for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
        world.now += 10000000000;
        size_t before = world.log_bytes;
        for (unsigned int i = 0; i < 40000; i++) { /* 4 s */
            world.now += 100000;
            console_write(va->domain, ways[way], strlen(ways[way]));
        }
        assert_in_range(world.log_bytes - before, way == 1 ? 0 : 4000, 4096 + 4 * 1024 + 200);
    }
}

/* Two that take turns have no more than each alone. */
static void credit_is_each_domain_s_own(void **state)
{
    char text[1000];
    struct domain *c = world_domain(65, 1);

    memset(text, 'y', sizeof(text));
    for (unsigned int i = 0; i < 100; i++) {
        console_write(va->domain, text, sizeof(text));
        console_write(c, text, sizeof(text));
    }
    assert_in_range(world.log_bytes, 8000, 2 * 4096 + 300);
}

static void a_long_write_is_preempted(void **state)
{
    char text[1000];

    memset(text, 'y', sizeof(text));
    assert_int_equal(copy_to_gpa(v0->domain, GPA(WORLD_SCRATCH), text, sizeof(text)), 0);
    v0->kicked = true;
    v0->private->regs.gpr[RAX] = __HYPERVISOR_console_io;
    v0->private->regs.gpr[RDI] = CONSOLEIO_write;
    v0->private->regs.gpr[RSI] = sizeof(text);
    v0->private->regs.gpr[RDX] = WORLD_SCRATCH;
    assert_true(hc_step(v0));
    assert_int_equal(v0->private->regs.gpr[RSI], sizeof(text) - 256);
    while (hc_step(v0)) {
    }
    assert_int_equal(v0->private->regs.gpr[RAX], 0);
    assert_int_equal(world.log_bytes, sizeof(text));
    assert_int_equal(hc(v0, __HYPERVISOR_console_io, CONSOLEIO_write, ~0u, WORLD_GFNS << PAGE_SHIFT), -XEN_EFAULT);
}

static void only_dom0_reads(void **state)
{
    char text[3] = {0};

    strcpy(world.console_in, "ls");
    assert_int_equal(hc(va, __HYPERVISOR_console_io, CONSOLEIO_read, 10, WORLD_SCRATCH), -XEN_EPERM);
    assert_int_equal(hc(v0, __HYPERVISOR_console_io, CONSOLEIO_read, 10, WORLD_SCRATCH), 2);
    assert_int_equal(copy_from_gpa(dom0, text, GPA(WORLD_SCRATCH), 2), 0);
    assert_string_equal(text, "ls");
    assert_int_equal(hc(v0, __HYPERVISOR_console_io, CONSOLEIO_read, 10, WORLD_SCRATCH), 0);
    assert_int_equal(hc(v0, __HYPERVISOR_console_io, 2, 10, WORLD_SCRATCH), -XEN_ENOSYS);
}

static struct xen_platform_op op;

static long platform(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XENPF_INTERFACE_VERSION;
    return hc_arg(v0, __HYPERVISOR_platform_op, 0, &op, sizeof(op));
}

static void the_wall_clock_is_kept_at_boot(void **state)
{
    op.u.settime64 = (struct xenpf_settime64){.secs = 1000, .nsecs = 5, .system_time = 2000000006};
    assert_int_equal(platform(XENPF_settime64), 0);
    assert_int_equal(world.wall_sec, 997);
    assert_int_equal(world.wall_nsec, 999999999);
    op.u.settime64.mbz = 1;
    assert_int_equal(platform(XENPF_settime64), -XEN_EINVAL);
    op.u.settime64 = (struct xenpf_settime64){.secs = ~0ul};
    assert_int_equal(platform(XENPF_settime64), -XEN_EINVAL);
    op.u.settime64 = (struct xenpf_settime64){.nsecs = 1000000000};
    assert_int_equal(platform(XENPF_settime64), -XEN_EINVAL);
    op.u.settime64 = (struct xenpf_settime64){.secs = 1, .system_time = 5000000000};
    assert_int_equal(platform(XENPF_settime64), -XEN_EINVAL);
    op.u.settime32 = (struct xenpf_settime32){.secs = 7};
    assert_int_equal(platform(XENPF_settime32), 0);
    assert_int_equal(world.wall_sec, 7);
}

static void the_boot_display_is_told_if_there_is_one(void **state)
{
    assert_int_equal(platform(XENPF_get_dom0_console), -XEN_ENODEV);
    world.vga_bytes = sizeof(dom0_vga_console_info_t);
    assert_int_equal(platform(XENPF_get_dom0_console), sizeof(dom0_vga_console_info_t));
    assert_int_equal(op.u.dom0_console.video_type, 0x23);
    assert_int_equal(platform(XENPF_firmware_info), -XEN_ENOSYS);
    assert_int_equal(platform(XENPF_set_processor_pminfo), 0);
}

static void devices_are_reported_to_deaf_ears(void **state)
{
    uint8_t bytes[32] = {0};

    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_mmcfg_reserved, bytes, sizeof(bytes)), 0);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, bytes, sizeof(bytes)), 0);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_remove, bytes, sizeof(bytes)), 0);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, bytes, sizeof(bytes)), 0);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, bytes, sizeof(bytes)), -XEN_ENOSYS);
    assert_int_equal(hc_arg(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_reset, bytes, sizeof(bytes)),
                     -XEN_ENOSYS);
    assert_int_equal(hc(v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, ~0ul, 0), -XEN_EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dom0_writes_as_it_likes),
        TEST(others_write_lines_with_their_name),
        TEST(terminals_are_not_commanded),
        TEST(long_lines_are_cut),
        TEST(a_flood_dries_up_and_comes_back),
        TEST(no_way_of_writing_gets_more_out),
        TEST(credit_is_each_domain_s_own),
        TEST(a_long_write_is_preempted),
        TEST(only_dom0_reads),
        TEST(the_wall_clock_is_kept_at_boot),
        TEST(the_boot_display_is_told_if_there_is_one),
        TEST(devices_are_reported_to_deaf_ears),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
