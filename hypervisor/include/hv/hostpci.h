/* hostpci.h - raw access to the machine's PCI configuration space; takes its own lock */
#pragma once
#include <hv/types.h>

struct domain;

struct pci_addr {
    uint16_t segment;
    uint8_t bus, devfn;
};
/* bytes 1, 2, 4; reg 0..255 by CF8/CFC, 0..4095 where ECAM is known; all ones where nothing answers. */
uint32_t host_pci_read(struct pci_addr a, unsigned int reg, unsigned int bytes);
void host_pci_write(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value);

/* A machine vector that delivers one MSI of device `from` to a domain (cpu/irq.c). Returns a handle >= 0 or
 * -XEN_ENOSPC. */
int host_msi_alloc(struct domain *d, struct pci_addr from, uint64_t guest_address, uint32_t guest_data);
void host_msi_update(int handle, uint64_t guest_address, uint32_t guest_data);
void host_msi_free(int handle);
/* Address and data to write into the device for the handle. */
void host_msi_message(int handle, uint64_t *address, uint32_t *data);

/* Device memory the hypervisor itself maps, uncached (MSI-X tables, I/O APICs, ECAM). NULL if it is RAM or memory is
 * short. */
volatile void *host_mmio_map(maddr_t address, size_t bytes);
