/* test_lapic.c - the local APIC: registers, priorities, messages, timer */
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

static int setup(void **state)
{
    fake_setup(true);
    return 0;
}
static int teardown(void **state)
{
    fake_teardown();
    return fake.live_allocations != 0;
}

static uint64_t rd(unsigned int cpu, uint32_t msr)
{
    uint64_t value = 0;
    assert_int_equal(vlapic_msr_read(&fake.v[cpu], msr, &value), 0);
    return value;
}
static void wr(unsigned int cpu, uint32_t msr, uint64_t value)
{
    assert_int_equal(vlapic_msr_write(&fake.v[cpu], msr, value), 0);
}
static void enable_all(void)
{
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        wr(i, 0x80f, 0x1ff);
}
static void to_xapic(unsigned int cpu)
{
    uint64_t base = vlapic_base(&fake.v[cpu]);
    assert_int_equal(vlapic_set_base(&fake.v[cpu], base & ~0xc00ul), 0);
    assert_int_equal(vlapic_set_base(&fake.v[cpu], (base & ~0xc00ul) | 0x800), 0);
    vlapic_mmio_write(&fake.v[cpu], 0xf0, 0x1ff);
}

static void starts_in_x2apic_mode_software_disabled(void **state)
{
    assert_int_equal(vlapic_base(&fake.v[0]), 0xfee00d00);
    assert_int_equal(vlapic_base(&fake.v[1]), 0xfee00c00);
    assert_false(vlapic_in_xapic_mode(&fake.v[0]));
    assert_int_equal(rd(0, 0x80f), 0xff);
    assert_int_equal(rd(3, 0x802), 6);
    assert_int_equal(rd(3, 0x803), 0x50014);
    assert_int_equal(rd(3, 0x80d), 1u << 6);
    for (uint32_t msr = 0x832; msr <= 0x837; msr++)
        assert_int_equal(rd(0, msr), 0x10000);
}

static void disabled_apic_drops_interrupts(void **state)
{
    vlapic_set_irq(&fake.v[0], 0x40, false);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(fake.kicks[0], 0);
}

static void highest_vector_first_and_eoi_opens_the_next(void **state)
{
    enable_all();
    vlapic_set_irq(&fake.v[0], 0x41, false);
    vlapic_set_irq(&fake.v[0], 0x83, false);
    vlapic_set_irq(&fake.v[0], 0x41, false);
    assert_int_equal(fake.kicks[0], 2); /* the repeated request merges */
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x83);
    deliver(&fake.v[0], 0x83);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(rd(0, 0x80a), 0x80);
    assert_int_equal(rd(0, 0x814), 1u << 3);
    wr(0, 0x80b, 0);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x41);
    assert_int_equal(rd(0, 0x822), 1u << 1);
    deliver(&fake.v[0], 0x41);
    /* the same class waits, a higher one does not */
    vlapic_set_irq(&fake.v[0], 0x4f, false);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    vlapic_set_irq(&fake.v[0], 0x50, false);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x50);
}

static void a_request_during_delivery_is_not_lost(void **state)
{
    struct vcpu *v = &fake.v[0];

    enable_all();
    vlapic_set_irq(v, 0x41, false);
    vlapic_hand_over(v, 0x41); /* the CPU may deliver it at any time from here on */
    vlapic_set_irq(v, 0x41, false);
    vlapic_in_service(v, 0x41);
    wr(0, 0x80b, 0);
    assert_int_equal(vlapic_pending(v), 0x41);
    vlapic_hand_over(v, 0x41);
    assert_int_equal(vlapic_pending(v), -1);
    vlapic_take_back(v, 0x41); /* it could not */
    assert_int_equal(vlapic_pending(v), 0x41);
}

static void task_priority_holds_back_its_class(void **state)
{
    enable_all();
    vlapic_set_irq(&fake.v[0], 0x5f, false);
    vlapic_set_tpr(&fake.v[0], 0x50);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(vlapic_deliverable(&fake.v[0]), 0x5f); /* as far as what is in service goes */
    wr(0, 0x808, 0x4f);
    assert_int_equal(vlapic_tpr(&fake.v[0]), 0x4f);
    assert_int_equal(rd(0, 0x80a), 0x4f);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x5f);
}

static void enabling_raises_the_upcall_that_came_too_early(void **state)
{
    fake.v[1].upcall_vector = 0xf3;
    fake.info[1].evtchn_upcall_pending = 1;
    vlapic_set_irq(&fake.v[1], 0xf3, false);
    assert_int_equal(vlapic_pending(&fake.v[1]), -1);
    wr(1, 0x80f, 0x1ff);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0xf3);
    deliver(&fake.v[1], 0xf3);
    wr(1, 0x80b, 0);
    wr(1, 0x80f, 0x1ff); /* already enabled: not again */
    assert_int_equal(vlapic_pending(&fake.v[1]), -1);
    /* nothing pending, or no vector: nothing raised */
    fake.info[2].evtchn_upcall_pending = 1;
    wr(2, 0x80f, 0x1ff);
    assert_int_equal(vlapic_pending(&fake.v[2]), -1);
}

static void reserved_bits_and_wrong_directions_fault(void **state)
{
    uint64_t value;
    static const struct {
        uint32_t msr;
        uint64_t value;
    } bad[] = {
        {0x802, 0},        {0x803, 0},        {0x808, 0x100},    {0x80a, 0},         {0x80b, 1}, {0x80d, 0},
        {0x80e, 0},        {0x80f, 0x400},    {0x810, 0},        {0x828, 1},         {0x82f, 0}, {0x830, 1u << 13},
        {0x830, 1u << 16}, {0x830, 1u << 20}, {0x832, 1u << 18}, {0x838, 1ul << 32}, {0x839, 0}, {0x83e, 4},
        {0x83f, 0x100},    {0x801, 0},        {0x7ff, 0},        {0x840, 0},
    };
    static const uint32_t unreadable[] = {0x80b, 0x83f, 0x80e, 0x831, 0x82f, 0x800, 0x83a};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(vlapic_msr_write(&fake.v[0], bad[i].msr, bad[i].value), -1);
    for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++)
        assert_int_equal(vlapic_msr_read(&fake.v[0], unreadable[i], &value), -1);
    to_xapic(0);
    assert_int_equal(vlapic_msr_read(&fake.v[0], 0x802, &value), -1);
    assert_int_equal(vlapic_msr_write(&fake.v[0], 0x808, 0), -1);
}

static void base_transitions_follow_the_manual(void **state)
{
    struct vcpu *v = &fake.v[0];
    assert_int_equal(vlapic_set_base(v, 0xfee00900), -1); /* x2APIC to xAPIC directly */
    assert_int_equal(vlapic_set_base(v, 0xfee00500), -1); /* never valid */
    assert_int_equal(vlapic_set_base(v, 0xfed00d00), -1); /* moving */
    assert_int_equal(vlapic_set_base(v, 0xfee00d01), -1);
    assert_int_equal(vlapic_set_base(v, 0xfee00100), 0);
    assert_int_equal(vlapic_set_base(v, 0xfee00d00), -1); /* disabled to x2APIC directly */
    assert_int_equal(vlapic_set_base(v, 0xfee00800), 0);
    assert_int_equal(vlapic_base(v), 0xfee00900); /* BSP stays */
    assert_true(vlapic_in_xapic_mode(v));
    assert_int_equal(vlapic_set_base(v, 0xfee00d00), 0);
    vlapic_reset(v); /* INIT keeps the mode */
    assert_int_equal(vlapic_base(v), 0xfee00d00);
}

static void ipis_reach_whom_they_name(void **state)
{
    enable_all();
    wr(0, 0x830, 4ul << 32 | 0x4040); /* physical id 4 is vCPU 2 */
    assert_int_equal(vlapic_pending(&fake.v[2]), 0x40);
    assert_int_equal(vlapic_pending(&fake.v[1]), -1);
    assert_int_equal(rd(0, 0x830), 4ul << 32 | 0x4040);
    wr(0, 0x830, (0ul << 16 | 1 << 2 | 1 << 6) * (1ul << 32) | 0x4841); /* cluster 0, ids 2 and 6 */
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x41);
    assert_int_equal(vlapic_pending(&fake.v[3]), 0x41);
    assert_int_equal(vlapic_pending(&fake.v[2]), 0x40);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    wr(0, 0x830, 1ul << 48 | 1ul << 32 | 0x4842); /* cluster 1: nobody */
    wr(0, 0x830, 5ul << 32 | 0x4043);             /* odd id: nobody */
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_true(vlapic_pending(&fake.v[i]) < 0x42);
    wr(0, 0x830, 0xc4050); /* all but self */
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x50);
    assert_int_equal(vlapic_pending(&fake.v[3]), 0x50);
    wr(0, 0x830, 0x84060); /* all */
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_int_equal(vlapic_pending(&fake.v[i]), 0x60);
    wr(0, 0x830, 0x44070); /* self */
    wr(1, 0x83f, 0x71);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x70);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x71);
    wr(0, 0x830, 0xffffffff00000000ul | 0x4080); /* broadcast by destination */
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_int_equal(vlapic_pending(&fake.v[i]), 0x80);
}

static void nmi_init_and_startup_become_signals(void **state)
{
    wr(0, 0x830, 2ul << 32 | 0x4400);
    assert_int_equal(fake.nmis[1], 1);
    wr(0, 0x830, 2ul << 32 | 0xc500); /* INIT, level assert */
    assert_int_equal(fake.inits[1], 1);
    wr(0, 0x830, 2ul << 32 | 0x8500); /* de-assert */
    assert_int_equal(fake.inits[1], 1);
    wr(0, 0x830, 2ul << 32 | 0x4699);
    assert_int_equal(fake.startups[1], 1);
    assert_int_equal(fake.startup_vector, 0x99);
    wr(0, 0x830, 0xc0400); /* NMI to all but self */
    assert_int_equal(fake.nmis[0], 0);
    assert_int_equal(fake.nmis[1], 2);
    assert_int_equal(fake.nmis[3], 1);
}

static void lowest_priority_picks_one(void **state)
{
    struct irq_message msg = {.dest = 0xffffffff, .delivery = 1, .vector = 0x55};
    enable_all();
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        vlapic_set_tpr(&fake.v[i], i == 2 ? 0x10 : 0x20);
    vlapic_deliver(&fake.d, &msg);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_int_equal(vlapic_pending(&fake.v[i]), i == 2 ? 0x55 : -1);
}

static void xapic_logical_modes(void **state)
{
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
        to_xapic(i);
        vlapic_mmio_write(&fake.v[i], 0xd0, 1u << (24 + i));
    }
    assert_int_equal(vlapic_mmio_read(&fake.v[3], 0x20), 6u << 24);
    assert_int_equal(vlapic_mmio_read(&fake.v[3], 0xd0), 8u << 24);
    assert_int_equal(vlapic_mmio_read(&fake.v[3], 0xe0), 0xffffffff);
    vlapic_mmio_write(&fake.v[0], 0x310, 0x0a000000); /* flat: 1 and 3 */
    vlapic_mmio_write(&fake.v[0], 0x300, 0x4840);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x40);
    assert_int_equal(vlapic_pending(&fake.v[2]), -1);
    assert_int_equal(vlapic_pending(&fake.v[3]), 0x40);
    assert_int_equal(vlapic_mmio_read(&fake.v[0], 0x310), 0x0a000000);
    assert_int_equal(vlapic_mmio_read(&fake.v[0], 0x300), 0x4840);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) { /* cluster i / 2, bit i % 2 */
        vlapic_mmio_write(&fake.v[i], 0xe0, 0x0fffffff);
        vlapic_mmio_write(&fake.v[i], 0xd0, (i / 2) << 28 | 1u << (24 + i % 2));
    }
    vlapic_mmio_write(&fake.v[0], 0x310, 0x13000000); /* cluster 1, both */
    vlapic_mmio_write(&fake.v[0], 0x300, 0x4850);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x40);
    assert_int_equal(vlapic_pending(&fake.v[2]), 0x50);
    assert_int_equal(vlapic_pending(&fake.v[3]), 0x50);
    vlapic_mmio_write(&fake.v[0], 0x310, 0xff000000); /* physical broadcast */
    vlapic_mmio_write(&fake.v[0], 0x300, 0x4060);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        assert_int_equal(vlapic_pending(&fake.v[i]), 0x60);
    assert_int_equal(vlapic_mmio_read(&fake.v[0], 0x84), 0); /* between registers */
}

static void messages_of_devices(void **state)
{
    enable_all();
    vlapic_deliver_msi(&fake.d, 0xfee02000, 0x4041); /* id 2 */
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x41);
    vlapic_deliver_msi(&fake.d, 0xfeeff000, 0x4042);
    assert_int_equal(vlapic_pending(&fake.v[3]), 0x42);
    vlapic_deliver_msi(&fake.d, 0xfee04004, 0x4043); /* logical: bit 2 of cluster 0 is id 2 */
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x43);
    vlapic_deliver_msi(&fake.d, 0xfee02000, 0x4699); /* no STARTUP from devices */
    assert_int_equal(fake.startups[1], 0);
    vlapic_deliver_msi(&fake.d, 0xfed02000, 0x4099); /* not a message */
    vlapic_deliver_msi(&fake.d, 0x1fee02000, 0x4099);
    assert_int_equal(vlapic_pending(&fake.v[1]), 0x43);
    vlapic_deliver_msi(&fake.d, 0xfee02000, 0x4400);
    assert_int_equal(fake.nmis[1], 1);
}

static void errors_are_latched_and_raise_their_vector(void **state)
{
    enable_all();
    wr(0, 0x837, 0xfe);
    wr(0, 0x830, 2ul << 32 | 0x4005); /* vector 5 */
    assert_int_equal(rd(0, 0x828), 0);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0xfe);
    wr(0, 0x828, 0);
    assert_int_equal(rd(0, 0x828), 0x20);
    wr(0, 0x828, 0);
    assert_int_equal(rd(0, 0x828), 0);
    assert_int_equal(vlapic_pending(&fake.v[1]), -1);
}

static void disabling_masks_the_lvt(void **state)
{
    wr(0, 0x832, 0x20030); /* while disabled: stays masked */
    assert_int_equal(rd(0, 0x832), 0x30030);
    enable_all();
    wr(0, 0x832, 0x30);
    wr(0, 0x80f, 0xff);
    assert_int_equal(rd(0, 0x832), 0x10030);
}

static void one_shot_timer_fires_once(void **state)
{
    enable_all();
    wr(0, 0x83e, 0xb); /* divide by 1: 10 ns */
    wr(0, 0x832, 0x30);
    wr(0, 0x838, 1000);
    assert_int_equal(rd(0, 0x839), 1000);
    fake_advance(4000);
    assert_int_equal(rd(0, 0x839), 600);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    fake_advance(6000);
    assert_int_equal(vlapic_pending(&fake.v[0]), 0x30);
    assert_int_equal(rd(0, 0x839), 0);
    deliver(&fake.v[0], 0x30);
    wr(0, 0x80b, 0);
    fake_advance(1000000000);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
    wr(0, 0x838, 1000);
    wr(0, 0x838, 0); /* stops it */
    fake_advance(1000000000);
    assert_int_equal(vlapic_pending(&fake.v[0]), -1);
}

static unsigned int ticks(uint64_t step, unsigned int steps)
{
    unsigned int n = 0;
    for (unsigned int i = 0; i < steps; i++) {
        fake_advance(step);
        if (vlapic_pending(&fake.v[0]) == 0x31) {
            deliver(&fake.v[0], 0x31);
            wr(0, 0x80b, 0);
            n++;
        }
    }
    return n;
}

static void periodic_timer_ticks_until_stopped(void **state)
{
    enable_all();
    wr(0, 0x83e, 3); /* divide by 16: 160 ns */
    wr(0, 0x832, 0x20031);
    wr(0, 0x838, 6250); /* 1 ms */
    assert_int_equal(ticks(500000, 20), 10);
    wr(0, 0x832, 0x30031); /* masked: silent, but running */
    assert_int_equal(ticks(500000, 20), 0);
    wr(0, 0x832, 0x20031);
    assert_int_equal(ticks(500000, 20), 10);
    wr(0, 0x832, 0x31); /* to one-shot: stopped */
    assert_int_equal(ticks(500000, 20), 0);
    wr(0, 0x832, 0x20031);
    wr(0, 0x838, 1); /* absurdly short: bounded */
    unsigned int before = fake.kicks[0];
    fake_advance(1000000);
    assert_true(fake.kicks[0] - before <= 11);
}

static void late_ticks_are_not_made_up_for(void **state)
{
    enable_all();
    wr(0, 0x83e, 0xb);
    wr(0, 0x832, 0x20031);
    wr(0, 0x838, 100000); /* 1 ms */
    fake.now += 20500000; /* the CPU was busy elsewhere */
    assert_int_equal(ticks(0, 1), 1);
    assert_int_equal(fake.kicks[0], 1);
    assert_int_equal(ticks(1000, 500), 0);
    assert_int_equal(ticks(500000, 10), 5);
}

static void reset_clears_all_but_mode_and_id(void **state)
{
    enable_all();
    vlapic_set_irq(&fake.v[1], 0x40, false);
    deliver(&fake.v[1], 0x40);
    vlapic_set_irq(&fake.v[1], 0x50, false);
    wr(1, 0x832, 0x20);
    wr(1, 0x838, 100);
    vlapic_reset(&fake.v[1]);
    assert_int_equal(vlapic_pending(&fake.v[1]), -1);
    assert_int_equal(rd(1, 0x812), 0);
    assert_int_equal(rd(1, 0x80f), 0xff);
    assert_int_equal(rd(1, 0x802), 2);
    fake_advance(1000000000);
    assert_int_equal(rd(1, 0x821), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_in_x2apic_mode_software_disabled, setup, teardown),
        cmocka_unit_test_setup_teardown(disabled_apic_drops_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(highest_vector_first_and_eoi_opens_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_during_delivery_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(task_priority_holds_back_its_class, setup, teardown),
        cmocka_unit_test_setup_teardown(enabling_raises_the_upcall_that_came_too_early, setup, teardown),
        cmocka_unit_test_setup_teardown(reserved_bits_and_wrong_directions_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(base_transitions_follow_the_manual, setup, teardown),
        cmocka_unit_test_setup_teardown(ipis_reach_whom_they_name, setup, teardown),
        cmocka_unit_test_setup_teardown(nmi_init_and_startup_become_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(lowest_priority_picks_one, setup, teardown),
        cmocka_unit_test_setup_teardown(xapic_logical_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_of_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_latched_and_raise_their_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(disabling_masks_the_lvt, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shot_timer_fires_once, setup, teardown),
        cmocka_unit_test_setup_teardown(periodic_timer_ticks_until_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(late_ticks_are_not_made_up_for, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_clears_all_but_mode_and_id, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
