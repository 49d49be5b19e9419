/*
 * ports.h - the event ports of a domain, as evtchn*.c share them.
 *
 * A port's binding (all but `vcpu`) is immutable while its kind is published: it is written before the one store that
 * publishes `kind`, and changed only after `kind` was taken back and every sender inside has left (`senders` is 0). So
 * a send needs no lock. `lock` serialises binding and closing; two tables are locked in the order of their addresses.
 */
#pragma once
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/lock.h>
#include <hv/vcpu.h>

enum port_kind { PORT_CLOSED, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ, PORT_IPI };

struct port {
    struct domain *peer;     /* interdomain: with a reference */
    evtchn_port_t peer_port; /* interdomain */
    uint16_t kind;           /* enum port_kind; atomic */
    domid_t peer_id;         /* unbound: who may bind; interdomain: the peer */
    uint16_t virq;
    uint16_t vcpu;    /* whom to notify; atomic, changes while bound */
    uint32_t senders; /* interdomain sends under way; atomic */
} __aligned(32);

#define PORTS_PER_PAGE (PAGE_SIZE / sizeof(struct port))
#define PORT_PAGES     (EVTCHN_MAX_PORTS / PORTS_PER_PAGE)

struct evtchn_table {
    spinlock_t lock;
    unsigned int max_ports;
    uint32_t polling;                        /* vCPUs that may be in SCHEDOP_poll; atomic, one bit each */
    uint64_t used[EVTCHN_MAX_PORTS / 64];    /* allocated ports; under `lock` */
    struct port *pages[PORT_PAGES];          /* published once, kept until the table goes */
    uint16_t virq_port[MAX_VCPUS][NR_VIRQS]; /* 0 = not bound; atomic. Global ones under vCPU 0 */
};

/* The port's entry, or NULL if the number is out of range or was never allocated. */
static inline struct port *port_entry(struct domain *d, evtchn_port_t untrusted_port)
{
    if (untrusted_port == 0 || untrusted_port >= d->evtchns->max_ports)
        return NULL;
    size_t port = index_nospec(untrusted_port, d->evtchns->max_ports);
    struct port *page = load_acquire(d->evtchns->pages[port / PORTS_PER_PAGE]);
    return page ? &page[port % PORTS_PER_PAGE] : NULL;
}

static inline enum port_kind port_kind(const struct port *p)
{
    return (enum port_kind)load_acquire(p->kind);
}

static inline bool virq_is_per_vcpu(uint32_t virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

/* Binding operations (evtchn_bind.c): return a port or a negative error. The caller has a reference on the domains. */
long port_alloc_unbound(struct domain *d, domid_t allowed);
long port_bind_interdomain(struct domain *d, struct domain *peer, evtchn_port_t untrusted_peer_port);
long port_bind_virq(struct domain *d, uint32_t virq, unsigned int vcpu);
long port_bind_ipi(struct domain *d, unsigned int vcpu);
long port_bind_vcpu(struct domain *d, evtchn_port_t untrusted_port, unsigned int vcpu);
long port_close(struct domain *d, evtchn_port_t untrusted_port);
long port_status(struct domain *d, struct evtchn_status *status);

/* Delivery (evtchn.c) */
long port_send(struct domain *d, evtchn_port_t untrusted_port);
long port_unmask(struct domain *d, evtchn_port_t untrusted_port);
/* SCHEDOP_poll: from here on an event on one of v's poll ports kicks `v`. */
void poll_announce(struct vcpu *v);
void poll_wake(struct vcpu *v);
