/* control.h - the control calls of the hypervisor (Xen 4.20's domctl, sysctl, memory and event calls) that building
 * and running PVH domains takes
 *
 * Every function returns 0 or more on success and a negative errno on failure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/xen/privcmd.h"

/* An open control interface. Not for use by two threads at a time: the buffers are shared. */
struct control {
    int privcmd;
    struct hypercall_buffer op, data; /* arguments, and what they point to */
};

[[nodiscard]] int control_open(struct control *c);
void control_close(struct control *c);

struct domain_limits {
    uint8_t uuid[16];
    uint32_t vcpus, evtchn_ports;
    int32_t grant_frames, maptrack_frames;
};

/* A new PVH domain, paused, without memory. Returns 0 and its id. */
[[nodiscard]] int control_create(struct control *c, const struct domain_limits *limits, domid_t *domid);

/* Takes as long as freeing the domain's memory does; until all mappings of its pages are gone it stays as dying. */
int control_destroy(struct control *c, domid_t domid);
int control_pause(struct control *c, domid_t domid);
int control_unpause(struct control *c, domid_t domid);

[[nodiscard]] int control_set_vcpus(struct control *c, domid_t domid, uint32_t vcpus);
[[nodiscard]] int control_set_max_memory(struct control *c, domid_t domid, uint64_t kib);

/* Memory for the domain's nested page tables. A hypervisor that keeps no such pool answers ENOSYS: no failure here. */
[[nodiscard]] int control_set_paging_pool(struct control *c, domid_t domid, uint32_t mib);

/* RAM at `count` consecutive frames from `gfn` on, in 2 MiB pieces where they are aligned. -ENOMEM: not enough free. */
[[nodiscard]] int control_populate(struct control *c, domid_t domid, xen_pfn_t gfn, uint64_t count);

[[nodiscard]] int control_set_hvm_param(struct control *c, domid_t domid, uint32_t index, uint64_t value);

/* A port of `domid` that `remote` may bind to. Returns the port. */
[[nodiscard]] int control_alloc_unbound(struct control *c, domid_t domid, domid_t remote);

/* HVM save records. The getter returns the bytes written, at most `size`. */
[[nodiscard]] int control_get_context(struct control *c, domid_t domid, uint8_t *out, size_t size);
[[nodiscard]] int control_set_context(struct control *c, domid_t domid, const uint8_t *records, size_t size);

struct domain_info {
    domid_t domid;
    bool dying, shutdown, paused, running, blocked;
    unsigned shutdown_reason; /* SHUTDOWN_*; only if shutdown */
    uint64_t memory_kib, cpu_time_ns;
    uint32_t vcpus_online;
    uint8_t uuid[16];
};

/* -ESRCH: there is no such domain. */
[[nodiscard]] int control_info(struct control *c, domid_t domid, struct domain_info *out);

/* Fills up to `max` entries in ascending order of ids, from `first` on; returns how many. */
[[nodiscard]] int control_list(struct control *c, domid_t first, struct domain_info out[], size_t max);

/* What is free for new domains, in KiB. */
[[nodiscard]] int control_free_memory(struct control *c, uint64_t *kib);

/* What only our own hypervisor tells (hypervisor/include/public/atoll.h); others answer -ENOSYS. */
struct domain_counts {
    uint32_t mapped_grants; /* mappings that others hold of its granted pages */
    uint32_t grant_frames;  /* of its grant table, 512 grants each */
};

[[nodiscard]] int control_counts(struct control *c, domid_t domid, struct domain_counts *out);

/* The machine's RAM and the part that nobody has, in KiB. The rest belongs to domains and to the hypervisor. */
[[nodiscard]] int control_machine_memory(struct control *c, uint64_t *ram_kib, uint64_t *free_kib);
