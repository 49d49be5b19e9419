/* memop.h - operands in guest memory, as an instruction names them: segment, offset, and what stands behind them */
#pragma once
#include "decode.h"
#include <hv/vcpu.h>

enum cpu_mode vcpu_mode(struct vcpu *v);

/* Linear address of the next instruction's first byte. */
uint64_t instruction_address(struct vcpu *v);

/*
 * Checks segment (limit, rights) or canonical form for an access and gives the linear address.
 * False: the exception the processor would raise has been injected.
 */
bool segment_access(struct vcpu *v, enum seg_name segment, uint64_t offset, unsigned int bytes, bool write,
                    uint64_t *linear);

/* Registers cut to the address size: `value` as a counter or index of that width, and writing one back. */
uint64_t address_cut(uint64_t value, unsigned int address_bytes);
void address_register_set(struct vcpu *v, enum gpr reg, unsigned int address_bytes, uint64_t value);
/* How far RSI and RDI move after one element: by EFLAGS.DF. */
int64_t string_step(struct vcpu *v, unsigned int bytes);

/* Writes the low bytes of a register as the processor does: 4 bytes clear the upper half, 1 and 2 leave the rest. */
void register_write(struct vcpu *v, enum gpr reg, bool high, unsigned int bytes, uint64_t value);
uint64_t register_read(struct vcpu *v, enum gpr reg, bool high, unsigned int bytes);
