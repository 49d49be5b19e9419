/* test_svm.c - address space ids and what becomes of two events at once */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "../../svm/caps.h"
#include "../../svm/vmcb.h"
#include "core/clean.h"
#include <hv/cpu.h>
#include <hv/fault.h>
#include <hv/guestview.h>
#include <hv/p2m_impl.h>
#include <hv/vlapic.h>

#define ASIDS 4u

static struct cpu cpu;
static struct vcpu_private privates[6];
static struct vendor_vcpu states[6];
static struct vcpu v[6];
static struct p2m p2m;
static struct domain d;
static int pending, callback, accepted;
static uint8_t task_priority;
static bool tripled, yielded;
static uint64_t system_time;
struct svm_caps svm_caps = {.asids = ASIDS};

void test_chance(void)
{
}
uint64_t test_local_base(void)
{
    return (uint64_t)&cpu;
}
uint64_t time_now(void)
{
    return system_time;
}
void vcpu_yield(struct vcpu *x)
{
    yielded = true;
}
int vlapic_deliverable(struct vcpu *x)
{
    return pending;
}
void vlapic_hand_over(struct vcpu *x, uint8_t vector)
{
    assert_int_equal(pending, vector);
    pending = -1;
}
void vlapic_take_back(struct vcpu *x, uint8_t vector)
{
    if (pending < vector)
        pending = vector;
}
void vlapic_in_service(struct vcpu *x, uint8_t vector)
{
    accepted = vector;
}
uint8_t vlapic_tpr(struct vcpu *x)
{
    return task_priority;
}
int vcpu_callback_pending(struct vcpu *x)
{
    return callback;
}
void vcpu_triple_fault(struct vcpu *x)
{
    tripled = true;
}

static int setup(void **state)
{
    cpu = (struct cpu){.asid_generation = 1, .asid_next = 1, .flush_all_asids = true};
    memset(privates, 0, sizeof(privates));
    memset(states, 0, sizeof(states));
    p2m = (struct p2m){0};
    d = (struct domain){.p2m = &p2m};
    for (unsigned int i = 0; i < ARRAY_SIZE(v); i++) {
        v[i] = (struct vcpu){.id = i, .domain = &d, .private = &privates[i], .vendor = &states[i]};
    }
    pending = callback = accepted = -1;
    task_priority = 0;
    tripled = false;
    return 0;
}

void guest_views_keep_only(const struct domain *x)
{
}

static void prepare(unsigned int i)
{
    if (!svm_asid_is_good(&v[i], &cpu))
        svm_asid_prepare(&v[i]);
}
static void enter(unsigned int i)
{
    prepare(i);
    vmcb_of(&v[i])->exit_code = EXIT_INTR;
    svm_asid_entered(&v[i]);
}

static void an_id_is_kept_until_tables_or_cpu_change(void **state)
{
    prepare(0);
    uint32_t first = vmcb_of(&v[0])->asid;
    assert_in_range(first, 1, ASIDS - 1);
    assert_int_equal(vmcb_of(&v[0])->tlb_control, 1);
    enter(0);
    assert_int_equal(vmcb_of(&v[0])->asid, first);
    assert_int_equal(vmcb_of(&v[0])->tlb_control, 0);
    p2m.generation++;
    enter(0);
    assert_int_not_equal(vmcb_of(&v[0])->asid, first);
    uint32_t second = vmcb_of(&v[0])->asid;
    cpu.id = 1;
    enter(0);
    cpu.id = 0;
    enter(0); /* what it left here under the old id may be stale */
    assert_true(vmcb_of(&v[0])->asid != second || vmcb_of(&v[0])->tlb_control == 1);
}

static void no_two_vcpus_share_an_id_without_a_flush(void **state)
{
    unsigned int owner[ASIDS] = {~0u, ~0u, ~0u, ~0u}, random = 1;

    for (unsigned int n = 0; n < 10000; n++) {
        random = random * 1103515245 + 12345;
        unsigned int i = (random >> 16) % ARRAY_SIZE(v);
        if ((random >> 20) % 8 == 0)
            p2m.generation++;
        prepare(i);
        if ((random >> 24) % 3 == 0)
            continue; /* a kick came in the last moment: it is not entered */
        if (vmcb_of(&v[i])->tlb_control == 1)
            for (unsigned int k = 0; k < ASIDS; k++)
                owner[k] = ~0u;
        uint32_t id = vmcb_of(&v[i])->asid;
        assert_in_range(id, 1, ASIDS - 1);
        if (owner[id] != ~0u && owner[id] != i)
            fail_msg("vCPU %u enters with id %u, whose translations are vCPU %u's", i, id, owner[id]);
        owner[id] = i;
        vmcb_of(&v[i])->exit_code = EXIT_INTR;
        svm_asid_entered(&v[i]);
    }
}

static void a_refused_entry_does_not_count_as_a_flush(void **state)
{
    prepare(0);
    assert_int_equal(vmcb_of(&v[0])->tlb_control, 1);
    vmcb_of(&v[0])->exit_code = EXIT_INVALID;
    svm_asid_entered(&v[0]);
    prepare(1);
    assert_int_equal(vmcb_of(&v[1])->tlb_control, 1);
}

static void an_event_cut_short_comes_again(void **state)
{
    vmcb_of(&v[0])->exit_int_info = EVENT_VALID | EVENT_INTR | 0x31;
    svm_reinject(&v[0]);
    assert_int_equal(vmcb_of(&v[0])->event_inject, EVENT_VALID | EVENT_INTR | 0x31);
    vmcb_of(&v[0])->exit_int_info = EVENT_VALID | EVENT_SOFTWARE | 0x80;
    svm_reinject(&v[0]);
    assert_int_equal(vmcb_of(&v[0])->event_inject, 0);
    vmcb_of(&v[0])->exit_int_info = EVENT_VALID | EVENT_EXCEPTION | 3; /* INT3 is executed again */
    svm_reinject(&v[0]);
    assert_int_equal(vmcb_of(&v[0])->event_inject, 0);
}

static uint64_t two(unsigned int first, unsigned int second)
{
    vmcb_of(&v[0])->event_inject = EVENT_VALID | EVENT_EXCEPTION | first;
    svm_inject_exception(&v[0], second, false, 0);
    return vmcb_of(&v[0])->event_inject & 0xff;
}

static void two_exceptions_combine_as_on_the_cpu(void **state)
{
    assert_int_equal(two(13, 13), 8);
    assert_int_equal(two(14, 13), 8);
    assert_int_equal(two(14, 14), 8);
    assert_int_equal(two(13, 14), 14);
    assert_int_equal(two(1, 13), 13);
    assert_int_equal(two(14, 1), 1); /* an intercepted #DB or #AC is benign */
    assert_int_equal(two(13, 17), 17);
    assert_false(tripled);
    two(8, 14);
    assert_true(tripled);
}

#define OFFERED(vector) (VINTR_MASKING | VINTR_IRQ | VINTR_VECTOR(vector##ul))

static void an_interrupt_is_in_service_once_the_cpu_took_it(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);

    pending = 0x41;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->event_inject, 0);
    assert_int_equal(b->vintr, OFFERED(0x41) | 4ul << 16);
    svm_settle_interrupt(&v[0]); /* an exit before the guest could: it stands as it was */
    assert_int_equal(accepted, -1);
    svm_inject_prepare(&v[0]);
    b->vintr &= ~VINTR_IRQ; /* the CPU delivered it */
    svm_settle_interrupt(&v[0]);
    assert_int_equal(accepted, 0x41);
    accepted = -1;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, VINTR_MASKING);
    svm_settle_interrupt(&v[0]); /* nothing was offered: nothing can have been taken */
    assert_int_equal(accepted, -1);
}

static void a_better_one_takes_the_place_of_the_one_offered(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);

    pending = 0x41;
    svm_inject_prepare(&v[0]);
    svm_settle_interrupt(&v[0]);
    pending = 0x52;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, OFFERED(0x52) | 5ul << 16);
    b->vintr &= ~VINTR_IRQ;
    svm_settle_interrupt(&v[0]);
    assert_int_equal(accepted, 0x52);
}

static void the_callback_knows_no_priority(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);

    callback = 0xf3;
    task_priority = 0x50;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, OFFERED(0xf3) | VINTR_IGN_TPR | 5);
    b->vintr &= ~VINTR_IRQ;
    svm_settle_interrupt(&v[0]); /* it is not the local APIC's */
    assert_int_equal(accepted, -1);
    pending = 0x61; /* above the task priority: first */
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, OFFERED(0x61) | 6ul << 16 | 5);
    pending = 0x51; /* held back by it: does not hold the callback back */
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, OFFERED(0xf3) | VINTR_IGN_TPR | 5);
    callback = -1; /* alone: the CPU compares */
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->vintr, OFFERED(0x51) | 5ul << 16 | 5);
}

static void a_virtual_interrupt_cut_short_stands_or_comes_again(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);

    pending = 0x41;
    svm_inject_prepare(&v[0]);
    b->vintr &= ~VINTR_IRQ; /* a CPU: taken, and the exit says what was under way */
    b->exit_int_info = EVENT_VALID | EVENT_INTR | 0x41;
    svm_settle_interrupt(&v[0]);
    svm_reinject(&v[0]);
    assert_int_equal(accepted, 0x41);
    assert_int_equal(b->event_inject, EVENT_VALID | EVENT_INTR | 0x41);
    accepted = -1;
    pending = 0x41;
    svm_inject_prepare(&v[0]);
    b->exit_int_info = EVENT_VALID | EVENT_EXCEPTION | 0x41; /* QEMU: not taken, and a strange exception */
    svm_settle_interrupt(&v[0]);
    svm_reinject(&v[0]);
    assert_int_equal(accepted, -1);
    assert_int_equal(b->event_inject, 0);
}

static void nmis_come_one_at_a_time(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);

    v[0].nmi_signal = true;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->event_inject, EVENT_VALID | EVENT_NMI | 2);
    assert_true(b->intercepts1 & I1_IRET);
    b->event_inject = 0;
    v[0].nmi_signal = true;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->event_inject, 0); /* until its IRET */
    states[0].nmi_blocked = false;
    svm_inject_prepare(&v[0]);
    assert_int_equal(b->event_inject, EVENT_VALID | EVENT_NMI | 2);
}

static bool settled(void)
{
    svm_inject_prepare(&v[0]);
    return states[0].settled;
}

/* While this is so, interrupts are not looked at again before somebody kicks. */
static void it_is_settled_only_if_nothing_waits(void **state)
{
    assert_true(settled());
    pending = 0x41;
    assert_false(settled());
    pending = -1;
    callback = 0xf3;
    assert_false(settled());
    callback = -1;
    assert_true(settled());
    vmcb_of(&v[0])->event_inject = EVENT_VALID | EVENT_EXCEPTION | 14; /* what else comes must wait for it */
    assert_false(settled());
    vmcb_of(&v[0])->event_inject = 0;
    v[0].nmi_signal = true;
    assert_false(settled());
    vmcb_of(&v[0])->event_inject = 0;
    v[0].nmi_signal = true;
    assert_false(settled()); /* the second waits for the end of the first */
    states[0].nmi_blocked = false;
    assert_false(settled());
    vmcb_of(&v[0])->event_inject = 0;
    assert_true(settled());
}

static void a_flush_is_asked_for_once(void **state)
{
    prepare(0);
    prepare(1); /* on its way too, then the first enters and flushes everything */
    vmcb_of(&v[0])->exit_code = EXIT_INTR;
    svm_asid_entered(&v[0]);
    assert_int_equal(vmcb_of(&v[0])->tlb_control, 0);
    assert_true(svm_asid_is_good(&v[0], &cpu) && svm_asid_is_good(&v[1], &cpu));
    assert_int_equal(vmcb_of(&v[1])->tlb_control, 1);
    vmcb_of(&v[1])->exit_code = EXIT_INTR;
    svm_asid_entered(&v[1]);
    assert_int_equal(vmcb_of(&v[1])->tlb_control, 0);
    p2m.generation++;
    assert_false(svm_asid_is_good(&v[0], &cpu));
    prepare(0);
    assert_true(svm_asid_is_good(&v[0], &cpu));
    cpu.id = 1;
    assert_false(svm_asid_is_good(&v[0], &cpu));
    cpu.id = 0;
    cpu.asid_generation++;
    assert_false(svm_asid_is_good(&v[0], &cpu));
}

/* A guest that does nothing but locks of the bus: 64 go on per millisecond, and nobody waits for it. */
static void bus_locks_are_rationed(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]);
    unsigned int made = 0, yields = 0;

    svm_bus_lock_reset(&v[0]);
    assert_int_equal(b->intercepts3, 0); /* a CPU that does not count them */
    svm_caps.bus_lock_threshold = true;
    system_time = 123456789;
    svm_bus_lock_reset(&v[0]);
    assert_int_equal(b->intercepts3, 1u << 5);
    for (unsigned int us = 0; us < 10000; us++) {
        system_time += 1000;
        if (b->bus_locks) {
            b->bus_locks--;
            made++;
            continue;
        }
        yielded = false;
        svm_bus_lock_exit(&v[0]);
        yields += yielded;
    }
    svm_caps.bus_lock_threshold = false;
    assert_in_range(made, 9 * 64, 12 * 64);
    assert_true(yields > 8000);
}

/* Whatever the order of things: the CPU never goes by an old value. */
static void what_changed_is_not_called_clean(void **state)
{
    struct vmcb *b = vmcb_of(&v[0]), before;
    unsigned int random = 1;

    svm_caps.bus_lock_threshold = true;
    for (unsigned int n = 0; n < 5000; n++) {
        random = random * 1103515245 + 12345;
        b->clean = VMCB_ALL; /* an entry was there */
        before = *b;
        switch ((random >> 16) % 8) {
        case 0: pending = (int)((random >> 20) % 256); break;
        case 1: callback = (random >> 20) % 2 ? 0xf3 : -1; break;
        case 2: task_priority = (uint8_t)(random >> 20); break;
        case 3: v[0].nmi_signal = true; break;
        case 4: p2m.generation++; break;
        case 5: states[0].nmi_blocked = false; break;
        case 6: system_time += 2000000; break;
        case 7: b->event_inject = 0; break;
        }
        if ((random >> 24) % 4 == 0)
            svm_bus_lock_exit(&v[0]);
        svm_inject_prepare(&v[0]);
        prepare(0);
        assert_true(clean_is_true(&before, b));
        svm_settle_interrupt(&v[0]);
    }
    svm_caps.bus_lock_threshold = false;
    assert_int_equal(b->clean & (VMCB_CR | VMCB_SEGMENTS), VMCB_CR | VMCB_SEGMENTS); /* nor is all called changed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_id_is_kept_until_tables_or_cpu_change, setup),
        cmocka_unit_test_setup(no_two_vcpus_share_an_id_without_a_flush, setup),
        cmocka_unit_test_setup(a_refused_entry_does_not_count_as_a_flush, setup),
        cmocka_unit_test_setup(an_event_cut_short_comes_again, setup),
        cmocka_unit_test_setup(two_exceptions_combine_as_on_the_cpu, setup),
        cmocka_unit_test_setup(an_interrupt_is_in_service_once_the_cpu_took_it, setup),
        cmocka_unit_test_setup(a_better_one_takes_the_place_of_the_one_offered, setup),
        cmocka_unit_test_setup(the_callback_knows_no_priority, setup),
        cmocka_unit_test_setup(bus_locks_are_rationed, setup),
        cmocka_unit_test_setup(a_virtual_interrupt_cut_short_stands_or_comes_again, setup),
        cmocka_unit_test_setup(nmis_come_one_at_a_time, setup),
        cmocka_unit_test_setup(it_is_settled_only_if_nothing_waits, setup),
        cmocka_unit_test_setup(a_flush_is_asked_for_once, setup),
        cmocka_unit_test_setup(what_changed_is_not_called_clean, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
