/* privcmd.h - hypercalls and foreign memory for dom0's tools, through the kernel's /dev/xen/privcmd and
 * /dev/xen/hypercall
 *
 * Buffers that the hypervisor reads or writes must be hypercall_buffers: ordinary memory may be moved by the kernel
 * meanwhile.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

/* Returns a descriptor (closed on exec) or a negative errno. One is enough for a program. */
[[nodiscard]] int privcmd_open(void);

/* Issues hypercall `op` (__HYPERVISOR_*). Returns what the hypervisor returns, which is a negative errno on failure. */
long privcmd_hypercall(int fd, unsigned long op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* Zeroed memory that stays where it is; filled by hypercall_buffer_alloc(). */
struct hypercall_buffer {
    void *address;
    size_t size; /* in bytes, whole pages */
};

/* Returns 0 or a negative errno. `size` is in bytes and at least 1. Undo with hypercall_buffer_free(). */
[[nodiscard]] int hypercall_buffer_alloc(struct hypercall_buffer *buffer, size_t size);
void hypercall_buffer_free(struct hypercall_buffer *buffer);

/*
 * Maps `count` pages of `domain` by guest frame number, read-write if `prot` has PROT_WRITE. If errors[] is given it
 * receives 0 or a negative errno for each page and single failures are no failure of the call (touching such a page
 * gives SIGBUS); without it every page must be mapped. Returns the address, or nullptr with errno set. Undo with
 * munmap(address, count * 4096).
 */
[[nodiscard]] void *privcmd_map_foreign(int fd, domid_t domain, int prot, size_t count, const xen_pfn_t gfns[],
                                        int errors[]);

/*
 * Maps frames of a resource of `domain` (XENMEM_resource_* and its id), from frame `first` on.
 * Returns the address, or nullptr with errno set. Undo with munmap(address, count * 4096).
 */
[[nodiscard]] void *privcmd_map_resource(int fd, domid_t domain, uint32_t type, uint32_t id, uint32_t first,
                                         size_t count);
