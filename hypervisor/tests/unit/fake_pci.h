/* fake_pci.h - a machine made of byte arrays: configuration space, device memory, interrupt vectors, p2m */
#pragma once
#include <hv/hostpci.h>
#include <hv/types.h>

void fake_pci_reset(void);
void fake_pci_add(struct pci_addr a);
/* The function's 4096 bytes of configuration space. */
uint8_t *fake_pci_config(struct pci_addr a);
/* BAR `n` decodes `size` bytes (a power of two): the low bits do not change, as hardware does for sizing. */
void fake_pci_bar(struct pci_addr a, unsigned int n, uint32_t size, bool wide);
/* Bits of a register (1, 2, 4 bytes below 256) that writes do not change. */
void fake_pci_fixed(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t bits);
/* Device memory at a machine address (made at first use, zeroed). */
void *fake_mmio(uint64_t at);

struct fake_msi {
    bool used;
    uint64_t guest_address;
    uint32_t guest_data;
    struct pci_addr from;
};
/* The vector that a message in a device belongs to, or NULL. */
const struct fake_msi *fake_msi_of(uint64_t address, uint32_t data);
unsigned int fake_msi_live(void);
unsigned int fake_msi_messages(void); /* how often a message was asked for */
void fake_msi_limit(unsigned int vectors);

/* Is the page mapped directly? */
void fake_p2m_direct(uint64_t at, bool direct);
bool fake_p2m_is_direct(uint64_t at);

/* Was it attached to its domain's DMA tables? */
bool fake_iommu_has(struct pci_addr a);

unsigned int fake_heap_live(void);
