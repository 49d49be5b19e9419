/*
 * guestcopy.h - reading and writing guest memory, each byte once.
 * Virtual addresses are translated through the vCPU's present page tables as a supervisor access that ignores SMAP (the
 * kernel's privcmd passes user pointers with AC set).
 */
#pragma once
#include <hv/types.h>

struct domain;
struct vcpu;

/* Return 0 or -XEN_EFAULT; on failure some bytes may have been copied. `v` is the current vCPU. */
[[nodiscard]] int copy_from_guest(struct vcpu *v, void *dst, guest_ptr_t src, size_t bytes);
[[nodiscard]] int copy_to_guest(struct vcpu *v, guest_ptr_t dst, const void *src, size_t bytes);

/* By guest-physical address of any domain (RAM and pages mapped from others). */
[[nodiscard]] int copy_from_gpa(struct domain *d, void *dst, gpa_t src, size_t bytes);
[[nodiscard]] int copy_to_gpa(struct domain *d, gpa_t dst, const void *src, size_t bytes);

/* Where a guest-virtual address is now. `write`: the mapping must allow writing. Returns 0 or -XEN_EFAULT. */
[[nodiscard]] int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out);
/* The same inside a guest_access_begin(): the answer holds until its end. */
[[nodiscard]] int guest_walk(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out);
/* Like copy_from_guest for instruction bytes at a linear address; returns the number of bytes read (0 to `bytes`). */
size_t guest_fetch(struct vcpu *v, uint64_t linear, void *dst, size_t bytes);
