/* gntalloc.h - pages of our own that we grant to another domain, through the kernel's /dev/xen/gntalloc
 *
 * The kernel limits how many there may be at a time: parameter `limit` of module xen-gntalloc, 1024 unless set.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

/* `count` zeroed pages, contiguous for us; filled by gntalloc_alloc(). */
struct gntalloc_pages {
    void *address;
    uint32_t count;
    uint64_t index; /* the kernel's name for them */
};

/* Returns a descriptor (closed on exec) or a negative errno. Closing it takes back what was granted through it. */
[[nodiscard]] int gntalloc_open(void);

/*
 * Allocates `count` pages and grants them to `peer`, for writing if `writable`. refs[count] receives the references in
 * order. Returns 0 and fills `out`, or a negative errno (ENOSPC: over the kernel's limit). Undo with gntalloc_free().
 */
[[nodiscard]] int gntalloc_alloc(int fd, domid_t peer, uint32_t count, bool writable, grant_ref_t refs[],
                                 struct gntalloc_pages *out);

/*
 * Asks the kernel to act when the pages are given back, even if this process is killed: clears the byte at `offset` (if
 * it is not negative), and raises `port`, a port of an open evtchn descriptor (if it is not 0). Returns 0 or a negative
 * errno.
 */
[[nodiscard]] int gntalloc_notify_on_free(int fd, const struct gntalloc_pages *pages, long offset, uint32_t port);

/* Ends the grants. A page that the peer still has mapped is reused only after it unmapped it. */
void gntalloc_free(int fd, struct gntalloc_pages *pages);
