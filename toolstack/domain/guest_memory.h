/* guest_memory.h - writes into the memory of a domain that is being built */
#pragma once
#include "toolstack/domain/control.h"

/* Copies `size` bytes to guest-physical `paddr`. Returns 0 or a negative errno. */
[[nodiscard]] int guest_memory_write(struct control *c, domid_t domid, uint64_t paddr, const void *bytes, size_t size);

/* Makes `size` bytes from guest-physical `paddr` on zero. Returns 0 or a negative errno. */
[[nodiscard]] int guest_memory_zero(struct control *c, domid_t domid, uint64_t paddr, uint64_t size);
