/* fpu.h - a vCPU's x87/SSE/AVX state */
#pragma once
#include <hv/types.h>

struct fpu_area {
    uint64_t xcr0;
    uint8_t *state; /* fpu_area_bytes() bytes, 64-byte aligned */
};

size_t fpu_area_bytes(void);
void fpu_area_init(struct fpu_area *a); /* state as after reset */
void fpu_save(struct fpu_area *a);
void fpu_load(struct fpu_area *a); /* also sets the guest's XCR0 */
/* XSETBV by the guest that is loaded. Returns 0, or -1: #GP. */
[[nodiscard]] int fpu_set_xcr0(struct fpu_area *a, uint64_t value);
