/* atoll_op.h - our own operations (include/public/atoll.h), for the control domain */
#pragma once
#include <hv/guestcopy.h>

long do_atoll_op(struct vcpu *v, uint64_t op, guest_ptr_t arg);
