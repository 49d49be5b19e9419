/* world_domains.c - domains and vCPUs of the fake machine, the hypercall instruction, time, console */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/options.h>
#include <hv/sched.h>
#include <hv/serial.h>
#include <hv/timer.h>
#include "world.h"
#include "world_inside.h"

struct world world;
struct domain *dom0;
struct machine machine;
struct options options;

static struct domain *domains[WORLD_DOMAINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vcpu_notes all_notes[WORLD_DOMAINS][MAX_VCPUS];
static _Thread_local struct vcpu *entered;
static domid_t next_id;

/* ---- domains ---- */

struct domain *domain_at(unsigned int i)
{
    return i < WORLD_DOMAINS ? domains[i] : NULL;
}

static int slot_of(const struct domain *d)
{
    for (unsigned int i = 0; i < WORLD_DOMAINS; i++) {
        if (domains[i] == d)
            return (int)i;
    }
    abort();
}

struct vcpu_notes *notes(struct vcpu *v)
{
    return &all_notes[slot_of(v->domain)][v->id];
}

struct domain *domain_get(domid_t id)
{
    struct domain *found = NULL;

    pthread_mutex_lock(&lock);
    for (unsigned int i = 0; i < WORLD_DOMAINS && !found; i++) {
        if (domains[i] && domains[i]->id == id)
            found = domains[i];
    }
    if (found)
        domain_ref(found);
    pthread_mutex_unlock(&lock);
    return found;
}

struct domain *domain_next(domid_t from)
{
    struct domain *best = NULL;

    pthread_mutex_lock(&lock);
    for (unsigned int i = 0; i < WORLD_DOMAINS; i++) {
        if (domains[i] && domains[i]->id >= from && (!best || domains[i]->id < best->id))
            best = domains[i];
    }
    if (best)
        domain_ref(best);
    pthread_mutex_unlock(&lock);
    return best;
}

void domain_ref(struct domain *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

static void free_domain(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        vcpu_abi_destroy(d->vcpus[i]);
        heap_free(d->vcpus[i], sizeof(struct vcpu));
    }
    evtchn_destroy(d);
    gnttab_destroy(d);
    p2m_free(d);
    if (d->shared_info)
        frame_put(heap_page_mfn(d->shared_info));
    heap_free(d, sizeof(*d));
}

void domain_put(struct domain *d)
{
    pthread_mutex_lock(&lock);
    if (d->refs == 0)
        abort();
    bool last = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0;
    if (last)
        domains[slot_of(d)] = NULL;
    pthread_mutex_unlock(&lock);
    if (last)
        free_domain(d);
}

static int make_parts(struct domain *d, const struct domain_limits *limits)
{
    p2m_make(d);
    d->shared_info = heap_shared_page_alloc();
    if (!d->shared_info || evtchn_create(d, limits->max_ports) ||
        gnttab_create(d, limits->max_grant_frames, limits->max_maptrack_frames))
        return -XEN_ENOMEM;
    for (unsigned int i = 0; i < limits->max_vcpus; i++) {
        struct vcpu *v = heap_alloc(sizeof(*v));
        if (!v)
            return -XEN_ENOMEM;
        v->id = i;
        v->domain = d;
        v->state = VCPU_DOWN;
        vcpu_abi_init(v);
        d->vcpus[i] = v;
        d->max_vcpus = i + 1;
    }
    return 0;
}

int domain_create(domid_t id, const struct domain_limits *limits, const uint8_t handle[16], bool control,
                  struct domain **out)
{
    struct domain *d = heap_alloc(sizeof(*d));
    unsigned int slot = 0;

    if (!d)
        return -XEN_ENOMEM;
    pthread_mutex_lock(&lock);
    while (slot < WORLD_DOMAINS && domains[slot])
        slot++;
    if (slot == WORLD_DOMAINS || (id < DOMID_FIRST_RESERVED && id < next_id)) {
        pthread_mutex_unlock(&lock);
        heap_free(d, sizeof(*d));
        return slot == WORLD_DOMAINS ? -XEN_E2BIG : -XEN_EEXIST;
    }
    d->id = id < DOMID_FIRST_RESERVED ? id : next_id;
    next_id = (domid_t)(d->id + 1);
    d->refs = 2;
    d->is_control = control;
    d->pause_count = 1;
    d->shutdown_code = -1;
    memcpy(d->handle, handle, sizeof(d->handle));
    domains[slot] = d;
    memset(all_notes[slot], 0, sizeof(all_notes[slot]));
    pthread_mutex_unlock(&lock);
    int rc = make_parts(d, limits);
    if (rc) {
        d->dying = true;
        domain_put(d);
        domain_put(d);
        return rc;
    }
    *out = d;
    return 0;
}

void domain_pause(struct domain *d)
{
    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
}

void domain_unpause(struct domain *d)
{
    __atomic_fetch_sub(&d->pause_count, 1, __ATOMIC_SEQ_CST);
}

void domain_shutdown(struct domain *d, int reason)
{
    if (d->is_control)
        world.machine_shutdown = reason;
    if (d->shut_down)
        return;
    d->shut_down = true;
    d->shutdown_code = reason;
    if (dom0)
        evtchn_raise_global_virq(dom0, VIRQ_DOM_EXC);
}

void domain_kill(struct domain *d, const char *fmt, ...)
{
    domain_shutdown(d, SHUTDOWN_crash);
}

/* In the real order: no new work, ports, mappings, address space; then the life's own reference. */
int domain_destroy(struct domain *d)
{
    if (!d->dying) {
        spin_lock(&d->control_lock);
        d->dying = true;
        spin_unlock(&d->control_lock);
        domain_pause(d);
        evtchn_close_all(d);
    }
    if (gnttab_release_mappings(d))
        return -XEN_ERESTART;
    if (d->destroyed)
        return -XEN_ESRCH;
    p2m_drop_all(d);
    d->destroyed = true;
    domain_put(d);
    return 0;
}

/* ---- vCPUs ---- */

struct vcpu *current_vcpu(void)
{
    return entered;
}

void world_enter(struct vcpu *v)
{
    entered = v;
}

#define NOTE(v, field) __atomic_fetch_add(&notes(v)->field, 1, __ATOMIC_SEQ_CST)

void vcpu_fetch(struct vcpu *v, enum reg_group group)
{
    v->regs.available |= group;
}

unsigned int vcpu_cpl(struct vcpu *v)
{
    return notes(v)->cpl;
}

bool vcpu_long_mode(struct vcpu *v)
{
    return !notes(v)->compat;
}

void vcpu_skip(struct vcpu *v, unsigned int bytes)
{
    v->regs.rip += bytes;
    NOTE(v, skipped);
}

void vcpu_kick(struct vcpu *v)
{
    NOTE(v, kicks);
}

void vcpu_raise_upcall(struct vcpu *v)
{
    NOTE(v, upcalls);
}

void vcpu_block(struct vcpu *v)
{
    v->state = VCPU_BLOCKED;
    NOTE(v, blocks);
}

void vcpu_yield(struct vcpu *v)
{
    NOTE(v, yields);
}

void vcpu_nmi_signal(struct vcpu *v)
{
    NOTE(v, nmis);
}

void vcpu_online(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    NOTE(v, onlines);
}

void vcpu_offline(struct vcpu *v)
{
    v->state = VCPU_DOWN;
    NOTE(v, offlines);
}

void vcpu_time_publish(struct vcpu *v)
{
    v->info->time.tsc_to_system_mul = 1;
    NOTE(v, time_published);
}

bool vcpu_has_work(struct vcpu *v)
{
    return notes(v)->work;
}

void sched_update(struct vcpu *v)
{
    NOTE(v, updates);
}

void sched_wake(struct vcpu *v)
{
    if (v->state == VCPU_BLOCKED)
        v->state = VCPU_RUNNABLE;
    NOTE(v, wakes);
}

uint64_t sched_runtime(struct vcpu *v)
{
    return v->run_ns;
}

/* ---- time ---- */

#define TIMERS 64
static struct timer *timers[TIMERS];

void timers_reset(void)
{
    memset(timers, 0, sizeof(timers));
}

uint64_t time_now(void)
{
    return world.now;
}

uint64_t tsc_khz(void)
{
    return 1000000; /* one tick is a nanosecond */
}

uint64_t tsc_now(void)
{
    return __atomic_add_fetch(&world.tsc, world.tsc_step, __ATOMIC_RELAXED);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    t->fire = fire;
    t->deadline = 0;
}

void timer_stop(struct timer *t)
{
    for (unsigned int i = 0; i < TIMERS; i++) {
        if (timers[i] == t)
            timers[i] = NULL;
    }
    t->deadline = 0;
}

void timer_set(struct timer *t, uint64_t deadline)
{
    timer_stop(t);
    t->deadline = deadline;
    for (unsigned int i = 0; i < TIMERS; i++) {
        if (!timers[i]) {
            timers[i] = t;
            return;
        }
    }
    abort();
}

void world_run_timers(void)
{
    for (unsigned int i = 0; i < TIMERS; i++) {
        struct timer *t = timers[i];
        if (!t || t->deadline > world.now)
            continue;
        timer_stop(t);
        t->fire(t);
    }
}

void wallclock_set(uint64_t sec, uint32_t nsec)
{
    world.wall_sec = sec;
    world.wall_nsec = nsec;
}

/* ---- log and console ---- */

void log_raw(const char *text, size_t bytes)
{
    size_t room = sizeof(world.log) - world.log_bytes;
    memcpy(world.log + world.log_bytes, text, MIN(bytes, room));
    world.log_bytes += MIN(bytes, room);
}

size_t log_read(char *buf, size_t max, uint64_t *position)
{
    size_t n = *position < world.log_bytes ? MIN(max, world.log_bytes - (size_t)*position) : 0;
    if (n)
        memcpy(buf, world.log + *position, n);
    *position += n;
    return n;
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    abort();
}

size_t console_read(char *buf, size_t max)
{
    size_t n = MIN(max, strlen(world.console_in));
    memcpy(buf, world.console_in, n);
    memmove(world.console_in, world.console_in + n, sizeof(world.console_in) - n);
    return n;
}

size_t machine_vga_console(void *buf)
{
    memset(buf, 0x23, world.vga_bytes);
    return world.vga_bytes;
}

const uint8_t *build_id(size_t *bytes)
{
    static const uint8_t id[] = {0xde, 0xad, 0xbe, 0xef};
    *bytes = sizeof(id);
    return id;
}

/* ---- setting up ---- */

void world_setup(void)
{
    memset(&world, 0, sizeof(world));
    world.fail_heap_after = SIZE_MAX;
    world.unreadable = ~0ul;
    world.machine_shutdown = -1;
    world.now = 1000000;
    strcpy(options.line, "dom0_mem=1G");
    machine.cpu_count = 2;
    machine.cpu[0].usable = machine.cpu[1].usable = true;
    machine.e820_count = 1;
    machine.e820[0] = (struct e820_entry){.size = WORLD_FRAMES * PAGE_SIZE, .type = E820_RAM};
    next_id = 0;
    dom0 = NULL;
    frames_reset();
    timers_reset();
}

struct domain *world_domain_limited(domid_t id, const struct domain_limits *limits)
{
    static const uint8_t handle[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct domain *d;

    if (domain_create(id, limits, handle, id == 0, &d))
        return NULL;
    d->max_pages = 2 * WORLD_RAM;
    d->is_direct = id == 0;
    for (uint64_t gfn = 0; gfn < WORLD_RAM; gfn++) {
        mfn_t m = d->is_direct ? frame_assign_fake(gfn, d) : frame_alloc(d, 0);
        if (m.v == MFN_NONE.v || p2m_map(d, GFN(gfn), m, P2M_RAM))
            abort();
    }
    d->pause_count = 0;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        d->vcpus[i]->state = VCPU_RUNNABLE;
    if (id == 0)
        dom0 = d;
    return d;
}

struct domain *world_domain(domid_t id, unsigned int vcpus)
{
    return world_domain_limited(
        id, &(struct domain_limits){
                .max_vcpus = vcpus, .max_grant_frames = 4, .max_maptrack_frames = 2, .max_ports = EVTCHN_MAX_PORTS});
}

/* Tests keep the references that world_domain() gave; here they go, together with the life's own. */
void world_teardown(void)
{
    for (unsigned int i = 0; i < WORLD_DOMAINS; i++) {
        while (domains[i] && !domains[i]->destroyed && domain_destroy(domains[i]) == -XEN_ERESTART) {
        }
    }
    for (unsigned int i = 0; i < WORLD_DOMAINS; i++) {
        if (domains[i] && domains[i]->refs != 1)
            panic("domain %u is left with %u references\n", domains[i]->id, domains[i]->refs);
        if (domains[i])
            domain_put(domains[i]);
    }
    dom0 = NULL;
    for (uint32_t i = WORLD_RAM; i < WORLD_FRAMES; i++) {
        if (frame_count(MFN(i)))
            panic("frame %u is left with %u references, owner d%u\n", i, frame_count(MFN(i)), frame_owner(MFN(i)));
    }
    if (heap_in_use())
        panic("%lu heap objects are left\n", heap_in_use());
}

/* ---- hypercalls ---- */

bool hc_step(struct vcpu *v)
{
    uint64_t rip = v->regs.rip;

    entered = v;
    v->running = true;
    xen_hypercall(v, 3);
    v->running = false;
    return v->regs.rip == rip;
}

long hc(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    v->regs.gpr[RAX] = nr;
    v->regs.gpr[RDI] = a;
    v->regs.gpr[RSI] = b;
    v->regs.gpr[RDX] = c;
    while (hc_step(v)) {
    }
    return (long)v->regs.gpr[RAX];
}

long hc_arg(struct vcpu *v, uint64_t nr, uint64_t cmd, void *arg, size_t bytes)
{
    if (copy_to_gpa(v->domain, GPA(WORLD_ARG), arg, bytes))
        abort();
    bool alone = nr == __HYPERVISOR_domctl || nr == __HYPERVISOR_sysctl || nr == __HYPERVISOR_platform_op;
    bool third = nr == __HYPERVISOR_vcpu_op;
    long rc = alone   ? hc(v, nr, WORLD_ARG, 0, 0)
              : third ? hc(v, nr, cmd >> 32, cmd & 0xffffffff, WORLD_ARG)
                      : hc(v, nr, cmd, WORLD_ARG, 1);
    if (copy_from_gpa(v->domain, arg, GPA(WORLD_ARG), bytes))
        abort();
    return rc;
}
