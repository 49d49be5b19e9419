/*
 * domain.c - domains: making, finding, pausing and ending them.
 * The list of domains is guarded by list_lock; references keep a structure, the list entry goes with the last one.
 */
#include <stdarg.h>
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/log.h>
#include <hv/p2m_impl.h>
#include <hv/private.h>
#include <hv/pvtime.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/vendor.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>
#include <hv/window.h>
#include <hv/machine_power.h>
#include "../lib/format.h"

struct domain *dom0;

static struct list domains = {&domains, &domains};
static unsigned int domain_count;
static domid_t next_id;
static spinlock_t list_lock = SPINLOCK_INIT;

static struct domain *find(domid_t id)
{
    list_for_each (it, &domains) {
        struct domain *d = container_of(it, struct domain, link);
        if (d->id == id)
            return d;
    }
    return NULL;
}

struct domain *domain_get(domid_t id)
{
    spin_lock(&list_lock);
    struct domain *d = find(id);
    if (d)
        domain_ref(d);
    spin_unlock(&list_lock);
    return d;
}

struct domain *domain_next(domid_t from)
{
    struct domain *best = NULL;

    spin_lock(&list_lock);
    list_for_each (it, &domains) {
        struct domain *d = container_of(it, struct domain, link);
        if (d->id >= from && (!best || d->id < best->id))
            best = d;
    }
    if (best)
        domain_ref(best);
    spin_unlock(&list_lock);
    return best;
}

void domain_ref(struct domain *d)
{
    __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
}

static void vcpu_free(struct vcpu *v)
{
    if (!v)
        return;
    for (unsigned int i = 0; i < cpu_count; i++)
        assert_hv(cpus[i]->loaded != v);
    vcpu_abi_destroy(v);
    if (v->lapic)
        vlapic_destroy(v);
    vendor->vcpu_destroy(v);
    heap_free(v, sizeof(*v));
}

static void domain_free(struct domain *d)
{
    private_destroy(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        vcpu_free(d->vcpus[i]);
    evtchn_destroy(d);
    gnttab_destroy(d);
    if (d->vioapic)
        vioapic_destroy(d);
    if (d->vpci)
        vpci_destroy(d);
    vendor->domain_destroy(d);
    p2m_destroy(d);
    if (d->shared_info)
        frame_put(heap_page_mfn(d->shared_info));
    pins_reap();
    heap_free(d, sizeof(*d));
}

void domain_put(struct domain *d)
{
    uint32_t refs = read_once(d->refs);
    bool last;

    while (refs > 1) /* others hold it too: the list stays as it is */
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;
    spin_lock(&list_lock);
    last = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0;
    if (last) {
        list_remove(&d->link);
        domain_count--;
    }
    spin_unlock(&list_lock);
    if (last)
        domain_free(d);
}

static struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));

    if (!v)
        return NULL;
    v->id = id;
    v->domain = d;
    v->state = VCPU_DOWN;
    v->cpu = id % cpu_count;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = time_now();
    list_init(&v->runq);
    /* in this order: what the MSRs show depends on the APIC, the vendor's guest state takes the MSRs' values */
    if (private_add(v) || vlapic_create(v)) {
        vcpu_free(v);
        return NULL;
    }
    guest_msrs_init(v);
    if (vendor->vcpu_create(v)) {
        vcpu_free(v);
        return NULL;
    }
    vcpu_abi_init(v);
    vcpu_time_publish(v);
    d->vcpus[id] = v;
    return v;
}

static int create_vcpus(struct domain *d)
{
    struct domain *was = private_enter(d);
    int rc = 0;

    for (unsigned int i = 0; i < d->max_vcpus && !rc; i++)
        rc = vcpu_create(d, i) ? 0 : -XEN_ENOMEM;
    private_leave(was);
    return rc;
}

static int create_parts(struct domain *d, const struct domain_limits *limits)
{
    d->shared_info = heap_shared_page_alloc();
    if (!d->shared_info || p2m_create(d) || vendor->domain_create(d))
        return -XEN_ENOMEM;
    if (evtchn_create(d, limits->max_ports) || gnttab_create(d, limits->max_grant_frames, limits->max_maptrack_frames))
        return -XEN_ENOMEM;
    d->max_vcpus = limits->max_vcpus;
    if (private_create(d) || create_vcpus(d))
        return -XEN_ENOMEM;
    wallclock_publish(d);
    return 0;
}

/* Ids are never used twice, so that a stale id can never mean another VM. */
static int choose_id(domid_t *id)
{
    if (*id < DOMID_FIRST_RESERVED)
        return *id < next_id || find(*id) ? -XEN_EEXIST : 0;
    if (next_id >= DOMID_FIRST_RESERVED)
        return -XEN_ENOSPC;
    *id = next_id;
    return 0;
}

int domain_create(domid_t id, const struct domain_limits *limits, const uint8_t handle[16], bool control,
                  struct domain **out)
{
    struct domain *d;
    int rc;

    if (!limits->max_vcpus || limits->max_vcpus > MAX_VCPUS)
        return -XEN_EINVAL;
    d = heap_alloc(sizeof(*d));
    if (!d)
        return -XEN_ENOMEM;
    spin_lock(&list_lock);
    rc = domain_count >= MAX_DOMAINS ? -XEN_E2BIG : choose_id(&id);
    if (rc) {
        spin_unlock(&list_lock);
        heap_free(d, sizeof(*d));
        return rc;
    }
    d->id = id;
    d->refs = 2; /* the caller's, and the one that domain_destroy() gives back */
    d->is_control = control;
    d->pause_count = 1;
    d->shutdown_code = -1;
    memcpy(d->handle, handle, sizeof(d->handle));
    next_id = (domid_t)(id + 1);
    list_init(&d->link);
    domain_count++;
    spin_unlock(&list_lock);

    rc = create_parts(d, limits);
    if (!rc) {
        /* Only now can others find it: any guest may name the id, and what it would find must be whole. */
        spin_lock(&list_lock);
        list_insert(&domains, &d->link);
        spin_unlock(&list_lock);
    } else {
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
    __atomic_add_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        sched_update(d->vcpus[i]);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i] != current_vcpu())
            sched_wait_not_running(d->vcpus[i]);
}

void domain_unpause(struct domain *d)
{
    uint32_t n = read_once(d->pause_count);
    do {
        if (!n)
            return; /* one unpause too many */
    } while (!__atomic_compare_exchange_n(&d->pause_count, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        sched_update(d->vcpus[i]);
}

static const char *const reasons[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft reset"};

void domain_shutdown(struct domain *d, int reason)
{
    struct vcpu *me = current_vcpu();

    if (d->is_control)
        machine_shutdown(reason);
    if (__atomic_exchange_n(&d->shut_down, true, __ATOMIC_SEQ_CST))
        return;
    d->shutdown_code = reason;
    log_info("d%u shut down: %s", d->id, (unsigned int)reason < ARRAY_SIZE(reasons) ? reasons[reason] : "?");
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_update(d->vcpus[i]);
    if (me && me->domain == d)
        me->exit_to_scheduler = true;
    if (dom0)
        evtchn_raise_global_virq(dom0, VIRQ_DOM_EXC);
}

void domain_kill(struct domain *d, const char *fmt, ...)
{
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    if (!d->shut_down)
        log_err("d%u killed: %s", d->id, why);
    domain_shutdown(d, SHUTDOWN_crash);
}

/* First call: nothing of it runs or accepts work any more. Returns false if another destroyer came first and has
 * finished. */
static void stop(struct domain *d)
{
    if (d->dying)
        return;
    spin_lock(&d->control_lock);
    d->dying = true;
    spin_unlock(&d->control_lock);
    domain_pause(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        timer_stop(&d->vcpus[i]->singleshot);
        timer_stop(&d->vcpus[i]->poll_timer);
    }
    evtchn_close_all(d);
}

int domain_destroy(struct domain *d)
{
    if (d->is_control)
        return -XEN_EINVAL;
    if (__atomic_exchange_n(&d->being_destroyed, true, __ATOMIC_ACQUIRE))
        return -XEN_ERESTART; /* another CPU is at it */
    if (d->destroyed) {
        store_release(d->being_destroyed, false);
        return -XEN_ESRCH;
    }
    stop(d);
    bool more = gnttab_release_mappings(d) || p2m_teardown(d);
    d->destroyed = !more;
    store_release(d->being_destroyed, false);
    if (more)
        return -XEN_ERESTART;
    if (dom0)
        evtchn_raise_global_virq(dom0, VIRQ_DOM_EXC);
    domain_put(d); /* the one domain_create() made for the domain's life; pages that others still map keep frames, not
                      the structure */
    return 0;
}
