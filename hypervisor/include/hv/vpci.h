/* vpci.h - configuration space as a domain sees it: CF8/CFC and ECAM, BARs, MSI and MSI-X trapped */
#pragma once
#include <hv/hostpci.h>
#include <hv/types.h>

struct domain;
struct vcpu;

/* dom0's view: all host functions, found by scanning. Everything passes through except what must be trapped: BARs and
 * memory decode (p2m follows), MSI, MSI-X. */
[[nodiscard]] int vpci_create_dom0(struct domain *d);
void vpci_destroy(struct domain *d);

/* Ports 0xCF8-0xCFF. */
uint32_t vpci_port_read(struct vcpu *v, uint16_t port, unsigned int bytes);
void vpci_port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value);
/* ECAM pages and MSI-X table pages of the domain. */
bool vpci_covers(struct domain *d, gpa_t gpa);
uint64_t vpci_mmio_read(struct vcpu *v, gpa_t gpa, unsigned int bytes);
void vpci_mmio_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value);

/* A function is hidden from its domain (the hypervisor uses it, or it is assigned elsewhere): reads all ones. */
void vpci_hide(struct domain *d, struct pci_addr a);
