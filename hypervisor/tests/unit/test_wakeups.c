/*
 * test_wakeups.c - several CPUs at once, as threads: no wake-up is lost, a paused domain does not run, a reset vCPU is
 * nowhere else. Nothing here waits for a fixed time: it ends when enough has happened, or fails when nothing happens
 * any more.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "core/cpus.h"
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

#define CPUS  3
#define NEVER (~0ul)

static struct lane {
    sem_t wake;
    bool interrupt; /* an IPI waits */
    uint64_t timer;
} lane[TEST_CPUS];
static bool stop;

/* vCPUs 0 to 2 pass a token round, 3 and 4 another one, 5 starts 7 again and again, and 6 gets INIT and STARTUP from
 * both. */
static struct domain ring, pair, signals;
static struct {
    uint64_t passed;
    unsigned int inside; /* threads that run this vCPU's guest: 0 or 1 */
    unsigned int random;
} state[TEST_VCPUS];
static uint64_t starts, asked, pauses; /* starts of 7 */
static bool held;                      /* `pair` is paused for certain */

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

uint64_t test_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
/* Real machines have more CPUs than this one: a thread that goes to sleep at a bad moment stands for one that is slow
 * there. */
void test_chance(void)
{
    static _Thread_local unsigned int random = 1;

    random = random * 1103515245 + 12345;
    if ((random >> 16) % 16 == 0)
        sched_yield();
    else if ((random >> 16) % 512 == 1)
        usleep(50);
}
void test_hardware_timer(uint64_t deadline)
{
    lane[this_cpu()->id].timer = deadline;
}
void test_kick(unsigned int cpu)
{
    __atomic_store_n(&lane[cpu].interrupt, true, __ATOMIC_SEQ_CST);
    sem_post(&lane[cpu].wake);
}

static bool take_interrupt(struct lane *l)
{
    bool due = l->timer <= test_now();

    if (due) {
        l->timer = NEVER;
        this_cpu()->timer_expired = true;
    }
    return __atomic_exchange_n(&l->interrupt, false, __ATOMIC_SEQ_CST) || due;
}

void interrupt_window(void)
{
    if (__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (!this_cpu()->current)
            pthread_exit(NULL);
        this_cpu()->resched = true; /* not with a vCPU on it: somebody may be waiting for that one */
    }
    take_interrupt(&lane[this_cpu()->id]);
}

void sti_hlt_cli(void)
{
    struct lane *l = &lane[this_cpu()->id];

    if (this_cpu()->shown)
        die("an idle CPU sees private state");
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST) && !take_interrupt(l)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        uint64_t now = test_now(), left = MIN(l->timer > now ? l->timer - now : 0, 200000000ul),
                 at = (uint64_t)until.tv_nsec + left;
        until.tv_sec += (time_t)(at / 1000000000);
        until.tv_nsec = (long)(at % 1000000000);
        sem_timedwait(&l->wake, &until);
    }
}

/* A timer that vCPU 5 keeps setting, until it is asked not to: then it is stopped, and what it stands in goes away. */
static struct timer timer;
static enum { KEPT, WANTED_BACK, GIVEN_BACK } timer_hold; /* each step is one side's: WANTED by others, GIVEN by 5 */
static bool timer_gone;
static uint64_t timer_fires;

static void timer_fired(struct timer *t)
{
    test_chance();
    if (__atomic_load_n(&timer_gone, __ATOMIC_SEQ_CST))
        die("a stopped timer still fires");
    __atomic_add_fetch(&timer_fires, 1, __ATOMIC_SEQ_CST);
}

static void keep_timer_set(void)
{
    switch (__atomic_load_n(&timer_hold, __ATOMIC_SEQ_CST)) {
    case KEPT:
        if (!read_once(timer.deadline))
            timer_set(&timer, test_now() + 1000);
        return;
    case WANTED_BACK: __atomic_store_n(&timer_hold, GIVEN_BACK, __ATOMIC_SEQ_CST); return;
    case GIVEN_BACK: return;
    }
}

/* From another CPU. */
static void stop_timer(void)
{
    if (__atomic_load_n(&timer_hold, __ATOMIC_SEQ_CST) != GIVEN_BACK) {
        __atomic_store_n(&timer_hold, WANTED_BACK, __ATOMIC_SEQ_CST);
        return; /* next time */
    }
    timer_stop(&timer);
    __atomic_store_n(&timer_gone, true, __ATOMIC_SEQ_CST);
    sched_yield();
    __atomic_store_n(&timer_gone, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&timer_hold, KEPT, __ATOMIC_SEQ_CST);
}

static void send(unsigned int to)
{
    vlapic_set_irq(&test_vcpu[to], 0x40, false);
}

static unsigned int draw(unsigned int i)
{
    state[i].random = state[i].random * 1103515245 + 12345 + i;
    return state[i].random >> 16;
}

static enum guest_exit pass_token(unsigned int i, bool interrupt)
{
    if (!interrupt)
        return GUEST_HALTS;
    state[i].passed++;
    unsigned int r = draw(i);
    if (r % 4 == 0) /* computes a while; an IPI ends it */
        for (unsigned int n = r % 200; n && !__atomic_load_n(&lane[this_cpu()->id].interrupt, __ATOMIC_SEQ_CST); n--)
            cpu_relax();
    if (r % 64 == 0)
        sched_yield();
    send(i < 3 ? (i + 1) % 3 : 7 - i);
    return r % 2 ? GUEST_HALTS : GUEST_STAYS;
}

static enum guest_exit signal_others(unsigned int i)
{
    unsigned int r = draw(i);

    if (i == 7 && !test_vcpu[7].private->regs.rip) { /* just started */
        test_vcpu[7].private->regs.rip = 1;
        __atomic_add_fetch(&starts, 1, __ATOMIC_SEQ_CST);
        if (r % 2)
            return GUEST_HALTS;
    }
    if (i == 5)
        keep_timer_set();
    if (i == 5 && __atomic_load_n(&starts, __ATOMIC_SEQ_CST) == asked) {
        asked++; /* one INIT and one STARTUP must be enough */
        vcpu_init_signal(&test_vcpu[7]);
        if (r % 3 == 0)
            test_chance();
        vcpu_startup_signal(&test_vcpu[7], (uint8_t)r);
    }
    if (i != 6) {
        if (r % 8 < 6)
            vcpu_init_signal(&test_vcpu[6]);
        vcpu_startup_signal(&test_vcpu[6], (uint8_t)r);
    }
    return i != 5 && r % 32 == 1 ? GUEST_HALTS : GUEST_STAYS;
}

enum guest_exit test_guest(struct vcpu *v, bool interrupt)
{
    unsigned int i = v->id;

    if (__atomic_add_fetch(&state[i].inside, 1, __ATOMIC_SEQ_CST) != 1)
        die("a vCPU runs on two CPUs");
    if (v->domain == &pair && __atomic_load_n(&held, __ATOMIC_SEQ_CST))
        die("a vCPU of a paused domain runs");
    if (i > 5 && v->private->regs.rip == 0xfff0)
        die("a vCPU runs that waits for its STARTUP");
    enum guest_exit exit = i < 5 ? pass_token(i, interrupt) : signal_others(i);
    if (v->domain == &pair && __atomic_load_n(&held, __ATOMIC_SEQ_CST))
        die("a paused domain still runs");
    if (i > 5 && v->private->regs.rip == 0xfff0)
        die("a vCPU was reset while it ran");
    __atomic_sub_fetch(&state[i].inside, 1, __ATOMIC_SEQ_CST);
    struct lane *l = &lane[this_cpu()->id];
    bool interrupted = __atomic_load_n(&l->interrupt, __ATOMIC_SEQ_CST) || l->timer <= test_now();
    return interrupted || __atomic_load_n(&stop, __ATOMIC_SEQ_CST) ? GUEST_INTERRUPTED
                                                                   : exit; /* it halts the next time */
}

void test_reset(struct vcpu *v)
{
    if (__atomic_load_n(&state[v->id].inside, __ATOMIC_SEQ_CST))
        die("a vCPU is reset while it runs");
    v->private->regs.rip = 0xfff0;
}

static void *cpu_thread(void *arg)
{
    test_here = arg;
    cpu_loop();
}

/* domain_pause() and domain_unpause(), from a CPU that runs nothing else. */
static void *pauser(void *arg)
{
    static struct cpu here = {.id = TEST_CPUS};

    test_here = &here;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(&pair.pause_count, 1, __ATOMIC_SEQ_CST);
        for (unsigned int i = 3; i < 5; i++)
            sched_update(&test_vcpu[i]);
        for (unsigned int i = 3; i < 5; i++)
            sched_wait_not_running(&test_vcpu[i]);
        __atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
        send(3); /* a wake-up meanwhile must wait, and must not get lost */
        sched_yield();
        __atomic_store_n(&held, false, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&pair.pause_count, 1, __ATOMIC_SEQ_CST);
        for (unsigned int i = 3; i < 5; i++)
            sched_update(&test_vcpu[i]);
        __atomic_add_fetch(&pauses, 1, __ATOMIC_SEQ_CST);
        stop_timer();
        sched_yield();
    }
    return NULL;
}

static uint64_t least(const uint64_t *values, unsigned int n)
{
    uint64_t min = values[0];
    for (unsigned int i = 1; i < n; i++)
        min = MIN(min, values[i]);
    return min;
}

/* Until all have come far enough; dies when one stands still for 30 s. */
static void watch(void)
{
    uint64_t seen[5] = {0}, since[5];

    for (unsigned int k = 0; k < 5; k++)
        since[k] = test_now();
    for (;;) {
        uint64_t at[5] = {__atomic_load_n(&state[0].passed, __ATOMIC_RELAXED),
                          __atomic_load_n(&state[4].passed, __ATOMIC_RELAXED),
                          __atomic_load_n(&starts, __ATOMIC_RELAXED), __atomic_load_n(&pauses, __ATOMIC_RELAXED),
                          __atomic_load_n(&timer_fires, __ATOMIC_RELAXED)};
        if (least(at, 5) >= 3000)
            return;
        for (unsigned int k = 0; k < 5; k++) {
            if (at[k] != seen[k])
                since[k] = test_now();
            seen[k] = at[k];
            if (test_now() - since[k] > 30000000000ul) {
                fprintf(stderr, "stands still at %lu %lu %lu %lu %lu: ", at[0], at[1], at[2], at[3], at[4]);
                die(k < 2 ? "a wake-up was lost" : "no progress");
            }
        }
        struct timespec t = {.tv_nsec = 1000000};
        nanosleep(&t, NULL); /* between looks, not for something to happen */
    }
}

int main(void)
{
    pthread_t thread[CPUS], pausing;

    ring.id = 1;
    pair.id = 2;
    signals.id = 3;
    for (unsigned int i = 0; i < TEST_CPUS; i++) {
        sem_init(&lane[i].wake, 0, 0);
        lane[i].timer = NEVER;
    }
    cpus_setup(CPUS);
    timer_init(&timer, timer_fired);
    for (unsigned int i = 0; i < TEST_VCPUS; i++)
        vcpu_setup(i, i < 3 ? &ring : i < 5 ? &pair : &signals, i % CPUS);
    for (unsigned int i = 0; i < 6; i++)
        vcpu_online(&test_vcpu[i]); /* 6 and 7 are started by their friends */
    send(0);
    send(3);
    for (unsigned int i = 0; i < CPUS; i++)
        pthread_create(&thread[i], NULL, cpu_thread, &test_cpu[i]);
    pthread_create(&pausing, NULL, pauser, NULL);
    watch();
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < CPUS; i++)
        sem_post(&lane[i].wake);
    pthread_join(pausing, NULL);
    for (unsigned int i = 0; i < CPUS; i++)
        pthread_join(thread[i], NULL);
    printf("passed %lu and %lu, %lu starts, %lu pauses, %lu timers\n", state[0].passed, state[4].passed, starts, pauses,
           timer_fires);
    return 0;
}
