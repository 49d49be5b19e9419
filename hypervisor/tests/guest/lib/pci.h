/* pci.h - configuration space through the ports, for tests that drive a device */
#pragma once
#include <hv/types.h>

struct pci_device {
    uint8_t bus, devfn;
};

uint32_t pci_read(struct pci_device p, unsigned int reg, unsigned int bytes);
void pci_write(struct pci_device p, unsigned int reg, unsigned int bytes, uint32_t value);
/* The first function (on the first buses) whose register `reg` & mask is `value`; the test fails if there is none. */
struct pci_device pci_find(unsigned int reg, uint32_t mask, uint32_t value);
/* Offset of a capability; the test fails if the function has none. */
unsigned int pci_capability(struct pci_device p, uint8_t id);
/* Where memory BAR n is. */
uint64_t pci_bar(struct pci_device p, unsigned int n);
/* Address of a configuration register in memory (MCFG's region of segment 0), 0 if the machine has none. */
uint64_t pci_ecam(struct pci_device p, unsigned int reg);

#define PCI_COMMAND        4
#define PCI_COMMAND_MEMORY 2
#define PCI_COMMAND_MASTER 4
#define PCI_CAP_MSI        5
#define PCI_CAP_MSIX       17
