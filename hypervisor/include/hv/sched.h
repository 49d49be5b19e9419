/*
 * sched.h - per-CPU run queues ordered by virtual runtime, with stealing.
 * A vCPU is on a queue or running exactly when it is awake, its domain is not paused and not shut down.
 */
#pragma once
#include <hv/types.h>

struct vcpu;

void sched_init_cpu(void);
/* Call after anything that decides whether `v` may run has changed (state, pause count, shutdown). Any CPU. */
void sched_update(struct vcpu *v);
/* Returns when `v` is not running on any CPU (and will not until sched_update finds it may). Not for the current vCPU.
 */
void sched_wait_not_running(struct vcpu *v);
/* Gets `v` to its loop soon, whatever state it is in: a signal waits for it there. */
void sched_rouse(struct vcpu *v);
/* Wakes a blocked vCPU. */
void sched_wake(struct vcpu *v);
/* A new runstate from now on; publishes it to the guest. */
void vcpu_runstate_change(struct vcpu *v, int state, uint64_t now);
/* It runs from now on; since v->queued_at it could have. */
void vcpu_runstate_run(struct vcpu *v, uint64_t now);
/* The running vCPU may stay for one slice from now (this CPU; when slice_wanted is set). */
void sched_start_slice(void);
/* Nanoseconds `v` has run until now. Any CPU. */
uint64_t sched_runtime(struct vcpu *v);
