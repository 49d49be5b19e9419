/* alu.h - integer operations with their flags, as the processor computes them */
#pragma once
#include "decode.h"

/* dst op src at a size of 1, 2, 4 or 8 bytes. Returns the result (for CMP, TEST, BT: dst as it was) and sets the status
 * bits in *rflags. */
uint64_t alu(enum insn_op op, unsigned int bytes, uint64_t dst, uint64_t src, uint64_t *rflags);
