/* pci.c - see pci.h */
#include <hv/port.h>
#include "acpi/tables.h"
#include "guest.h"
#include "pci.h"

#define BUSES 4u

static void select(struct pci_device p, unsigned int reg)
{
    outl(0xcf8, 0x80000000 | (uint32_t)p.bus << 16 | (uint32_t)p.devfn << 8 | (reg & 0xfc));
}

uint32_t pci_read(struct pci_device p, unsigned int reg, unsigned int bytes)
{
    uint16_t port = (uint16_t)(0xcfc + (reg & 3));
    select(p, reg);
    return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

void pci_write(struct pci_device p, unsigned int reg, unsigned int bytes, uint32_t value)
{
    uint16_t port = (uint16_t)(0xcfc + (reg & 3));
    select(p, reg);
    if (bytes == 1)
        outb(port, (uint8_t)value);
    else if (bytes == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

struct pci_device pci_find(unsigned int reg, uint32_t mask, uint32_t value)
{
    for (unsigned int id = 0; id < BUSES << 8; id++) {
        struct pci_device p = {(uint8_t)(id >> 8), (uint8_t)id};
        if (pci_read(p, 0, 2) != 0xffff && (pci_read(p, reg, 4) & mask) == value)
            return p;
    }
    fail("no function has %#x in register %#x", value, reg);
}

unsigned int pci_capability(struct pci_device p, uint8_t id)
{
    for (unsigned int at = pci_read(p, 0x34, 1); at; at = pci_read(p, at + 1, 1))
        if (pci_read(p, at, 1) == id)
            return at;
    fail("function %02x.%x has no capability %#x", p.devfn >> 3, p.devfn & 7u, id);
}

uint64_t pci_bar(struct pci_device p, unsigned int n)
{
    uint32_t low = pci_read(p, 0x10 + 4 * n, 4);
    uint64_t at = low & ~15u;
    if ((low & 6) == 4)
        at |= (uint64_t)pci_read(p, 0x14 + 4 * n, 4) << 32;
    check(at && at < 1ul << 32, "BAR %u is at %#lx, out of this guest's reach", n, at);
    return at;
}

uint64_t pci_ecam(struct pci_device p, unsigned int reg)
{
    const struct machine *m = machine_tables();
    for (unsigned int i = 0; i < m->ecam_count; i++)
        if (!m->ecam[i].segment)
            return m->ecam[i].base + ((uint64_t)p.bus << 20 | (uint64_t)p.devfn << 12 | reg);
    return 0;
}
