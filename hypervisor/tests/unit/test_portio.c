/* test_portio.c - port instructions and who may reach which port */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vdev_fake.h"
#include <hv/emulate.h>
#include <hv/machine.h>

static int setup_dom0(void **state)
{
    fake_setup(true);
    machine.pm1a_cnt = 0x604;
    machine.pm1b_cnt = 0x704;
    machine.reset_space = 1;
    machine.reset_address = 0xb2f;
    machine.reset_value = 0x0f;
    machine.smi_command = 0xb2;
    fake.console_port = 0x3f8;
    return 0;
}
static int setup_domu(void **state)
{
    fake_setup(false);
    return 0;
}
static int teardown(void **state)
{
    fake_teardown();
    return 0;
}

static void access_port(uint16_t port, unsigned int bytes, bool in)
{
    struct port_access a = {
        .port = port, .bytes = (uint8_t)bytes, .in = in, .next_rip = fake.v[0].private->regs.rip + 2};
    port_io(&fake.v[0], &a);
}
static uint32_t in(uint16_t port, unsigned int bytes)
{
    fake.v[0].private->regs.gpr[RAX] = 0;
    access_port(port, bytes, true);
    return (uint32_t)fake.v[0].private->regs.gpr[RAX];
}
static void out(uint16_t port, unsigned int bytes, uint32_t value)
{
    fake.v[0].private->regs.gpr[RAX] = value;
    access_port(port, bytes, false);
}
static void print(const char *text)
{
    for (; *text; text++)
        out(0xe9, 1, (uint8_t)*text);
}

static void results_go_where_in_puts_them(void **state)
{
    uint64_t *rax = &fake.v[0].private->regs.gpr[RAX];
    fake.port_value = 0x11223344;
    *rax = ~0ul;
    access_port(0x1f0, 1, true);
    assert_int_equal(*rax, 0xffffffffffffff44);
    access_port(0x1f0, 2, true);
    assert_int_equal(*rax, 0xffffffffffff3344);
    access_port(0x1f0, 4, true);
    assert_int_equal(*rax, 0x11223344);
    assert_int_equal(fake.skipped, 6);
}

static void dom0_keeps_its_devices_direct(void **state)
{
    static uint8_t map[8192];
    static const struct {
        uint16_t first, last;
    } trapped[] = {
        {0, 0xf},       {0x20, 0x21},   {0x40, 0x43},   {0x60, 0x61},   {0x64, 0x64},   {0xb2, 0xb3}, {0x70, 0x71},
        {0x81, 0x8f},   {0x92, 0x92},   {0xa0, 0xa1},   {0xc0, 0xdf},   {0xe9, 0xe9},   {0xf0, 0xf1}, {0x3f8, 0x3ff},
        {0x4d0, 0x4d1}, {0x604, 0x605}, {0x704, 0x705}, {0xb2f, 0xb2f}, {0xcf8, 0xcff},
    };
    port_policy_fill(&fake.d, map);
    for (unsigned int port = 0; port < 65536; port++) {
        bool expected = false;
        for (size_t i = 0; i < ARRAY_SIZE(trapped); i++)
            expected |= port >= trapped[i].first && port <= trapped[i].last;
        if ((map[port / 8] >> (port % 8) & 1) != expected)
            fail_msg("port %x is %s", port, expected ? "direct" : "trapped");
    }
}

static void dom0_absent_devices_read_as_ones(void **state)
{
    static const uint16_t absent[] = {0x0,  0x20, 0x21, 0x40, 0x43,  0x61,  0x87,
                                      0x92, 0xa1, 0xc0, 0xf0, 0x3f8, 0x3fd, 0x4d0};
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
        assert_int_equal(in(absent[i], 1), 0xff);
        out(absent[i], 1, 0);
    }
    assert_int_equal(fake.port_count, 0);
}

static void accesses_across_a_border_are_split(void **state)
{
    fake.port_value = 0x12;
    assert_int_equal(in(0x1f, 2), 0xff12); /* 1f is dom0's, 20 is not there */
    assert_int_equal(fake.port_count, 1);
    assert_int_equal(fake.ports[0].port, 0x1f);
    assert_int_equal(fake.ports[0].bytes, 1);
    assert_int_equal(in(0xffff, 2), 0xff12); /* wraps to port 0 */
    out(0x602, 4, (uint32_t)0x34 << 16);     /* reaches into PM1: still caught */
    assert_int_equal(fake.shutdown, -1);
    out(0x602, 4, 0x2000u << 16);
    assert_int_equal(fake.shutdown, SHUTDOWN_poweroff);
}

static void configuration_ports_go_to_the_virtual_bus(void **state)
{
    assert_int_equal(in(0xcf8, 4), 0xc0040cf8);
    assert_int_equal(in(0xcfe, 2), 0x0cfe);
    out(0xcfc, 4, 0xabcd1234);
    assert_memory_equal(fake.device + 4, "\x34\x12\xcd\xab", 4);
    assert_int_equal(fake.port_count, 0);
}

static void reset_ports_reboot(void **state)
{
    out(0xcf9, 1, 2);
    assert_int_equal(fake.shutdown, -1);
    out(0xcf9, 1, 6);
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
    fake.shutdown = -1;
    out(0xb2f, 1, 1);
    assert_int_equal(fake.shutdown, -1);
    out(0xb2f, 1, 0x0f);
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
    assert_int_equal(fake.port_count, 0);
}

static void the_keyboard_controller_cannot_pulse_the_reset_line(void **state)
{
    out(0x64, 1, 0xff); /* pulses nothing */
    out(0x64, 1, 0xd1);
    out(0x60, 1, 0xdf);
    out(0x60, 1, 0xfe); /* data for the keyboard */
    out(0x64, 1, 0xd4);
    assert_int_equal(fake.shutdown, -1);
    assert_int_equal(fake.port_count, 5);
    out(0x64, 1, 0xfe);
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
    fake.shutdown = -1;
    out(0x63, 2, 0xf000); /* by way of the port before it */
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
    fake.shutdown = -1;
    out(0x64, 1, 0xd1);
    out(0x60, 1, 0xde);
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
    assert_int_equal(fake.port_count, 7); /* 63 and D1 reached the machine, nothing that resets did */
    fake.port_value = 0x1c;
    assert_int_equal(in(0x64, 1), 0x1c);
    assert_int_equal(in(0x60, 1), 0x1c);
}

static void firmware_is_asked_by_the_hypervisors_own_write(void **state)
{
    static uint8_t map[8192];

    port_policy_fill(&fake.d, map);
    assert_true(map[0xb2 / 8] >> (0xb2 % 8) & 1);
    out(0xb2, 2, 0x1234);
    assert_int_equal(fake.port_count, 1);
    assert_int_equal(fake.ports[0].port, 0xb2);
    assert_int_equal(fake.ports[0].value, 0x1234);
    machine.smi_command = 0; /* hardware-reduced: the ports are dom0's */
    port_policy_fill(&fake.d, map);
    assert_false(map[0xb2 / 8] >> (0xb2 % 8) & 1);
}

static void power_off_is_asked_for_and_its_values_kept(void **state)
{
    out(0x604, 2, 1); /* SCI_EN: dom0's own business */
    assert_int_equal(fake.ports[0].value, 1);
    out(0x604, 2, 0x1401);
    out(0x704, 2, 0x1c00);
    assert_int_equal(fake.shutdown, -1);
    assert_int_equal(fake.port_count, 3);
    out(0x604, 2, 0x3401);
    assert_int_equal(fake.shutdown, SHUTDOWN_poweroff);
    assert_int_equal(fake.port_count, 3); /* not on the hardware */
    assert_true(dom0_sleep.requested);
    assert_int_equal(dom0_sleep.pm1a, 0x3401);
    assert_int_equal(dom0_sleep.pm1b, 0x1c00);
    fake.shutdown = -1;
    out(0x705, 1, 0x3c); /* by bytes */
    assert_int_equal(fake.shutdown, SHUTDOWN_poweroff);
    assert_int_equal(dom0_sleep.pm1b, 0x3c00);
}

static void the_clock_is_one_access(void **state)
{
    fake.port_value = 0x59;
    out(0x70, 1, 0x80 | 0x0a); /* would mask NMIs */
    assert_int_equal(fake.port_count, 0);
    assert_int_equal(in(0x71, 1), 0x59);
    assert_int_equal(fake.port_count, 2);
    assert_int_equal(fake.ports[0].port, 0x70);
    assert_int_equal(fake.ports[0].value, 0x0a);
    assert_int_equal(fake.ports[1].port, 0x71);
    assert_false(fake.ports[1].write);
    out(0x71, 1, 0x26);
    assert_int_equal(fake.ports[2].value, 0x0a);
    assert_int_equal(fake.ports[3].value, 0x26);
}

static void other_domains_have_no_ports_but_their_platforms(void **state)
{
    static uint8_t map[8192];
    port_policy_fill(&fake.d, map);
    for (unsigned int i = 0; i < sizeof(map); i++)
        assert_int_equal(map[i], 0xff);
    static const uint16_t some[] = {0, 0x21, 0x61, 0x64, 0x71, 0x3f8, 0xcf8, 0xcfc, 0xcf9, 0x604, 0xffff};
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        assert_int_equal(in(some[i], 1), 0xff);
        assert_int_equal(in(some[i], 4), 0xffffffff);
        out(some[i], 4, ~0u);
    }
    assert_int_equal(fake.port_count, 0);
    assert_int_equal(fake.shutdown, -1);
}

static void other_domains_power_off_and_reboot(void **state)
{
    assert_int_equal(in(0x405, 1), 0);
    out(0x404, 1, 0x14);
    assert_int_equal(fake.shutdown, -1);
    out(0x404, 1, 0x34);
    assert_int_equal(fake.shutdown, SHUTDOWN_poweroff);
    out(0x406, 1, 0);
    assert_int_equal(fake.shutdown, SHUTDOWN_poweroff);
    out(0x406, 1, 1);
    assert_int_equal(fake.shutdown, SHUTDOWN_reboot);
}

/* As a line of the domain's, with the limit that all its output has (test_machine_ops.c). */
static void debug_port_is_the_console(void **state)
{
    print("hello\x1b[2J there\n");
    assert_string_equal(fake.console, "hello\x1b[2J there\n");
    assert_int_equal(fake.console_from, 7);
    out(0xe9, 4, 0x44434241);
    assert_string_equal(fake.console, "hello\x1b[2J there\nA");
}

static void string_instructions_move_one_element(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    struct port_access a = {
        .port = 0x1f0, .bytes = 2, .in = true, .string = true, .rep = true, .address_bytes = 8, .next_rip = 0x1002};

    r->rip = 0x1000;
    fake.port_value = 0xbeef;
    r->gpr[RDI] = 0x5000;
    r->gpr[RCX] = 2;
    port_io(&fake.v[0], &a);
    assert_int_equal(r->rip, 0x1000);
    assert_int_equal(r->gpr[RCX], 1);
    assert_int_equal(r->gpr[RDI], 0x5002);
    port_io(&fake.v[0], &a);
    assert_int_equal(r->rip, 0x1002);
    assert_memory_equal(fake.ram + 0x5000, "\xef\xbe\xef\xbe\0", 5);
    a.next_rip = 0x1004;
    port_io(&fake.v[0], &a); /* count 0: nothing happens */
    assert_int_equal(r->rip, 0x1004);
    assert_int_equal(fake.port_count, 2);
    a = (struct port_access){
        .port = 0x1f0, .bytes = 4, .string = true, .address_bytes = 8, .segment = SEG_DS, .next_rip = 0x1006};
    r->gpr[RSI] = 0x5000;
    r->rflags |= 1u << 10;
    port_io(&fake.v[0], &a);
    assert_int_equal(fake.ports[2].value, 0xbeefbeef);
    assert_int_equal(r->gpr[RSI], 0x4ffc);
}

static void string_instructions_fault_before_the_device_is_touched(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    struct port_access a = {.port = 0x1f0, .bytes = 4, .in = true, .string = true, .address_bytes = 8, .next_rip = 2};

    fake_map(0x6000, 0x6000, true, false);
    r->gpr[RDI] = 0x5ffe; /* the second half may not be written */
    port_io(&fake.v[0], &a);
    assert_int_equal(fake.exception, VECTOR_PF);
    assert_int_equal(r->cr2, 0x6001);
    assert_int_equal(fake.port_count, 0);
    assert_int_equal(fake.skipped, 0);
    fake.exception = -1;
    fake.cpl = 3;
    r->gpr[RDI] = 0x5000;
    port_io(&fake.v[0], &a);
    assert_int_equal(fake.exception, VECTOR_GP);
    assert_int_equal(fake.port_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_go_where_in_puts_them, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(dom0_keeps_its_devices_direct, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(dom0_absent_devices_read_as_ones, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(accesses_across_a_border_are_split, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(configuration_ports_go_to_the_virtual_bus, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(reset_ports_reboot, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(the_keyboard_controller_cannot_pulse_the_reset_line, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(firmware_is_asked_by_the_hypervisors_own_write, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(power_off_is_asked_for_and_its_values_kept, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(the_clock_is_one_access, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(other_domains_have_no_ports_but_their_platforms, setup_domu, teardown),
        cmocka_unit_test_setup_teardown(other_domains_power_off_and_reboot, setup_domu, teardown),
        cmocka_unit_test_setup_teardown(debug_port_is_the_console, setup_domu, teardown),
        cmocka_unit_test_setup_teardown(string_instructions_move_one_element, setup_dom0, teardown),
        cmocka_unit_test_setup_teardown(string_instructions_fault_before_the_device_is_touched, setup_dom0, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
