/*
 * lapic_timer.c - the timer of the local APIC: one-shot and periodic.
 * Registers are changed on the vCPU's CPU; expiry runs on the CPU where the timer was set. They share timer_period and
 * the LVT entry as single words. A periodic timer arms itself again from its expiry, so stopping clears the period
 * first and then stops twice: after the first stop no expiry is under way that could have read the old period, the
 * second takes out what it may have set.
 */
#include "lapic.h"

#define BUS_CYCLE_NS 10 /* a bus of 100 MHz; guests calibrate it */
#define PERIOD_MIN_NS                                                                                                  \
    100000 /* a guest that asks for more ticks than this gets fewer: they would cost the host, not only it */

static uint64_t cycle_ns(const struct vlapic *l)
{
    unsigned int code = (l->timer_divide & 3) | (l->timer_divide >> 1 & 4);

    return (uint64_t)BUS_CYCLE_NS << (code == 7 ? 0 : code + 1);
}

static void timer_fire(struct timer *t)
{
    struct vlapic *l = container_of(t, struct vlapic, timer);
    uint32_t lvt = read_once(l->lvt[LVT_TIMER]);
    uint64_t period = read_once(l->timer_period);

    if (!(lvt & LVT_MASKED))
        vlapic_set_irq(l->vcpu, (uint8_t)lvt, false);
    if (!period) {
        write_once(l->timer_deadline, 0ul);
        return;
    }
    uint64_t now = time_now(), next = read_once(l->timer_deadline) + period;
    if (next <= now) /* late by more than a period: ticks that were missed are not made up for */
        next = now + period;
    write_once(l->timer_deadline, next);
    timer_set(t, next);
}

void lapic_timer_init(struct vlapic *l)
{
    timer_init(&l->timer, timer_fire);
}

void lapic_timer_stop(struct vlapic *l)
{
    bool periodic = l->timer_period != 0;

    write_once(l->timer_period, 0ul);
    if (periodic || read_once(l->timer_deadline))
        timer_stop(&l->timer);
    if (periodic)
        timer_stop(&l->timer);
    write_once(l->timer_deadline, 0ul);
}

void lapic_timer_set_initial(struct vlapic *l, uint32_t count)
{
    uint64_t span = count * cycle_ns(l);

    lapic_timer_stop(l);
    l->timer_initial = count;
    if (!count)
        return;
    if (l->lvt[LVT_TIMER] & LVT_TIMER_PERIODIC) {
        span = MAX(span, (uint64_t)PERIOD_MIN_NS);
        write_once(l->timer_period, span);
    }
    write_once(l->timer_deadline, time_now() + span);
    timer_set(&l->timer, l->timer_deadline);
}

uint32_t lapic_timer_current(const struct vlapic *l)
{
    uint64_t deadline = read_once(l->timer_deadline), now = time_now();

    if (deadline <= now)
        return 0;
    uint64_t cycles = (deadline - now) / cycle_ns(l);
    return cycles > l->timer_initial ? l->timer_initial : (uint32_t)cycles;
}

/* The count under way goes on with the new divisor. */
void lapic_timer_set_divide(struct vlapic *l, uint32_t value)
{
    uint32_t left = lapic_timer_current(l), initial = l->timer_initial;
    bool running = read_once(l->timer_deadline) != 0;

    if (value == l->timer_divide)
        return;
    l->timer_divide = value;
    if (!running)
        return;
    lapic_timer_set_initial(l, l->timer_period ? initial : MAX(left, 1u));
    l->timer_initial = initial;
}

void lapic_timer_lvt_changed(struct vlapic *l, uint32_t old)
{
    /* Changing the mode stops the timer until the count is written again. */
    if ((old ^ l->lvt[LVT_TIMER]) & LVT_TIMER_PERIODIC) {
        lapic_timer_stop(l);
        l->timer_initial = 0;
    }
}
