/* vcpu_context.h - the first vCPU's registers at the PVH entry point, as HVM save records */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { VCPU_CONTEXT_MAX = 4096 };

/*
 * Write records HEADER, CPU (instance 0) and END into `out` (VCPU_CONTEXT_MAX bytes): 32-bit protected mode, paging
 * off, eip = entry, ebx = start_info. Returns the bytes used.
 */
size_t vcpu_context_build(uint8_t *out, uint32_t entry, uint32_t start_info);

/*
 * From a domain's saved context of `size` bytes derive, for vCPU `vcpu`, records HEADER, MTRR (write-back by default)
 * and END in `out`. Returns the bytes used, or 0 if the saved context holds no MTRR record for that vCPU.
 */
size_t vcpu_context_mtrr(uint8_t *out, const uint8_t *saved, size_t size, unsigned vcpu);
