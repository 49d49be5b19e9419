/* gnttab.h - grant tables, version 1 (public/grant_table.h): pages that one domain lends to another */
#pragma once
#include <hv/types.h>
#include <hv/xen.h>

struct domain;

[[nodiscard]] int gnttab_create(struct domain *d, unsigned int max_grant_frames, unsigned int max_maptrack_frames);
/* Frame `index` of the domain's table (a shared heap page, see heap.h), growing the table up to it; for add_to_physmap
 * and acquire_resource. MFN_NONE if over the limit. */
mfn_t gnttab_frame(struct domain *d, unsigned int index);
unsigned int gnttab_frame_count(struct domain *d);
unsigned int gnttab_frame_limit(struct domain *d); /* how many there may be */
/* Gives back all mappings `d` holds of others' pages; bounded per call: -XEN_ERESTART when more is left. */
[[nodiscard]] int gnttab_release_mappings(struct domain *d);
/* When the last reference to `d` goes: mappings that others hold of its pages keep one each. Accepts a domain without
 * table. */
void gnttab_destroy(struct domain *d);
/* Numbers for sysctl and tests: grants of `d` that others have mapped now. */
unsigned int gnttab_mapped_count(struct domain *d);
