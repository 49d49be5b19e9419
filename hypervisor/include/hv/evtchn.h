/* evtchn.h - event channels, two-level ABI (public/event_channel.h); send takes no lock */
#pragma once
#include <hv/types.h>
#include <hv/xen.h>

struct domain;
struct vcpu;

#define EVTCHN_MAX_PORTS 4096u

[[nodiscard]] int evtchn_create(struct domain *d,
                                unsigned int max_ports); /* 0 or -XEN_ENOMEM; masks all ports in shared_info */
/* Closes all ports (peers become unbound). Bounded by the number of ports; the domain is dying or in reset. */
void evtchn_close_all(struct domain *d);
void evtchn_destroy(struct domain *d); /* when the last reference to `d` goes; accepts a domain without table */

/* Raises a virtual interrupt for a vCPU (VIRQ_TIMER, VIRQ_DEBUG) or, for global ones, for the domain. Silent when
 * nobody listens. */
void evtchn_raise_virq(struct vcpu *v, unsigned int virq);
void evtchn_raise_global_virq(struct domain *d, unsigned int virq);
/* Sets a port pending in its domain and notifies (used by send, unmask and the above). */
void evtchn_set_pending(struct vcpu *v, evtchn_port_t port);
/* For poll: is the port's pending bit set (port < EVTCHN_MAX_PORTS already checked)? */
bool evtchn_is_pending(struct domain *d, evtchn_port_t port);
/* Moves to a registered vcpu_info page: everything is looked at again, so no event is lost. */
void evtchn_rescan(struct vcpu *v);
