/* memory.h - parts of the memory hypercall, split by what they do */
#pragma once
#include <hv/hypercall.h>

/*
 * A list that a call works through: `start` items are done already (from the command's upper bits). Handlers go on from
 * there and, when time is up, leave the new position in the command register and return HYPERCALL_RESTART.
 */
long memory_pause(struct vcpu *v, uint64_t op, uint64_t done);
/* How long a list may be: what an answer can count, and for 32-bit callers what fits beside the command. */
uint64_t memory_list_limit(struct vcpu *v);

long memory_populate(struct vcpu *v, guest_ptr_t arg, uint64_t start);
long memory_decrease(struct vcpu *v, guest_ptr_t arg, uint64_t start);
long memory_add_to_physmap(struct vcpu *v, guest_ptr_t arg);
long memory_add_batch(struct vcpu *v, guest_ptr_t arg, uint64_t start);
long memory_remove_from_physmap(struct vcpu *v, guest_ptr_t arg);
long memory_acquire_resource(struct vcpu *v, guest_ptr_t arg, uint64_t start);
