/* test_ioapic.c - the I/O APICs: registers, edges and levels, and when the machine's lines are touched */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vdev_fake.h"
#include <hv/vioapic.h>
#include <hv/vlapic.h>

/* What the CPU does with a vector that is offered to it. */
static void deliver(struct vcpu *v, uint8_t vector)
{
    vlapic_hand_over(v, vector);
    vlapic_in_service(v, vector);
}

#define UNIT0 0xfec00000ul
#define UNIT1 0xfec10000ul
#define LEVEL (1u << 15)
#define LOW   (1u << 13)
#define MASK  (1u << 16)

static int setup_for(bool control)
{
    fake_setup(control);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        if (vlapic_msr_write(&fake.v[i], 0x80f, 0x1ff))
            return -1;
    if (vioapic_create(&fake.d) || vioapic_add(&fake.d, 2, UNIT0, 0, 24) || vioapic_add(&fake.d, 3, UNIT1, 24, 240))
        return -1;
    return 0;
}
static int setup(void **state)
{
    return setup_for(true);
}
static int setup_domu(void **state)
{
    return setup_for(false);
}
static int teardown(void **state)
{
    vioapic_destroy(&fake.d);
    fake_teardown();
    return fake.live_allocations != 0;
}

static uint32_t get(uint64_t unit, uint8_t reg)
{
    vioapic_write(&fake.d, GPA(unit), reg);
    return vioapic_read(&fake.d, GPA(unit + 0x10));
}
static void put(uint64_t unit, uint8_t reg, uint32_t value)
{
    vioapic_write(&fake.d, GPA(unit), reg);
    vioapic_write(&fake.d, GPA(unit + 0x10), value);
}
static void entry(uint64_t unit, unsigned int pin, uint32_t low, uint32_t apic_id)
{
    put(unit, (uint8_t)(0x11 + 2 * pin), apic_id << 24);
    put(unit, (uint8_t)(0x10 + 2 * pin), low);
}
static void eoi(unsigned int cpu)
{
    assert_int_equal(vlapic_msr_write(&fake.v[cpu], 0x80b, 0), 0);
}

static void registers_read_back(void **state)
{
    assert_true(vioapic_covers(&fake.d, GPA(UNIT0 + 0xfff)));
    assert_false(vioapic_covers(&fake.d, GPA(UNIT0 + 0x1000)));
    assert_int_equal(get(UNIT0, 0), 2u << 24);
    assert_int_equal(get(UNIT0, 1), 0x20 | 23 << 16);
    assert_int_equal(get(UNIT1, 1), 0x20 | 239 << 16);
    assert_int_equal(get(UNIT0, 0x10), MASK);
    put(UNIT0, 0x10, 0xffffffff);
    put(UNIT0, 0x11, 0xffffffff);
    assert_int_equal(get(UNIT0, 0x10), 0x1afff);
    assert_int_equal(get(UNIT0, 0x11), 0xff000000);
    put(UNIT0, 0, 5u << 24);
    assert_int_equal(get(UNIT0, 0), 5u << 24);
    assert_int_equal(get(UNIT0, 0x10 + 48), 0xffffffff); /* no pin 24 */
    put(UNIT0, 0x10 + 48, 0x30);
    assert_int_equal(vioapic_read(&fake.d, GPA(UNIT0 + 0x20)), 0xffffffff);
    assert_int_equal(vioapic_read(&fake.d, GPA(0xfed00000)), 0xffffffff);
    assert_int_equal(vioapic_add(&fake.d, 9, 0, 0, 0), -XEN_EINVAL);
    assert_int_equal(vioapic_add(&fake.d, 9, 0, 0, 241), -XEN_EINVAL);
}

static void unmasking_binds_the_line_of_dom0(void **state)
{
    entry(UNIT0, 9, 0x39 | LEVEL | LOW | MASK, 0);
    assert_int_equal(fake.gsi[9].binds, 0);
    entry(UNIT0, 9, 0x39 | LEVEL | LOW, 0);
    assert_int_equal(fake.gsi[9].binds, 1);
    assert_true(fake.gsi[9].level && fake.gsi[9].active_low);
    entry(UNIT0, 9, 0x3a | LEVEL | LOW, 2); /* vector and destination are ours alone */
    assert_int_equal(fake.gsi[9].binds, 1);
    entry(UNIT0, 9, 0x3a | LEVEL, 2);
    assert_int_equal(fake.gsi[9].binds, 2);
    assert_false(fake.gsi[9].active_low);
    entry(UNIT0, 9, 0x3a | LEVEL | MASK, 2);
    assert_int_equal(fake.gsi[9].masks, 1);
    entry(UNIT1, 10, 0x50, 0);
    assert_int_equal(fake.gsi[34].binds, 1);
    assert_false(fake.gsi[34].level);
}

static void lines_of_other_domains_are_not_the_machines(void **state)
{
    entry(UNIT0, 9, 0x39 | LEVEL, 0);
    vioapic_set_gsi(&fake.d, 9, true);
    deliver(&fake.v[0], 0x39);
    /* the line is still up: the end of the interrupt raises it again */
    eoi(0);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x39);
    deliver(&fake.v[0], 0x39);
    vioapic_set_gsi(&fake.d, 9, false);
    eoi(0);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(fake.gsi[9].binds + fake.gsi[9].masks + fake.gsi[9].eois, 0);
}

static void edges_pulse(void **state)
{
    entry(UNIT0, 4, 0x34, 2);
    vioapic_set_gsi(&fake.d, 4, true);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x34);
    deliver(&fake.v[1], 0x34);
    vioapic_set_gsi(&fake.d, 4, true); /* while in service: remembered in the LAPIC */
    eoi(1);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x34);
    assert_int_equal(fake.gsi[4].eois, 0);
    deliver(&fake.v[1], 0x34);
    eoi(1);
    entry(UNIT0, 4, 0x34 | MASK, 2);
    vioapic_set_gsi(&fake.d, 4, true);
    entry(UNIT0, 4, 0x34, 2);
    assert_int_equal(vlapic_pending(&fake.v[1]), -1); /* an edge at a masked pin is lost */
    vioapic_set_gsi(&fake.d, 5000, true);             /* no such line */
}

static void level_waits_for_the_end_of_service(void **state)
{
    entry(UNIT0, 11, 0x3b | LEVEL | LOW, 0);
    vioapic_set_gsi(&fake.d, 11, true);
    assert_int_equal(get(UNIT0, 0x10 + 22) & (1u << 14), 1u << 14);
    deliver(&fake.v[0], 0x3b);
    vioapic_set_gsi(&fake.d, 11, true);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    eoi(0);
    assert_int_equal(fake.gsi[11].eois, 1);
    assert_int_equal(get(UNIT0, 0x10 + 22) & (1u << 14), 0);
    /* the machine's line tells by interrupting again, nothing is made up */
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    vioapic_set_gsi(&fake.d, 11, true);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x3b);
}

static void masked_during_service_stays_masked_on_the_machine(void **state)
{
    entry(UNIT0, 11, 0x3b | LEVEL, 0);
    vioapic_set_gsi(&fake.d, 11, true);
    deliver(&fake.v[0], 0x3b);
    entry(UNIT0, 11, 0x3b | LEVEL | MASK, 0); /* a threaded handler */
    eoi(0);
    assert_int_equal(fake.gsi[11].eois, 0);
    entry(UNIT0, 11, 0x3b | LEVEL, 0);
    assert_int_equal(fake.gsi[11].binds, 2);
    vioapic_set_gsi(&fake.d, 11, true);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x3b);
}

static void level_raised_while_masked_comes_with_unmasking(void **state)
{
    fake.d.is_control = false; /* a line of ours, which nothing raises again */
    entry(UNIT0, 11, 0x3b | LEVEL | MASK, 0);
    vioapic_set_gsi(&fake.d, 11, true);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    entry(UNIT0, 11, 0x3b | LEVEL, 0);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x3b);
}

static void one_vector_may_serve_several_pins(void **state)
{
    entry(UNIT0, 10, 0x60 | LEVEL, 0);
    entry(UNIT1, 3, 0x60 | LEVEL, 0);
    vioapic_set_gsi(&fake.d, 10, true);
    vioapic_set_gsi(&fake.d, 27, true);
    deliver(&fake.v[0], 0x60);
    eoi(0);
    assert_int_equal(fake.gsi[10].eois, 1);
    assert_int_equal(fake.gsi[27].eois, 1);
}

static void eoi_register_and_edge_trick_clear_remote_irr(void **state)
{
    entry(UNIT0, 11, 0x3b | LEVEL, 0);
    vioapic_set_gsi(&fake.d, 11, true);
    vioapic_write(&fake.d, GPA(UNIT0 + 0x40), 0x3c); /* another vector */
    assert_int_equal(fake.gsi[11].eois, 0);
    vioapic_write(&fake.d, GPA(UNIT0 + 0x40), 0x3b);
    assert_int_equal(fake.gsi[11].eois, 1);
    vioapic_set_gsi(&fake.d, 11, true);
    put(UNIT0, 0x10 + 22, 0x3b | MASK);
    put(UNIT0, 0x10 + 22, 0x3b | LEVEL | MASK);
    assert_int_equal(get(UNIT0, 0x10 + 22) & (1u << 14), 0);
}

static void destinations(void **state)
{
    entry(UNIT0, 1, 0x41, 0xff); /* physical, all */
    vioapic_set_gsi(&fake.d, 1, true);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_int_equal(vlapic_pending(&fake.v[i]), 0x41);
    entry(UNIT0, 2, 0x52 | 1u << 11, 1u << 4); /* logical: id 4 */
    vioapic_set_gsi(&fake.d, 2, true);
    assert_int_equal(vlapic_pending(&fake.v[2]), 0x52);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registers_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(unmasking_binds_the_line_of_dom0, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_of_other_domains_are_not_the_machines, setup_domu, teardown),
        cmocka_unit_test_setup_teardown(edges_pulse, setup, teardown),
        cmocka_unit_test_setup_teardown(level_waits_for_the_end_of_service, setup, teardown),
        cmocka_unit_test_setup_teardown(masked_during_service_stays_masked_on_the_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(level_raised_while_masked_comes_with_unmasking, setup, teardown),
        cmocka_unit_test_setup_teardown(one_vector_may_serve_several_pins, setup, teardown),
        cmocka_unit_test_setup_teardown(eoi_register_and_edge_trick_clear_remote_irr, setup, teardown),
        cmocka_unit_test_setup_teardown(destinations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
