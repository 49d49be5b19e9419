/*
 * timer.h - system time and one-shot timers.
 * System time is nanoseconds since boot, the same on all CPUs. A timer belongs to the CPU that set it last and fires
 * there, from the hypervisor's loop with no lock held; setting it again moves it. set and stop may be called from any
 * CPU.
 */
#pragma once
#include <hv/list.h>
#include <hv/types.h>

struct timer {
    struct list link;
    uint64_t deadline; /* ns of system time; 0 = stopped */
    unsigned int cpu;
    void (*fire)(struct timer *t);
};

uint64_t time_now(void); /* ns since boot */
uint64_t tsc_khz(void);
uint64_t tsc_now(void);
void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_set(struct timer *t,
               uint64_t deadline_ns); /* in the past: fires at once (soon, not from inside this call) */
void timer_stop(struct timer *t); /* after return it is not firing and will not until set again; hold no lock that its
                                     function takes */

/* Wall clock at system time 0: seconds and nanoseconds since 1970. */
void wallclock_get(uint64_t *sec, uint32_t *nsec);
void wallclock_set(uint64_t sec, uint32_t nsec); /* republished to all domains */
