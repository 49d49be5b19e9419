/*
 * private.h - the slot of the address space in which a CPU sees the private state (struct vcpu_private) of one domain's
 * vCPUs, and of no other's. The frames behind it are mapped nowhere else.
 * A CPU shows the domain whose vCPU it runs, from before the first to after the last use of v->private; an idle one
 * shows nothing. Who wants to touch the state of another domain does it between private_enter() and private_leave().
 */
#pragma once
#include <hv/types.h>

struct domain;
struct vcpu;

/* The tables of a domain's slot. Returns 0 or -XEN_ENOMEM; private_destroy() undoes it in any case. */
[[nodiscard]] int private_create(struct domain *d);
/* Frames, zeroed, for v->private. Returns 0 or -XEN_ENOMEM. They go with the domain. */
[[nodiscard]] int private_add(struct vcpu *v);
/* Gives frames and tables back. No CPU shows the domain any more. */
void private_destroy(struct domain *d);
/* Machine address of v->private's first page, which is the vendor's control block. */
maddr_t private_control_block(const struct vcpu *v);

/* From now on this CPU shows `d` (NULL: nothing), and holds a reference on it. The caller holds no lock: the one that
 * was shown before may end here. */
void private_show(struct domain *d);
/* This CPU shows `d`, on which the caller has a reference, in place of what it shows; that is returned, for
 * private_leave(). In between v->private of the current vCPU is NOT there: no copies from or to its memory by its own
 * addresses. */
[[nodiscard]] struct domain *private_enter(struct domain *d);
void private_leave(struct domain *was);
