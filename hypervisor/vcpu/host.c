/* host.c - the machine behind host.h */
#include "host.h"
#include <hv/port.h>
#include <hv/x86.h>

void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    struct cpuid c = cpuid(leaf, subleaf);

    out[0] = c.eax;
    out[1] = c.ebx;
    out[2] = c.ecx;
    out[3] = c.edx;
}

uint64_t host_msr_read(uint32_t msr)
{
    return rdmsr(msr);
}

void host_msr_write(uint32_t msr, uint64_t value)
{
    wrmsr(msr, value);
}

uint32_t host_port_read(uint16_t port, unsigned int bytes)
{
    switch (bytes) {
    case 1: return inb(port);
    case 2: return inw(port);
    default: return inl(port);
    }
}

void host_port_write(uint16_t port, unsigned int bytes, uint32_t value)
{
    switch (bytes) {
    case 1: outb(port, (uint8_t)value); break;
    case 2: outw(port, (uint16_t)value); break;
    default: outl(port, value);
    }
}
