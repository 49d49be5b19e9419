/*
 * sched.c - which vCPU runs where: a queue per CPU ordered by virtual runtime, stealing when idle, wake-up preemption.
 * runq_lock of CPU c guards the queue and `queued`, `cpu`, `running` of the vCPUs that have v->cpu == c. A vCPU moves
 * only while it is not running.
 */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/private.h>
#include <hv/sched.h>
#include <hv/tlb.h>
#include <hv/vcpu.h>
#include <hv/vendor.h>
#include <hv/x86.h>

#define SLICE_NS       6000000ul /* how long one runs while others wait */
#define WAKE_CREDIT_NS 3000000ul /* how far behind the others one that slept may start */

static struct timer slice_timer[MAX_HOST_CPUS];

static void slice_end(struct timer *t)
{
    this_cpu()->resched = true;
}

void sched_init_cpu(void)
{
    timer_init(&slice_timer[this_cpu()->id], slice_end);
}

static bool may_run(const struct vcpu *v)
{
    const struct domain *d = v->domain;
    return read_once(v->state) == VCPU_RUNNABLE && !read_once(d->pause_count) && !read_once(d->shut_down) &&
           !read_once(d->dying);
}

static struct vcpu *first(struct cpu *c)
{
    return list_empty(&c->runq) ? NULL : container_of(c->runq.next, struct vcpu, runq);
}

static void enqueue(struct cpu *c, struct vcpu *v)
{
    struct list *at = c->runq.next;

    while (at != &c->runq && container_of(at, struct vcpu, runq)->vruntime <= v->vruntime)
        at = at->next;
    list_insert(at, &v->runq);
    v->queued = true;
    v->queued_at = time_now();
    c->runq_length++;
}

static void dequeue(struct cpu *c, struct vcpu *v)
{
    list_remove(&v->runq);
    v->queued = false;
    c->runq_length--;
}

/* The CPU whose lock guards `v`, locked. */
static struct cpu *lock_cpu_of(struct vcpu *v)
{
    for (;;) {
        struct cpu *c = cpus[read_once(v->cpu)];
        spin_lock(&c->runq_lock);
        if (v->cpu == c->id)
            return c;
        spin_unlock(&c->runq_lock);
    }
}

static struct cpu *idle_cpu(void)
{
    for (unsigned int i = 0; i < cpu_count; i++)
        if (read_once(cpus[i]->idle) && !read_once(cpus[i]->runq_length))
            return cpus[i];
    return NULL;
}

static void poke(struct cpu *c)
{
    if (c->id == this_cpu()->id)
        return;
    cpu_send_kick(c->id);
}

/* Virtual time is each CPU's own: a vCPU that moves keeps its distance to the front, within bounds, so that it neither
 * starves nor takes over. */
static void migrate(struct vcpu *v, const struct cpu *from, const struct cpu *to)
{
    int64_t lag = (int64_t)(v->vruntime - read_once(from->min_vruntime));

    lag = MIN(MAX(lag, -(int64_t)WAKE_CREDIT_NS), (int64_t)SLICE_NS);
    uint64_t base = read_once(to->min_vruntime) + WAKE_CREDIT_NS; /* a floor, so that the sum cannot fall below 0 */
    v->vruntime = base + (uint64_t)lag - WAKE_CREDIT_NS;
    write_once(v->cpu, to->id);
}

/* Virtual time of the one that runs, up to now; lock held. */
static uint64_t running_vruntime(const struct cpu *c, uint64_t now)
{
    const struct vcpu *v = c->running_vcpu;
    return v->vruntime + (now > v->slice_start ? now - v->slice_start : 0);
}

/*
 * Lets the CPU's virtual time catch up with whoever is furthest behind; lock held. Without it one that had the CPU to
 * itself for a minute would owe this minute to the next that comes.
 */
static void min_update(struct cpu *c, uint64_t now)
{
    const struct vcpu *next = first(c);
    uint64_t min = c->running_vcpu ? running_vruntime(c, now) : c->min_vruntime;

    if (next)
        min = MIN(min, next->vruntime);
    c->min_vruntime = MAX(c->min_vruntime, min);
}

/* A vCPU that may run and is nowhere: onto a queue. `c`, its CPU, is locked; returns with the lock dropped. */
static void place(struct cpu *c, struct vcpu *v)
{
    struct cpu *idle = read_once(c->idle) ? NULL : idle_cpu();
    uint64_t floor, now = time_now();

    if (idle) {
        migrate(v, c, idle); /* not queued, not running: whoever looks for it will see the new CPU and lock that */
        spin_unlock(&c->runq_lock);
        c = idle;
        spin_lock(&c->runq_lock);
        if (v->cpu != c->id || v->queued || v->running || !may_run(v)) {
            spin_unlock(&c->runq_lock);
            return; /* somebody else placed it meanwhile, or paused it: they found it nowhere */
        }
    }
    min_update(c, now);
    floor = c->min_vruntime > WAKE_CREDIT_NS ? c->min_vruntime - WAKE_CREDIT_NS : 0;
    v->vruntime = MAX(v->vruntime, floor);
    enqueue(c, v);
    bool preempt = !c->running_vcpu || v->vruntime + WAKE_CREDIT_NS / 2 < running_vruntime(c, now);
    /* The one that runs has company now: at once or at the end of a slice it makes room. */
    if (preempt)
        write_once(c->resched, true);
    else
        write_once(c->slice_wanted, true);
    spin_unlock(&c->runq_lock);
    poke(c);
}

void sched_start_slice(void)
{
    struct cpu *c = cpus[this_cpu()->id];

    write_once(c->slice_wanted, false);
    if (!slice_timer[c->id].deadline)
        timer_set(&slice_timer[c->id], time_now() + SLICE_NS);
}

void sched_update(struct vcpu *v)
{
    struct cpu *c = lock_cpu_of(v);

    if (v->running) {
        if (!may_run(v)) {
            write_once(c->resched, true);
            spin_unlock(&c->runq_lock);
            poke(c);
            return;
        }
    } else if (v->queued) {
        if (!may_run(v))
            dequeue(c, v);
    } else if (may_run(v)) {
        place(c, v);
        return;
    }
    spin_unlock(&c->runq_lock);
}

void sched_wake(struct vcpu *v)
{
    struct cpu *c = lock_cpu_of(v);

    if (vcpu_state_change(v, VCPU_BLOCKED, VCPU_RUNNABLE)) {
        if (!v->running && !v->queued && may_run(v)) {
            place(c, v);
            return;
        }
    }
    spin_unlock(&c->runq_lock);
}

void sched_rouse(struct vcpu *v)
{
    struct cpu *c = lock_cpu_of(v);

    __atomic_store_n(&v->kicked, true, __ATOMIC_SEQ_CST);
    if (v->running) {
        spin_unlock(&c->runq_lock);
        poke(c);
        return;
    }
    v->state = VCPU_RUNNABLE;
    if (!v->queued && may_run(v)) {
        place(c, v);
        return;
    }
    spin_unlock(&c->runq_lock);
}

void sched_wait_not_running(struct vcpu *v)
{
    while (load_acquire(v->running))
        cpu_relax();
}

uint64_t sched_runtime(struct vcpu *v)
{
    struct cpu *c = lock_cpu_of(v);
    uint64_t ran = v->run_ns + (v->running ? time_now() - v->slice_start : 0);

    spin_unlock(&c->runq_lock);
    return ran;
}

/* Accounts the time `v` ran and puts it back or to rest. */
static void put_previous(struct cpu *c, struct vcpu *v)
{
    uint64_t now = time_now(), ran = now - v->slice_start;

    v->exit_to_scheduler = false;
    vcpu_runstate_change(v,
                         may_run(v)                 ? RUNSTATE_runnable
                         : v->state == VCPU_BLOCKED ? RUNSTATE_blocked
                                                    : RUNSTATE_offline,
                         now);
    spin_lock(&c->runq_lock);
    v->run_ns += ran;
    v->vruntime += ran;
    v->slice_start = now;
    min_update(c, now);
    c->running_vcpu = NULL;
    if (read_once(v->state) == VCPU_BLOCKED) {
        mb(); /* from here on a kick finds it blocked; one that came before is seen now */
        if (read_once(v->kicked) || vcpu_has_work(v))
            vcpu_state_change(v, VCPU_BLOCKED, VCPU_RUNNABLE);
    }
    if (read_once(v->init_signal) || (v->wait_sipi && read_once(v->startup)))
        v->state = VCPU_RUNNABLE; /* it came while this CPU was on its way here */
    if (v->yielding) {
        v->yielding = false;
        struct vcpu *next = first(c);
        if (next)
            v->vruntime = MAX(v->vruntime, next->vruntime + 1);
    }
    store_release(v->running, false);
    if (may_run(v))
        enqueue(c, v);
    spin_unlock(&c->runq_lock);
}

static struct vcpu *take(struct cpu *from, struct cpu *to)
{
    spin_lock(&from->runq_lock);
    struct vcpu *v = first(from);
    if (v) {
        dequeue(from, v);
        v->slice_start = time_now();
        v->running = true;
        if (from != to)
            migrate(v, from, to);
    }
    spin_unlock(&from->runq_lock);
    if (v) {
        spin_lock(&to->runq_lock);
        to->running_vcpu = v;
        to->min_vruntime = MAX(to->min_vruntime, v->vruntime);
        spin_unlock(&to->runq_lock);
    }
    return v;
}

static struct vcpu *pick(struct cpu *c)
{
    struct vcpu *v = take(c, c);

    for (unsigned int i = 1; !v && i < cpu_count; i++) {
        struct cpu *other = cpus[(c->id + i) % cpu_count];
        if (read_once(other->runq_length))
            v = take(other, c);
    }
    return v;
}

static void run(struct cpu *c, struct vcpu *v)
{
    uint64_t now = time_now();

    if (c->loaded && c->loaded != v)
        vendor->save(c->loaded);
    if (c->shown != v->domain)
        private_show(v->domain);
    vcpu_runstate_run(v, now);
    timer_stop(&slice_timer[c->id]);
    if (read_once(c->runq_length))
        sched_start_slice();
    c->current = v;
    vendor->run(v);
    /* State off the CPU now: it may run elsewhere next. */
    if (c->loaded == v)
        vendor->save(v);
    put_previous(c, v);
    c->current = NULL;
    struct cpu *idle = read_once(c->runq_length) > 1 ? idle_cpu() : NULL;
    if (idle)
        cpu_send_kick(idle->id); /* one of those that wait here can run there */
}

static bool anybody_waits(void)
{
    for (unsigned int i = 0; i < cpu_count; i++)
        if (read_once(cpus[i]->runq_length))
            return true;
    return false;
}

static void idle(struct cpu *c)
{
    private_show(NULL);
    write_once(c->idle, true);
    mb();
    if (!anybody_waits() && !c->timer_expired && !read_once(c->resched))
        sti_hlt_cli();
    write_once(c->idle, false);
}

void cpu_loop(void)
{
    struct cpu *c = cpus[this_cpu()->id];

    for (;;) {
        interrupt_window();
        if (c->timer_expired)
            timers_run();
        tlb_pins_check();
        write_once(c->resched, false);
        struct vcpu *v = pick(c);
        if (v)
            run(c, v);
        else
            idle(c);
    }
}
