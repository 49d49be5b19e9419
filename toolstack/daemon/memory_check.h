/* memory_check.h - whether there is room for a VM, and what to do if not */
#pragma once
#include <stdint.h>

#include "toolstack/daemon/registry.h"

/*
 * Whether `needed_mib` fit into `free_mib`. If not, `why` says who holds most and what helps.
 */
[[nodiscard]] bool memory_check(const struct registry *r, const struct vm *vm, uint64_t needed_mib, uint64_t free_mib,
                                char *why, size_t size);
