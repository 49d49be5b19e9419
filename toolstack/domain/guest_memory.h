/* guest_memory.h - writes into the memory of a domain that is being built
 *
 * By grants: the builder fills the domain's grant table itself, as long as nothing of the domain runs, and lets the
 * hypervisor copy from its own pages. Mapping the domain's pages instead would cost two hypercalls and a TLB flush for
 * each of the some 20,000 pages of a kernel and its initrd.
 */
#pragma once
#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#include "toolstack/domain/control.h"

struct guest_memory {
    domid_t domid;
    int gntdev;
    grant_entry_v1_t *table; /* the first frame of the domain's grant table */
};

/* Returns 0 or a negative errno. Undo with guest_memory_close(). */
[[nodiscard]] int guest_memory_open(struct guest_memory *m, const struct control *c, domid_t domid);
void guest_memory_close(struct guest_memory *m);

/* Copies `size` bytes to guest-physical `paddr`. Returns 0 or a negative errno. */
[[nodiscard]] int guest_memory_write(struct guest_memory *m, uint64_t paddr, const void *bytes, uint64_t size);

/* Makes `size` bytes from guest-physical `paddr` on zero. Returns 0 or a negative errno. */
[[nodiscard]] int guest_memory_zero(struct guest_memory *m, uint64_t paddr, uint64_t size);

/* What the guest will find in its grant table: dom0 may use that page by that reference (below 8). */
void guest_memory_grant(struct guest_memory *m, grant_ref_t ref, uint64_t gfn);
