/* world_domains.c - what surrounds domains and vCPUs in the fake machine, the hypercall instruction, time, console */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/machine_power.h>
#include <hv/options.h>
#include <hv/private.h>
#include <hv/sched.h>
#include <hv/selfcheck.h>
#include <hv/serial.h>
#include <hv/timer.h>
#include <hv/vendor.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>
#include <hv/window.h>
#include "world.h"
#include "world_inside.h"

struct world world;
struct machine machine;
struct options options;

static _Thread_local struct vcpu *entered;
static _Thread_local jmp_buf power_off;

/* domain.c looks whether a CPU still has a vCPU's state loaded: this one never has. */
static struct cpu cpu;
struct cpu *cpus[MAX_HOST_CPUS] = {&cpu};
unsigned int cpu_count = 1;
struct host_features host;
struct time_scale time_scale = {.boot_tsc = 1000, .mul = 1};

/* ---- what the real domain.c asks of others ---- */

struct vendor_vcpu {
    struct vcpu_notes notes;
};

struct vcpu_notes *notes(struct vcpu *v)
{
    return &v->vendor->notes;
}

static int make_notes(struct vcpu *v)
{
    v->vendor = heap_alloc(sizeof(*v->vendor));
    return v->vendor ? 0 : -XEN_ENOMEM;
}

static void drop_notes(struct vcpu *v)
{
    heap_free(v->vendor, sizeof(*v->vendor));
}

static int no_maps(struct domain *d)
{
    return 0;
}

static void nothing_to_drop(struct domain *d)
{
}

static const struct hvm_vendor world_vendor = {
    .vcpu_create = make_notes, .vcpu_destroy = drop_notes, .domain_create = no_maps, .domain_destroy = nothing_to_drop};
const struct hvm_vendor *vendor = &world_vendor;

/* Private state: one block per domain, which stands in for its page table. */

static _Thread_local struct domain *shown;

int private_create(struct domain *d)
{
    size_t bytes = sizeof(struct vcpu_private) * d->max_vcpus;

    d->private_ptes = memset(aligned_alloc(PAGE_SIZE, bytes), 0, bytes);
    return 0;
}

int private_add(struct vcpu *v)
{
    v->private = (struct vcpu_private *)(void *)v->domain->private_ptes + v->id;
    return 0;
}

void private_destroy(struct domain *d)
{
    free(d->private_ptes);
}

struct domain *private_enter(struct domain *d)
{
    struct domain *was = shown;

    shown = d;
    return was;
}

void private_leave(struct domain *was)
{
    shown = was;
}

uint64_t frames_private_count(void)
{
    return 12;
}

/* Four different numbers, so that a test sees which went where. */
struct private_view selfcheck_private(void)
{
    return (struct private_view){.shown = 4, .others = 1, .switches = 77};
}

int vlapic_create(struct vcpu *v)
{
    return 0;
}

void vlapic_destroy(struct vcpu *v)
{
}

void vioapic_destroy(struct domain *d)
{
}

void vpci_destroy(struct domain *d)
{
}

void guest_msrs_init(struct vcpu *v)
{
}

void pins_reap(void)
{
}

void sched_wait_not_running(struct vcpu *v)
{
}

/* The machine goes off in the middle of a hypercall, which never returns. */
void machine_shutdown(int reason)
{
    world.machine_shutdown = reason;
    longjmp(power_off, 1);
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
    v->private->regs.available |= group;
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
    v->private->regs.rip += bytes;
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

void wallclock_get(uint64_t *sec, uint32_t *nsec)
{
    *sec = world.wall_sec;
    *nsec = world.wall_nsec;
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
    dom0 = NULL;
    domains_reset();
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
static void end(struct domain *d)
{
    if (d == dom0)
        dom0 = NULL;
    d->is_control = false; /* it cannot end while it is */
    while (!d->destroyed && domain_destroy(d) == -XEN_ERESTART) {
    }
}

void world_teardown(void)
{
    struct domain *d;

    for (domid_t id = 0; (d = domain_next(id)); id = (domid_t)(id + 1)) {
        id = d->id;
        end(d);
        domain_put(d);
    }
    while ((d = domain_next(0))) {
        if (d->refs != 2)
            panic("domain %u is left with %u references\n", d->id, d->refs - 1);
        domain_put(d);
        domain_put(d);
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
    uint64_t rip = v->private->regs.rip;
    uint32_t refs = v->domain->refs;

    entered = v;
    v->running = true;
    if (setjmp(power_off)) { /* the machine is off; here the call leaves nothing behind */
        while (v->domain->refs > refs)
            domain_put(v->domain);
        v->running = false;
        return false;
    }
    xen_hypercall(v, 3);
    v->running = false;
    return v->private->regs.rip == rip;
}

long hc(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    v->private->regs.gpr[RAX] = nr;
    v->private->regs.gpr[RDI] = a;
    v->private->regs.gpr[RSI] = b;
    v->private->regs.gpr[RDX] = c;
    while (hc_step(v)) {
    }
    return (long)v->private->regs.gpr[RAX];
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
