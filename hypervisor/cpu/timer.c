/* timer.c - one-shot timers, a sorted list per CPU (a CPU has few: two per vCPU that last ran there) */
#include <hv/cpu.h>
#include <hv/timer.h>

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    *t = (struct timer){.fire = fire};
    list_init(&t->link);
}

/* Programs the hardware for the first timer of this CPU; timer_lock held. */
static void program(struct cpu *c, uint64_t now)
{
    uint64_t deadline = list_empty(&c->timers) ? 0 : container_of(c->timers.next, struct timer, link)->deadline;

    if (deadline && deadline != c->timer_programmed)
        apic_timer_set(deadline, now);
    c->timer_programmed = deadline;
}

static void remove(struct timer *t)
{
    for (;;) {
        struct cpu *c = cpus[read_once(t->cpu)];
        spin_lock(&c->timer_lock);
        if (t->cpu == c->id) {
            list_remove(&t->link);
            t->deadline = 0;
            spin_unlock(&c->timer_lock);
            return;
        }
        spin_unlock(&c->timer_lock); /* it moved meanwhile */
    }
}

/* Waits for an expiry under way on another CPU, which may have set the timer again. */
void timer_stop(struct timer *t)
{
    if (!t->fire)
        return;
    for (;;) {
        remove(t);
        struct cpu *c = cpus[read_once(t->cpu)];
        if (c->id == this_cpu()->id || load_acquire(c->timer_firing) != t)
            return;
        while (load_acquire(c->timer_firing) == t)
            cpu_relax();
    }
}

void timer_set(struct timer *t, uint64_t deadline)
{
    struct cpu *c = cpus[this_cpu()->id];

    remove(t);
    spin_lock(&c->timer_lock);
    t->cpu = c->id;
    t->deadline = deadline ? deadline : 1;
    struct list *at = c->timers.next;
    while (at != &c->timers && container_of(at, struct timer, link)->deadline <= t->deadline)
        at = at->next;
    list_insert(at, &t->link);
    program(c, time_now());
    spin_unlock(&c->timer_lock);
}

void timers_run(void)
{
    struct cpu *c = cpus[this_cpu()->id];

    this_cpu()->timer_expired = false;
    for (;;) {
        uint64_t now = time_now();
        spin_lock(&c->timer_lock);
        struct timer *t = list_empty(&c->timers) ? NULL : container_of(c->timers.next, struct timer, link);
        if (!t || t->deadline > now) {
            c->timer_programmed = 0;
            program(c, now);
            spin_unlock(&c->timer_lock);
            return;
        }
        list_remove(&t->link);
        t->deadline = 0;
        write_once(c->timer_firing, t);
        spin_unlock(&c->timer_lock);
        t->fire(t);
        store_release(c->timer_firing, NULL);
    }
}
