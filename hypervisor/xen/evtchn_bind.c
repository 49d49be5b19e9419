/* evtchn_bind.c - opening and closing event ports */
#include <hv/heap.h>
#include <hv/shared_info.h>
#include <hv/string.h>
#include "ports.h"

static void lock_both(struct evtchn_table *a, struct evtchn_table *b)
{
    if (a == b) {
        spin_lock(&a->lock);
        return;
    }
    spin_lock(a < b ? &a->lock : &b->lock);
    spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct evtchn_table *a, struct evtchn_table *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static evtchn_port_t lowest_free(const struct evtchn_table *t, unsigned int limit)
{
    for (unsigned int word = 0; word * 64 < limit; word++) {
        if (~t->used[word]) {
            evtchn_port_t port = word * 64 + (unsigned int)__builtin_ctzl(~t->used[word]);
            return port < limit ? port : 0;
        }
    }
    return 0;
}

/* Finds a free port and its entry; the caller fills it and calls publish(). Lock held; nothing visible has changed on
 * failure. */
static long reserve(struct domain *d, struct port **entry)
{
    struct evtchn_table *t = d->evtchns;
    evtchn_port_t port = lowest_free(t, port_limit(d, t->max_ports));

    if (d->dying)
        return -XEN_ESRCH;
    if (!port)
        return -XEN_ENOSPC;
    if (!t->pages[port / PORTS_PER_PAGE]) {
        struct port *page = heap_page_alloc();
        if (!page)
            return -XEN_ENOMEM;
        store_release(t->pages[port / PORTS_PER_PAGE], page);
    }
    *entry = &t->pages[port / PORTS_PER_PAGE][port % PORTS_PER_PAGE];
    return (long)port;
}

static void publish(struct domain *d, evtchn_port_t port, struct port *entry, enum port_kind kind)
{
    d->evtchns->used[port / 64] |= 1ul << (port % 64);
    bit_test_and_clear(pending_bits(d), port); /* a VIRQ that raced with the last close may have set it */
    store_release(entry->kind, (uint16_t)kind);
}

/* Changes a published kind and waits until no sender looks at the old binding. Senders run with interrupts off and wait
 * for nobody. */
static void retract(struct port *entry, enum port_kind kind)
{
    __atomic_exchange_n(&entry->kind, (uint16_t)kind, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&entry->senders, __ATOMIC_SEQ_CST))
        cpu_relax();
}

static void set_vcpu(struct port *entry, unsigned int vcpu)
{
    write_once(entry->vcpu, (uint16_t)vcpu);
}

long port_alloc_unbound(struct domain *d, domid_t allowed)
{
    struct port *entry;

    spin_lock(&d->evtchns->lock);
    long port = reserve(d, &entry);
    if (port > 0) {
        entry->peer_id = allowed;
        set_vcpu(entry, 0);
        publish(d, (evtchn_port_t)port, entry, PORT_UNBOUND);
    }
    spin_unlock(&d->evtchns->lock);
    return port;
}

/* Both ends refer to each other and hold a reference on the other's domain. Locks of both held. */
static void connect(struct domain *d, evtchn_port_t port, struct port *entry, struct domain *peer,
                    evtchn_port_t peer_port, struct port *peer_entry)
{
    domain_ref(peer);
    entry->peer = peer;
    entry->peer_port = peer_port;
    entry->peer_id = peer->id;
    set_vcpu(entry, 0);
    domain_ref(d);
    peer_entry->peer = d;
    peer_entry->peer_port = port;
    publish(d, port, entry, PORT_INTERDOMAIN);
    store_release(peer_entry->kind, PORT_INTERDOMAIN);
}

long port_bind_interdomain(struct domain *d, struct domain *peer, evtchn_port_t untrusted_peer_port)
{
    struct port *entry, *peer_entry;
    long port;

    lock_both(d->evtchns, peer->evtchns);
    peer_entry = port_entry(peer, untrusted_peer_port);
    if (peer->dying || !peer_entry || port_kind(peer_entry) != PORT_UNBOUND || peer_entry->peer_id != d->id) {
        port = -XEN_EINVAL;
    } else if ((port = reserve(d, &entry)) > 0) {
        connect(d, (evtchn_port_t)port, entry, peer, untrusted_peer_port, peer_entry);
        /* The peer may have sent before we were there. */
        evtchn_set_pending(d->vcpus[0], (evtchn_port_t)port);
    }
    unlock_both(d->evtchns, peer->evtchns);
    return port;
}

long port_bind_virq(struct domain *d, uint32_t virq, unsigned int vcpu)
{
    struct evtchn_table *t = d->evtchns;
    struct port *entry;
    long port = -XEN_EEXIST;

    spin_lock(&t->lock);
    if (!t->virq_port[vcpu][virq] && (port = reserve(d, &entry)) > 0) {
        entry->virq = (uint16_t)virq;
        set_vcpu(entry, vcpu);
        publish(d, (evtchn_port_t)port, entry, PORT_VIRQ);
        store_release(t->virq_port[vcpu][virq], (uint16_t)port);
    }
    spin_unlock(&t->lock);
    return port;
}

long port_bind_ipi(struct domain *d, unsigned int vcpu)
{
    struct port *entry;

    spin_lock(&d->evtchns->lock);
    long port = reserve(d, &entry);
    if (port > 0) {
        set_vcpu(entry, vcpu);
        publish(d, (evtchn_port_t)port, entry, PORT_IPI);
    }
    spin_unlock(&d->evtchns->lock);
    return port;
}

/* IPIs and per-vCPU VIRQs belong to the vCPU they were bound for. */
static bool may_move(const struct port *p)
{
    enum port_kind kind = p ? port_kind(p) : PORT_CLOSED;

    return kind == PORT_UNBOUND || kind == PORT_INTERDOMAIN || (kind == PORT_VIRQ && !virq_is_per_vcpu(p->virq));
}

long port_bind_vcpu(struct domain *d, evtchn_port_t untrusted_port, unsigned int vcpu)
{
    spin_lock(&d->evtchns->lock);
    struct port *p = port_entry(d, untrusted_port);
    long rc = may_move(p) ? 0 : -XEN_EINVAL;
    if (rc == 0)
        set_vcpu(p, vcpu);
    spin_unlock(&d->evtchns->lock);
    return rc;
}

/* The other end stays open and may be bound again by the same domain. The two references stay with the caller. Locks of
 * both held. */
static void disconnect(struct port *entry)
{
    struct port *peer_entry = port_entry(entry->peer, entry->peer_port);

    retract(peer_entry, PORT_UNBOUND);
    retract(entry, PORT_CLOSED);
    peer_entry->peer = NULL;
    entry->peer = NULL;
}

/* Lock held; an interdomain port must have been disconnected. */
static void release(struct domain *d, evtchn_port_t port, struct port *entry)
{
    if (port_kind(entry) == PORT_VIRQ)
        store_release(d->evtchns->virq_port[virq_is_per_vcpu(entry->virq) ? entry->vcpu : 0][entry->virq], (uint16_t)0);
    retract(entry, PORT_CLOSED);
    bit_test_and_clear(pending_bits(d), port);
    d->evtchns->used[port / 64] &= ~(1ul << (port % 64));
}

/* Finds the peer of an interdomain port with a reference: its lock may have to be taken first. NULL for all others. */
static struct domain *peer_of(struct domain *d, evtchn_port_t untrusted_port)
{
    struct domain *peer = NULL;

    spin_lock(&d->evtchns->lock);
    struct port *p = port_entry(d, untrusted_port);
    if (p && port_kind(p) == PORT_INTERDOMAIN) {
        peer = p->peer;
        domain_ref(peer);
    }
    spin_unlock(&d->evtchns->lock);
    return peer;
}

/* One attempt: -XEN_EAGAIN if the port changed its peer while no lock was held. */
static long close_with_peer(struct domain *d, evtchn_port_t untrusted_port, struct domain *peer)
{
    struct domain *expected = peer ? peer : d;
    bool connected = false;
    long rc = 0;

    lock_both(d->evtchns, expected->evtchns);
    struct port *p = port_entry(d, untrusted_port);
    enum port_kind kind = p ? port_kind(p) : PORT_CLOSED;
    if (kind == PORT_CLOSED) {
        rc = -XEN_EINVAL;
    } else if (kind == PORT_INTERDOMAIN && p->peer != peer) {
        rc = -XEN_EAGAIN;
    } else {
        connected = kind == PORT_INTERDOMAIN;
        if (connected)
            disconnect(p);
        release(d, untrusted_port, p);
    }
    unlock_both(d->evtchns, expected->evtchns);
    if (connected) { /* the two references of the connection; the callers hold their own */
        domain_put(peer);
        domain_put(d);
    }
    return rc;
}

long port_close(struct domain *d, evtchn_port_t untrusted_port)
{
    long rc;

    do {
        struct domain *peer = peer_of(d, untrusted_port);
        rc = close_with_peer(d, untrusted_port, peer);
        if (peer)
            domain_put(peer);
    } while (rc == -XEN_EAGAIN); /* each time somebody else has made progress */
    return rc;
}

static uint32_t public_status(enum port_kind kind)
{
    switch (kind) {
    case PORT_UNBOUND: return EVTCHNSTAT_unbound;
    case PORT_INTERDOMAIN: return EVTCHNSTAT_interdomain;
    case PORT_VIRQ: return EVTCHNSTAT_virq;
    case PORT_IPI: return EVTCHNSTAT_ipi;
    default: return EVTCHNSTAT_closed;
    }
}

long port_status(struct domain *d, struct evtchn_status *status)
{
    if (status->port >= d->evtchns->max_ports)
        return -XEN_EINVAL;
    memset(&status->u, 0, sizeof(status->u));
    spin_lock(&d->evtchns->lock);
    struct port *p = port_entry(d, status->port);
    enum port_kind kind = p ? port_kind(p) : PORT_CLOSED;
    status->status = public_status(kind);
    status->vcpu = kind == PORT_CLOSED ? 0 : read_once(p->vcpu);
    if (kind == PORT_UNBOUND)
        status->u.unbound.dom = p->peer_id;
    else if (kind == PORT_INTERDOMAIN)
        status->u.interdomain = (__typeof__(status->u.interdomain)){.dom = p->peer->id, .port = p->peer_port};
    else if (kind == PORT_VIRQ)
        status->u.virq = p->virq;
    spin_unlock(&d->evtchns->lock);
    return 0;
}

int evtchn_create(struct domain *d, unsigned int max_ports)
{
    d->evtchns = heap_alloc(sizeof(struct evtchn_table));
    if (!d->evtchns)
        return -XEN_ENOMEM;
    d->evtchns->max_ports = MIN(max_ports, EVTCHN_MAX_PORTS);
    d->evtchns->used[0] = 1; /* port 0 is never given out: 0 means "none" */
    memset(d->shared_info->evtchn_mask, 0xff, sizeof(d->shared_info->evtchn_mask));
    return 0;
}

void evtchn_close_all(struct domain *d)
{
    for (evtchn_port_t port = 1; port < d->evtchns->max_ports; port++) {
        if (bit_test(d->evtchns->used, port))
            (void)port_close(d, port);
    }
}

void evtchn_destroy(struct domain *d)
{
    if (!d->evtchns)
        return;
    for (unsigned int i = 0; i < PORT_PAGES; i++)
        heap_page_free(d->evtchns->pages[i]);
    heap_free(d->evtchns, sizeof(struct evtchn_table));
    d->evtchns = NULL;
}
