/* domain_state.h - asks the hypervisor what became of a domain */
#pragma once
#include <stdint.h>
#include <xen/xen.h>

enum domain_state { DOMAIN_ALIVE, DOMAIN_SHUT_DOWN, DOMAIN_GONE };

struct domain_states; /* the way to the hypervisor */

/* NULL with errno set when this is not a domain that may ask. */
[[nodiscard]] struct domain_states *domain_states_open(void);
void domain_states_close(struct domain_states *states);

/* Dying counts as gone: its pages are waiting for us to let go of them. DOMAIN_ALIVE when in doubt. */
enum domain_state domain_state(struct domain_states *states, domid_t domid);
