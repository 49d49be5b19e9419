/* host.h - what the policies look at of the machine's own CPU and ports; unit tests put fakes in their place */
#pragma once
#include <hv/types.h>

void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]); /* EAX, EBX, ECX, EDX */
uint64_t host_msr_read(uint32_t msr);                              /* only MSRs that CPUID says are there */
void host_msr_write(uint32_t msr, uint64_t value);
uint32_t host_port_read(uint16_t port, unsigned int bytes);
void host_port_write(uint16_t port, unsigned int bytes, uint32_t value);
