/* gntdev.h - mapping pages that other domains granted to us, through the kernel's /dev/xen/gntdev
 *
 * What is in mapped pages is written by the peer at any time: read once, check, bound.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

/* One contiguous mapping of `count` pages of one granter; filled by gntdev_map(). */
struct gntdev_mapping {
    void *address;
    uint32_t count;
    uint64_t index; /* the kernel's name for it */
};

/* Returns a descriptor (closed on exec) or a negative errno. Mappings outlive it, but it is needed to unmap. */
[[nodiscard]] int gntdev_open(void);

/*
 * Maps `count` pages of `granter`, in the order of `refs`. All or nothing.
 * Returns 0 and fills `out`, or a negative errno (EINVAL also when the granter does not grant one of them, ENOMEM when
 * the limit of mappings is reached). Undo with gntdev_unmap().
 */
[[nodiscard]] int gntdev_map(int fd, domid_t granter, uint32_t count, const grant_ref_t refs[], bool writable,
                             struct gntdev_mapping *out);

/*
 * Asks the kernel to act when the mapping goes away, even if this process is killed: clears the byte at `offset` (if it
 * is not negative; the mapping must be writable), and raises `port`, a port of an open evtchn descriptor (if it is not
 * 0). Returns 0 or a negative errno.
 */
[[nodiscard]] int gntdev_notify_on_unmap(int fd, const struct gntdev_mapping *map, long offset, uint32_t port);

/* Undoes gntdev_map(). */
void gntdev_unmap(int fd, struct gntdev_mapping *map);
