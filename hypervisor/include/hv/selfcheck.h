/* selfcheck.h - looks at the page tables themselves, not at what we believe of them (boot/selfcheck.c) */
#pragma once
#include <hv/types.h>

/* Every CPU's tables, before the first guest runs. Stops the machine if they are wrong. */
void selfcheck(void);

/* Frames of private state (hv/private.h) that this CPU's tables map now. */
struct private_view {
    uint64_t shown;    /* of the domain it shows, in the private slot */
    uint64_t others;   /* all others, anywhere: must be 0 */
    uint64_t switches; /* looks that selfcheck_switch() has taken, on all CPUs */
};
struct private_view selfcheck_private(void);
/* After a change of what this CPU shows, with the option `selfcheck`: all of the domain and nothing else, or the
 * machine stops. */
void selfcheck_switch(void);
