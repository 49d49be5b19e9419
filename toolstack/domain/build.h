/* build.h - builds a PVH domain from a kernel and an initrd: memory, boot data, first vCPU; it stays paused */
#pragma once
#include <stdint.h>

#include "toolstack/domain/control.h"

struct domain_spec {
    uint8_t uuid[16];
    uint64_t memory_mib;
    unsigned vcpus;
    const char *kernel;  /* path of an unpacked vmlinux */
    const char *initrd;  /* path, or nullptr */
    const char *cmdline; /* the kernel's */
};

struct built_domain {
    domid_t domid;
    unsigned store_port, console_port; /* the domain's ports that dom0 may bind to */
};

enum { DOMAIN_ERROR_MAX = 256 };

/*
 * Builds the domain. On failure nothing is left of it, a negative errno is returned (-ENOMEM: not enough free memory)
 * and `why` holds one sentence for the user. Undo with control_destroy().
 */
[[nodiscard]] int domain_build(struct control *c, const struct domain_spec *spec, struct built_domain *out,
                               char why[DOMAIN_ERROR_MAX]);
