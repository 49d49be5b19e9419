/*
 * test_sched.c - who gets the CPU, and when: one CPU in simulated time, every step repeatable.
 * What several CPUs do to each other is in test_wakeups.c.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/cpus.h"
#include <hv/sched.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

#define MS    1000000ul
#define NEVER (~0ul)

static uint64_t now, hardware_timer, end;
static jmp_buf out;
static struct domain domain;

/* A guest computes for `burst` and then sleeps for `pause`; pause 0: it never sleeps. */
static struct guest {
    uint64_t burst, pause, left, ran;
    uint64_t woken_at, worst_delay, wakes, slept;
    bool yields; /* gives the CPU up after each burst instead of sleeping */
    struct timer alarm;
} guest[TEST_VCPUS];

uint64_t test_now(void)
{
    return now;
}
void test_hardware_timer(uint64_t deadline)
{
    hardware_timer = deadline;
}
void test_kick(unsigned int cpu)
{
}
void test_reset(struct vcpu *v)
{
}

static void (*meanwhile)(void); /* what another CPU does at the next place where it can */

void test_chance(void)
{
    void (*f)(void) = meanwhile;

    if (!f || test_cpu[0].runq_lock.next != test_cpu[0].runq_lock.owner ||
        test_cpu[1].runq_lock.next != test_cpu[1].runq_lock.owner)
        return;
    meanwhile = NULL;
    f();
}

static void pass_time(uint64_t to)
{
    now = to;
    if (now >= end)
        longjmp(out, 1);
}

void interrupt_window(void)
{
    if (hardware_timer > now)
        return;
    hardware_timer = NEVER;
    test_cpu[0].timer_expired = true;
}
void sti_hlt_cli(void)
{
    if (this_cpu()->shown)
        abort(); /* an idle CPU sees nobody's private state */
    pass_time(MIN(hardware_timer, end));
    interrupt_window();
}

static void alarm_rings(struct timer *t)
{
    struct guest *g = container_of(t, struct guest, alarm);

    g->woken_at = now;
    g->slept += g->pause;
    vlapic_set_irq(&test_vcpu[g - guest], 0x40, false);
}

enum guest_exit test_guest(struct vcpu *v, bool interrupt)
{
    struct guest *g = &guest[v->id];

    if (interrupt && g->woken_at) {
        g->worst_delay = MAX(g->worst_delay, now - g->woken_at);
        g->wakes++;
        g->woken_at = 0;
    }
    if (!g->left)
        g->left = g->burst;
    uint64_t span = MIN(g->left, hardware_timer > now ? hardware_timer - now : 0);
    span = MIN(span, end - now);
    g->left -= span;
    g->ran += span;
    pass_time(now + span);
    if (g->left)
        return GUEST_INTERRUPTED;
    if (g->yields) {
        vcpu_yield(v);
        return GUEST_STAYS;
    }
    if (!g->pause)
        return GUEST_STAYS;
    timer_set(&g->alarm, now + g->pause);
    return GUEST_HALTS;
}

static int setup(void **state)
{
    now = 1000 * MS;
    hardware_timer = NEVER;
    memset(guest, 0, sizeof(guest));
    domain = (struct domain){.id = 1};
    cpus_setup(1);
    for (unsigned int i = 0; i < TEST_VCPUS; i++) {
        vcpu_setup(i, &domain, 0);
        timer_init(&guest[i].alarm, alarm_rings);
    }
    return 0;
}

static void start(unsigned int i, uint64_t burst, uint64_t pause)
{
    guest[i].burst = burst;
    guest[i].pause = pause;
    vcpu_online(&test_vcpu[i]);
}

static void run_for(uint64_t ns)
{
    /* The loop is left in the middle of a guest's run: what it has in hand is put back as if it had been preempted. */
    end = now + ns;
    if (setjmp(out) == 0)
        cpu_loop();
}

/* The loop begins anew: whoever ran is queued again, by the scheduler's own means. */
static void go_on_for(uint64_t ns)
{
    struct vcpu *v = test_cpu[0].running_vcpu;

    if (v) {
        uint64_t ran = now - v->slice_start;
        v->vruntime += ran;
        v->run_ns += ran;
        v->slice_start = now;
        test_cpu[0].running_vcpu = NULL;
        v->running = false;
        sched_update(v);
    }
    run_for(ns);
}

static void near(uint64_t value, uint64_t wanted, uint64_t by)
{
    if (value + by < wanted || value > wanted + by)
        fail_msg("%lu us, not %lu +- %lu us", value / 1000, wanted / 1000, by / 1000);
}

static void spinners_share_equally(void **state)
{
    for (unsigned int i = 0; i < 4; i++)
        start(i, NEVER, 0);
    run_for(1000 * MS);
    for (unsigned int i = 0; i < 4; i++)
        near(guest[i].ran, 250 * MS, 7 * MS);
}

static void a_late_start_gives_no_credit(void **state)
{
    start(0, NEVER, 0);
    run_for(1000 * MS);
    start(1, NEVER, 0); /* its virtual time is a second behind */
    go_on_for(100 * MS);
    near(guest[1].ran, 50 * MS, 10 * MS);
}

/* The other way round: having been alone costs nothing afterwards. */
static void time_alone_is_not_a_debt(void **state)
{
    start(0, NEVER, 0);
    start(1, 1 * MS, 3 * MS);
    run_for(20 * MS);
    guest[1].pause = 5000 * MS; /* it sleeps for long while the other computes */
    go_on_for(5000 * MS);
    guest[1].burst = NEVER;
    guest[1].left = 0;
    uint64_t before = guest[0].ran;
    go_on_for(1000 * MS);
    near(guest[0].ran - before, 500 * MS, 30 * MS);
}

static void a_waker_gets_what_it_wants_and_soon(void **state)
{
    start(0, NEVER, 0);
    start(1, NEVER, 0);
    start(2, MS / 10, 5 * MS);
    run_for(2000 * MS);
    assert_in_range(guest[2].wakes, 320, 400); /* every 5.1 ms but for the delays */
    if (guest[2].worst_delay > 7 * MS)
        fail_msg("%lu us until it ran", guest[2].worst_delay / 1000);
    near(guest[0].ran, guest[1].ran, 8 * MS);
}

/* Sleeping a little must not buy more than the share: it computes all the time but for a moment. */
static void short_sleeps_do_not_buy_time(void **state)
{
    start(0, NEVER, 0);
    start(1, 2 * MS, MS / 100);
    run_for(2000 * MS);
    assert_true(guest[1].ran <= 1250 * MS);
    assert_true(guest[0].ran >= 700 * MS);
}

static void yielding_lets_others_go_first(void **state)
{
    start(0, MS / 100, 0);
    guest[0].yields = true;
    start(1, NEVER, 0);
    run_for(500 * MS);
    assert_true(guest[1].ran >= 240 * MS);
    assert_true(guest[0].ran > 0);
}

static void only_who_may_run_does(void **state)
{
    start(0, NEVER, 0);
    start(1, NEVER, 0);
    run_for(10 * MS);
    uint64_t before = guest[0].ran + guest[1].ran;
    domain.pause_count = 1;
    sched_update(&test_vcpu[0]);
    sched_update(&test_vcpu[1]);
    go_on_for(50 * MS);
    assert_int_equal(guest[0].ran + guest[1].ran, before);
    domain.pause_count = 0;
    sched_update(&test_vcpu[0]);
    sched_update(&test_vcpu[1]);
    go_on_for(20 * MS);
    assert_true(guest[0].ran + guest[1].ran > before);
    domain.dying = true;
    sched_update(&test_vcpu[0]);
    sched_update(&test_vcpu[1]);
    before = guest[0].ran + guest[1].ran;
    go_on_for(20 * MS);
    assert_int_equal(guest[0].ran + guest[1].ran, before);
}

static void run_times_add_up(void **state)
{
    start(0, 3 * MS, 2 * MS);
    start(1, NEVER, 0);
    run_for(100 * MS);
    for (unsigned int i = 0; i < 2; i++)
        near(sched_runtime(&test_vcpu[i]), guest[i].ran, 1000);
    uint64_t *t = test_vcpu[0].runstate.time, sum = 0;
    for (unsigned int i = 0; i < 4; i++)
        sum += t[i];
    near(sum + now - test_vcpu[0].runstate.state_entry_time, now, 1000);
}

/* What a guest takes for stolen: the time from its wake-up on, too. */
static void waiting_for_a_cpu_is_not_sleep(void **state)
{
    start(0, 20 * MS, 2 * MS);
    for (unsigned int i = 1; i < 4; i++)
        start(i, NEVER, 0);
    run_for(1000 * MS);
    assert_true(guest[0].wakes > 5);
    const struct vcpu_runstate_info *r = &test_vcpu[0].runstate;
    near(r->time[RUNSTATE_blocked], guest[0].slept, 1 * MS / 100);
    assert_true(r->time[RUNSTATE_runnable] > 500 * MS);
}

/* ---- moving ---- */

static void who_moves_keeps_its_place_within_bounds(void **state)
{
    static const int64_t lags[] = {-100 * (int64_t)MS, -(int64_t)MS, 0, (int64_t)MS, 100 * (int64_t)MS};

    for (unsigned int i = 0; i < ARRAY_SIZE(lags); i++) {
        setup(state);
        cpus_setup(2);
        for (unsigned int k = 0; k < 2; k++)
            vcpu_setup(k, &domain, 0);
        test_cpu[0].min_vruntime = 1000 * MS;
        test_cpu[1].min_vruntime = i & 1 ? 5 * MS : 90000 * MS;
        test_cpu[1].idle = true;
        test_vcpu[0].vruntime = (uint64_t)(1000 * (int64_t)MS + lags[i]);
        vcpu_online(&test_vcpu[0]);
        assert_int_equal(test_vcpu[0].cpu, 1);
        assert_true(test_vcpu[0].queued && test_cpu[1].runq_length == 1 && test_cpu[0].runq_length == 0);
        int64_t lag = (int64_t)(test_vcpu[0].vruntime - test_cpu[1].min_vruntime);
        assert_true(lag >= -3 * (int64_t)MS && lag <= 6 * (int64_t)MS);
        assert_true(i != 3 || lag == (int64_t)MS);
    }
}

static unsigned int places_passed, pause_at;

static void pause_now(void)
{
    if (places_passed++ != pause_at) {
        meanwhile = pause_now;
        return;
    }
    domain.pause_count = 1;
    sched_update(&test_vcpu[0]);
}

/* domain_pause() on another CPU, at each place in turn between the locks that waking takes. */
static void who_is_paused_on_the_way_to_an_idle_cpu_is_not_queued(void **state)
{
    unsigned int places = 0;

    for (pause_at = 0; pause_at <= places; pause_at++) {
        setup(state);
        cpus_setup(2);
        vcpu_setup(0, &domain, 0);
        test_cpu[1].idle = true;
        places_passed = 0;
        meanwhile = pause_now;
        vcpu_online(&test_vcpu[0]);
        if (places_passed <= pause_at) /* that was one place too many */
            break;
        assert_false(test_vcpu[0].queued);
        assert_int_equal(test_cpu[0].runq_length + test_cpu[1].runq_length, 0);
        places++;
    }
    meanwhile = NULL;
    assert_in_range(places, 3, 20);
}

/* ---- timers ---- */

static unsigned int fired[8], fired_count;
static struct timer timers[8];
static void note(struct timer *t)
{
    fired[fired_count++] = (unsigned int)(t - timers);
}

static void timers_fire_in_order_and_not_early(void **state)
{
    static const uint64_t at[8] = {50, 10, 40, 10, 30, 20, 60, 5};

    fired_count = 0;
    for (unsigned int i = 0; i < 8; i++) {
        timer_init(&timers[i], note);
        timer_set(&timers[i], now + at[i] * MS);
    }
    timer_stop(&timers[4]);
    timer_set(&timers[6], now + 15 * MS); /* set again: moves */
    timer_stop(&timers[4]);
    run_for(9 * MS);
    assert_int_equal(fired_count, 1);
    run_for(100 * MS);
    static const unsigned int order[] = {7, 1, 3, 6, 5, 2, 0};
    assert_int_equal(fired_count, ARRAY_SIZE(order));
    assert_memory_equal(fired, order, sizeof(order));
    assert_true(list_empty(&test_cpu[0].timers));
}

static void a_timer_in_the_past_fires_soon(void **state)
{
    fired_count = 0;
    timer_init(&timers[0], note);
    timer_set(&timers[0], 1);
    assert_int_equal(fired_count, 0); /* not from inside the call */
    run_for(MS);
    assert_int_equal(fired_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(spinners_share_equally, setup),
        cmocka_unit_test_setup(a_late_start_gives_no_credit, setup),
        cmocka_unit_test_setup(time_alone_is_not_a_debt, setup),
        cmocka_unit_test_setup(a_waker_gets_what_it_wants_and_soon, setup),
        cmocka_unit_test_setup(short_sleeps_do_not_buy_time, setup),
        cmocka_unit_test_setup(yielding_lets_others_go_first, setup),
        cmocka_unit_test_setup(only_who_may_run_does, setup),
        cmocka_unit_test_setup(run_times_add_up, setup),
        cmocka_unit_test_setup(waiting_for_a_cpu_is_not_sleep, setup),
        cmocka_unit_test_setup(who_moves_keeps_its_place_within_bounds, setup),
        cmocka_unit_test_setup(who_is_paused_on_the_way_to_an_idle_cpu_is_not_queued, setup),
        cmocka_unit_test_setup(timers_fire_in_order_and_not_early, setup),
        cmocka_unit_test_setup(a_timer_in_the_past_fires_soon, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
