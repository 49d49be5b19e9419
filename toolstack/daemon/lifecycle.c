/* lifecycle.c - VMs start, run, and end */
#include "toolstack/daemon/lifecycle.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "common/log.h"
#include "toolstack/daemon/memory_check.h"
#include "toolstack/daemon/start_plan.h"

enum { VOLATILE_BYTES_LOG2 = 30, CHECK_USEC = 3000000, MAX_DOMAINS = 64 };

/* One start or stop in the worker. VMs that are starting or stopping are not removed, so `vm` stays valid. */
struct vm_job {
    struct job job;
    struct lifecycle *l;
    struct vm *vm;
    struct start_plan plan;
    unsigned domid;
    int rc;
    char why[LIFECYCLE_WHY_MAX];
    lifecycle_done *done;
    void *data;
};

struct start_waiter {
    struct start_waiter *next;
    struct vm *vm;
    lifecycle_done *done;
    void *data;
};

static void wait_for_start(struct lifecycle *l, struct vm *vm, lifecycle_done *done, void *data)
{
    struct start_waiter *w = malloc(sizeof(*w));

    if (!w) {
        done(data, -ENOMEM, "atolld is out of memory.");
        return;
    }
    *w = (struct start_waiter){.next = l->waiters, .vm = vm, .done = done, .data = data};
    l->waiters = w;
}

/* Takes one waiter for the VM off the list; nullptr if there is none. */
static struct start_waiter *take_waiter(struct lifecycle *l, const struct vm *vm)
{
    for (struct start_waiter **at = &l->waiters; *at; at = &(*at)->next) {
        struct start_waiter *w = *at;
        if (w->vm == vm) {
            *at = w->next;
            return w;
        }
    }
    return nullptr;
}

static void tell(struct lifecycle *l, struct vm *vm, enum lifecycle_event event, const char *why)
{
    if (l->notify)
        l->notify(l->notify_data, vm, event, why);
}

static void work_start(struct job *job)
{
    struct vm_job *j = (struct vm_job *)job;
    struct runtime *runtime = j->l->runtime;
    struct volume_owner owner = start_plan_owner(&j->plan);
    struct volume_set volumes;

    j->rc = volume_start(&owner, 1ull << VOLATILE_BYTES_LOG2, &volumes);
    if (j->rc) {
        snprintf(j->why, sizeof(j->why), "the volumes of '%s' cannot be made: %s.", j->plan.name, volume_reason(j->rc));
        return;
    }
    struct runtime_start request = start_plan_request(&j->plan, &volumes);
    char why[RUNTIME_WHY_MAX] = "";
    j->rc = runtime->start(runtime, &request, &j->domid, why);
    if (j->rc) {
        snprintf(j->why, sizeof(j->why), "'%s' cannot be started: %s", j->plan.name, why);
        if (volume_stop(&owner))
            log_warning("'%s': its volumes could not be put away", j->plan.name);
    }
}

static void done_start(struct job *job)
{
    struct vm_job *j = (struct vm_job *)job;
    struct vm *vm = j->vm;

    vm->state = j->rc ? VM_HALTED : VM_RUNNING;
    vm->domid = j->domid;
    if (j->rc)
        log_error("%s", j->why);
    else
        log_info("'%s' started as domain %u", vm->name, vm->domid);
    tell(j->l, vm, j->rc ? VM_EVENT_START_FAILED : VM_EVENT_START, j->why);
    j->done(j->data, j->rc, j->why);
    for (struct start_waiter *w; (w = take_waiter(j->l, vm));) {
        w->done(w->data, j->rc, j->why);
        free(w);
    }
    free(j);
}

static int check_memory(struct lifecycle *l, const struct vm *vm, uint64_t needed_mib, char *why, size_t size)
{
    uint64_t free_kib;

    if (l->runtime->free_memory(l->runtime, &free_kib))
        return 0; /* not known: the hypervisor will refuse by itself */
    /* Starts that are under way have not taken all theirs yet. */
    uint64_t free_mib = free_kib / 1024, promised = 0;
    for (const struct vm *other = l->registry->first; other; other = other->next)
        if (other->state == VM_STARTING && other != vm)
            promised += other->memory_mib;
    return memory_check(l->registry, vm, needed_mib, free_mib > promised ? free_mib - promised : 0, why, size)
               ? 0
               : -ENOMEM;
}

void lifecycle_start(struct lifecycle *l, struct vm *vm, lifecycle_done *done, void *data)
{
    int rc = 0;

    if (vm->state == VM_STARTING || vm->state == VM_STOPPING) {
        wait_for_start(l, vm, done, data);
        return;
    }
    struct vm_job *j = calloc(1, sizeof(*j));
    if (!j) {
        done(data, -ENOMEM, "atolld is out of memory.");
        return;
    }
    *j = (struct vm_job){.job = {.work = work_start, .done = done_start}, .l = l, .vm = vm, .done = done, .data = data};
    if (vm->state != VM_HALTED) {
        snprintf(j->why, sizeof(j->why), "'%s' is already running.", vm->name);
        rc = -EALREADY;
    }
    if (rc == 0)
        rc = start_plan_make(&j->plan, l->registry, vm, j->why);
    if (rc == 0)
        rc = check_memory(l, vm, j->plan.memory_mib, j->why, sizeof(j->why));
    if (rc) {
        done(data, rc, j->why);
        free(j);
        return;
    }
    vm->state = VM_STARTING;
    vm->stop_requested = false;
    vm->memory_mib = j->plan.memory_mib;
    tell(l, vm, VM_EVENT_PRE_START, "");
    worker_add(l->worker, &j->job);
}

/* The paths of a running VM's volumes follow from what it is; nothing has to be remembered over a restart. */
static void work_stop(struct job *job)
{
    struct vm_job *j = (struct vm_job *)job;
    struct runtime *runtime = j->l->runtime;
    struct volume_owner owner = start_plan_owner(&j->plan);
    struct volume_set volumes;

    volume_paths(&owner, &volumes);
    j->rc = runtime->stop(runtime, j->domid, j->plan.uuid_text, &volumes);
    int rc = volume_stop(&owner);
    j->rc = j->rc ? j->rc : rc;
}

static void done_stop(struct job *job)
{
    struct vm_job *j = (struct vm_job *)job;
    struct vm *vm = j->vm;

    if (j->rc)
        log_error("'%s': domain %u was not put away cleanly: %s", vm->name, j->domid, strerror(-j->rc));
    log_info("'%s' is halted", vm->name);
    vm->state = VM_HALTED;
    tell(j->l, vm, VM_EVENT_SHUTDOWN, "");
    /* The first of them starts it, the others then wait for that. */
    for (struct start_waiter *w; vm->state == VM_HALTED && (w = take_waiter(j->l, vm));) {
        lifecycle_start(j->l, vm, w->done, w->data);
        free(w);
    }
    free(j);
}

static int begin_stop(struct lifecycle *l, struct vm *vm)
{
    struct vm_job *j = calloc(1, sizeof(*j));

    if (!j)
        return -ENOMEM;
    *j = (struct vm_job){.job = {.work = work_stop, .done = done_stop}, .l = l, .vm = vm, .domid = vm->domid};
    /* Only the volumes matter here; a kernel that went away meanwhile does not. */
    if (start_plan_make(&j->plan, l->registry, vm, j->why))
        log_warning("%s", j->why);
    vm->state = VM_STOPPING;
    worker_add(l->worker, &j->job);
    return 0;
}

static const char *reason_text(unsigned reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return "powered off";
    case SHUTDOWN_reboot: return "asked for a reboot; it is halted instead";
    case SHUTDOWN_suspend: return "suspended itself; that is not supported";
    case SHUTDOWN_crash: return "crashed";
    case SHUTDOWN_watchdog: return "was ended by its watchdog";
    default: return "ended for an unknown reason";
    }
}

/* Looks at every VM that should be running; the events do not say whose they are. */
static void look_at_all(struct lifecycle *l)
{
    for (struct vm *vm = l->registry->first; vm; vm = vm->next) {
        struct runtime_domain d;
        if (vm->class == VM_ADMIN || (vm->state != VM_RUNNING && vm->state != VM_PAUSED))
            continue;
        int rc = l->runtime->look(l->runtime, vm->domid, &d);
        if (rc == 0 && !d.ended)
            continue;
        if (rc && rc != -ESRCH)
            continue; /* a passing failure */
        unsigned reason = rc ? SHUTDOWN_crash : d.reason;
        if (reason == SHUTDOWN_poweroff)
            log_info("'%s' (domain %u) %s", vm->name, vm->domid, reason_text(reason));
        else
            log_error("'%s' (domain %u) %s", vm->name, vm->domid, rc ? "vanished" : reason_text(reason));
        if (begin_stop(l, vm))
            log_error("out of memory; '%s' is looked at again later", vm->name);
    }
}

static int on_changed(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct lifecycle *l = data;

    l->runtime->changes_seen(l->runtime);
    look_at_all(l);
    return 0;
}

/* Events can be missed (a store daemon that restarts): a slow second look costs one call for each running VM. */
static int on_clock(sd_event_source *source, uint64_t usec, void *data)
{
    look_at_all(data);
    sd_event_source_set_time_relative(source, CHECK_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void adopt(struct lifecycle *l)
{
    struct runtime_domain domains[MAX_DOMAINS];
    int count = l->runtime->list(l->runtime, domains, MAX_DOMAINS);

    for (int i = 0; i < count; i++) {
        char uuid[UUID_TEXT_SIZE];
        uuid_format(uuid, domains[i].uuid);
        struct vm *vm = registry_find_uuid(l->registry, uuid);
        if (!vm || vm->class == VM_ADMIN) {
            log_warning("domain %u belongs to no VM and is left alone", domains[i].domid);
            continue;
        }
        vm->state = domains[i].paused ? VM_PAUSED : VM_RUNNING;
        vm->domid = domains[i].domid;
        vm->memory_mib = domains[i].memory_kib / 1024;
        log_info("'%s' runs already, as domain %u", vm->name, vm->domid);
    }
}

int lifecycle_open(struct lifecycle *l, sd_event *loop)
{
    int rc = worker_start(&l->worker, loop);

    if (rc < 0)
        return rc;
    adopt(l);
    rc = sd_event_add_io(loop, &l->changed, l->runtime->changed_fd, EPOLLIN, on_changed, l);
    if (rc >= 0)
        rc = sd_event_add_time_relative(loop, &l->clock, CLOCK_MONOTONIC, CHECK_USEC, 0, on_clock, l);
    look_at_all(l);
    return rc < 0 ? rc : 0;
}

void lifecycle_close(struct lifecycle *l)
{
    if (l->worker)
        worker_end(l->worker);
    while (l->waiters) {
        struct start_waiter *w = l->waiters;
        l->waiters = w->next;
        free(w);
    }
    sd_event_source_unref(l->changed);
    sd_event_source_unref(l->clock);
}

int lifecycle_shutdown(struct lifecycle *l, struct vm *vm)
{
    if (vm->class == VM_ADMIN || vm->state != VM_RUNNING)
        return -ENOTCONN;
    vm->stop_requested = true;
    return l->runtime->ask_shutdown(l->runtime, vm->domid);
}

int lifecycle_kill(struct lifecycle *l, struct vm *vm)
{
    if (vm->class == VM_ADMIN || (vm->state != VM_RUNNING && vm->state != VM_PAUSED))
        return -ENOTCONN;
    vm->stop_requested = true;
    return begin_stop(l, vm);
}

int lifecycle_pause(struct lifecycle *l, struct vm *vm)
{
    if (vm->class == VM_ADMIN || vm->state != VM_RUNNING)
        return -ENOTCONN;
    int rc = l->runtime->pause(l->runtime, vm->domid);
    if (rc == 0) {
        vm->state = VM_PAUSED;
        tell(l, vm, VM_EVENT_PAUSED, "");
    }
    return rc;
}

int lifecycle_unpause(struct lifecycle *l, struct vm *vm)
{
    if (vm->class == VM_ADMIN || vm->state != VM_PAUSED)
        return -ENOTCONN;
    int rc = l->runtime->unpause(l->runtime, vm->domid);
    if (rc == 0) {
        vm->state = VM_RUNNING;
        tell(l, vm, VM_EVENT_UNPAUSED, "");
    }
    return rc;
}
