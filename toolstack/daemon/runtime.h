/* runtime.h - how VMs are brought to life: the hypervisor in earnest, a pretended one in tests
 *
 * start() and stop() block and are called from a worker thread, one call at a time; the others from the main thread,
 * also meanwhile. Functions return 0 or a negative errno.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "toolstack/storage/volume.h"

enum { RUNTIME_WHY_MAX = 320 };

struct runtime_start {
    uint8_t uuid[16];
    const char *uuid_text, *name;
    const char *kernel, *initrd, *cmdline; /* paths, options */
    uint64_t memory_mib;
    unsigned vcpus;
    const struct volume_set *volumes;
};

struct runtime_domain {
    uint8_t uuid[16];
    unsigned domid;
    bool ended; /* the guest has shut down, or is being destroyed */
    bool paused;
    unsigned reason; /* of the end: SHUTDOWN_* */
    uint64_t memory_kib, cpu_time_ns;
};

enum { RUNTIME_CHANGED_FD_NONE = -1 };

struct runtime {
    /* On failure nothing is left, and `why` holds a sentence. */
    int (*start)(struct runtime *self, const struct runtime_start *request, unsigned *domid, char why[RUNTIME_WHY_MAX]);
    /* Ends the domain, however it is doing, and gives back its devices. */
    int (*stop)(struct runtime *self, unsigned domid, const char *uuid_text, const struct volume_set *volumes);
    int (*pause)(struct runtime *self, unsigned domid);
    int (*unpause)(struct runtime *self, unsigned domid);
    /* Asks the guest's system to power off. */
    int (*ask_shutdown)(struct runtime *self, unsigned domid);
    /* -ESRCH: no such domain. */
    int (*look)(struct runtime *self, unsigned domid, struct runtime_domain *out);
    /* Domains other than dom0; returns how many. */
    int (*list)(struct runtime *self, struct runtime_domain out[], size_t max);
    /* -ENOSYS: not known. */
    int (*free_memory)(struct runtime *self, uint64_t *kib);
    /* Becomes readable when some domain may have ended; changes_seen() then makes it quiet. */
    int changed_fd;
    void (*changes_seen)(struct runtime *self);
    void (*close)(struct runtime *self);
};

/* Both allocate *out; undo with its close(). */
[[nodiscard]] int runtime_open(struct runtime **out);
