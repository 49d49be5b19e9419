/* vtd_regs.c - the registers of a unit; the rest of vtd*.c runs in tests against a unit made of software */
#include "vtd.h"

uint32_t vtd_read32(const struct vtd_unit *u, unsigned int reg)
{
    return *(volatile uint32_t *)(u->registers + reg);
}

uint64_t vtd_read64(const struct vtd_unit *u, unsigned int reg)
{
    return *(volatile uint64_t *)(u->registers + reg);
}

void vtd_write32(const struct vtd_unit *u, unsigned int reg, uint32_t value)
{
    *(volatile uint32_t *)(u->registers + reg) = value;
}

void vtd_write64(const struct vtd_unit *u, unsigned int reg, uint64_t value)
{
    *(volatile uint64_t *)(u->registers + reg) = value;
}
