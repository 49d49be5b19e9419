/* ports.h - between the port instructions (portio.c) and what answers on a port (port_policy.c) */
#pragma once
#include <hv/types.h>

struct vcpu;
struct domain;

/* One access of 1, 2 or 4 bytes to an intercepted port. Unclaimed ones read as all ones. */
uint32_t port_read(struct vcpu *v, uint16_t port, unsigned int bytes);
void port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value);
