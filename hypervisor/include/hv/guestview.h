/*
 * guestview.h - looking into the memory of the domain that runs here.
 * Its page tables and the pages its hypercalls point to are looked at again and again, so windows on them are kept:
 * views, GUEST_VIEWS per CPU, all of one domain. They go when this CPU runs another domain's vCPU, and when the
 * domain's guest-physical map changes.
 *
 * Between guest_access_begin() and guest_access_end() no frame of the domain's map is freed: whoever takes one out
 * flushes before it gives the frame back, and p2m_flush() waits until each access has ended that may have begun before.
 * So inside there is no waiting but for the p2m lock, and no flushing.
 */
#pragma once
#include <hv/types.h>

struct domain;

/* `d` is the domain of the vCPU that runs on this CPU. Nest not. */
void guest_access_begin(struct domain *d);
void guest_access_end(void);
/* The page behind `gfn`, inside an access and until its end; NULL if there is no RAM, or none that `write` may change.
 * Grants and foreign pages count as RAM. The guest changes it at the same time: read once. */
void *guest_page(struct domain *d, gfn_t gfn, bool write);

/* Before a vCPU of `d` runs on this CPU, and when d's map has changed: no view of another domain's, or of what was
 * there before, is left. */
void guest_views_keep_only(const struct domain *d);
