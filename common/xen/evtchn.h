/* evtchn.h - event channels of this domain, through the kernel's /dev/xen/evtchn
 *
 * Each descriptor owns the ports bound through it: closing it closes them all. A port that fired is masked by the
 * kernel until evtchn_unmask(). Every function returns a negative errno on failure.
 */
#pragma once
#include <stdint.h>
#include <xen/xen.h>

typedef uint32_t port_t;

/* Returns a non-blocking descriptor (poll it for reading: a port is pending), closed on exec. The caller closes it. */
[[nodiscard]] int evtchn_open(void);

/* A new port that `remote` may bind to. Returns the local port. */
[[nodiscard]] int evtchn_bind_unbound(int fd, domid_t remote);

/* Connects to a port that `remote` offered to us. Returns the local port. */
[[nodiscard]] int evtchn_bind_interdomain(int fd, domid_t remote, port_t remote_port);

/* Returns the local port of a virtual interrupt (VIRQ_*), bound on CPU 0. */
[[nodiscard]] int evtchn_bind_virq(int fd, unsigned int virq);

/* Closes one port. */
int evtchn_unbind(int fd, port_t port);

/* Raises an event at the other end. */
int evtchn_notify(int fd, port_t port);

/* Returns the next port that fired (now masked), -EAGAIN if there is none. */
[[nodiscard]] int evtchn_pending(int fd);

/* Lets `port` fire again. Call it before looking at the shared state the event was about, or one can be lost. */
int evtchn_unmask(int fd, port_t port);
