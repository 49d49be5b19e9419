/*
 * atoll.h - the hypervisor's own operations, for the control domain's user space (through /dev/xen/privcmd) and for the
 * hypervisor itself.
 *
 * hypercall(__HYPERVISOR_arch_7, op, pointer): 0 or a negative errno. Everything that Xen's ABI has is done through
 * Xen's ABI; what is here has no counterpart there. A new field goes into the padding, a new meaning gets a new number.
 * docs/abi.md describes them.
 */
#pragma once
#include <stdint.h>

#define ATOLL_OP_info      0 /* struct atoll_info */
#define ATOLL_OP_memory    1 /* struct atoll_memory; for the control domain only */
#define ATOLL_OP_selfcheck 2 /* struct atoll_selfcheck; for the control domain only */

struct atoll_info {
    uint16_t domid;         /* in: which domain; 0x7ff0 (DOMID_SELF) is the caller */
    uint16_t pad0;          /* in: 0 */
    uint32_t pad1;          /* in: 0 */
    uint32_t mapped_grants; /* out: mappings that other domains hold of this domain's granted pages */
    uint32_t grant_frames;  /* out: size of its grant table now, in frames of 512 grants */
    uint64_t exits;         /* out: times its vCPUs have left guest mode by an action of their own, all together */
    uint64_t reserved[5];   /* out: 0 */
};

/* What is neither free nor some domain's (XEN_SYSCTL_getdomaininfolist) is the hypervisor's own. */
struct atoll_memory {
    uint64_t ram_pages;   /* out: of the machine, as the firmware's memory map has it */
    uint64_t free_pages;  /* out: not given to anybody */
    uint64_t reserved[6]; /* out: 0 */
};

/* What the page tables of the CPU that this call runs on map of domains' private state: registers, VMCBs, FPU. */
struct atoll_selfcheck {
    uint64_t frames;      /* out: frames that hold such state, of all domains */
    uint64_t shown;       /* out: those of the caller's domain that are mapped where they belong */
    uint64_t others;      /* out: all others that are mapped, anywhere: 0 */
    uint64_t switches;    /* out: how often the hypervisor looked by itself (its option `selfcheck`) */
    uint64_t reserved[4]; /* out: 0 */
};
