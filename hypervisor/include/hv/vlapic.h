/* vlapic.h - the local APIC of a vCPU, xAPIC and x2APIC, in software (SDM vol. 3 ch. 11) */
#pragma once
#include <hv/types.h>

struct domain;
struct vcpu;

/* APIC id of a vCPU: 2 * vcpu id, as Xen numbers them; CPUID, MADT and LAPIC agree on it. */
static inline uint32_t vcpu_apic_id(unsigned int vcpu_id)
{
    return vcpu_id * 2;
}

/* Starts in x2APIC mode, software-disabled. Returns 0 or -XEN_ENOMEM. */
[[nodiscard]] int vlapic_create(struct vcpu *v);
void vlapic_destroy(struct vcpu *v);
void vlapic_reset(struct vcpu *v); /* INIT: registers to defaults, mode (xAPIC/x2APIC) and id kept */

uint64_t vlapic_base(struct vcpu *v);                              /* IA32_APIC_BASE */
[[nodiscard]] int vlapic_set_base(struct vcpu *v, uint64_t value); /* 0 or -1: #GP */
/* x2APIC registers, MSR 0x800-0x83f. Return 0, or -1 for #GP. */
[[nodiscard]] int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
[[nodiscard]] int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* xAPIC page at 0xFEE00000; offset 0..0xfff, aligned 32-bit accesses; others read 0. */
uint32_t vlapic_mmio_read(struct vcpu *v, uint32_t offset);
void vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value);
bool vlapic_in_xapic_mode(struct vcpu *v);

/* Sets IRR (any CPU, lock-free) and kicks. A disabled APIC drops it. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level);
/* The vector to inject next, or -1: highest IRR above the processor priority. */
int vlapic_pending(struct vcpu *v);
/* The same without a look at the task priority, which the CPU itself compares. */
int vlapic_deliverable(struct vcpu *v);
/* From IRR to ISR in two steps, for the CPU may deliver a vector long before the exit in which we hear of it: it is
 * handed over (out of IRR, so that a new request for it is not lost), then it is in service or comes back. */
void vlapic_hand_over(struct vcpu *v, uint8_t vector);
void vlapic_in_service(struct vcpu *v, uint8_t vector);
void vlapic_take_back(struct vcpu *v, uint8_t vector);
uint8_t vlapic_tpr(struct vcpu *v); /* task priority, bits 7:0 */
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);

/* An interrupt message (MSI, I/O APIC, ICR): routes to all vCPUs it addresses. */
struct irq_message {
    uint32_t dest;
    bool logical;
    uint8_t delivery; /* 0 fixed, 1 lowest, 2 SMI, 4 NMI, 5 INIT, 6 STARTUP, 7 ExtINT */
    uint8_t vector;
    bool level;
};
void vlapic_deliver(struct domain *d, const struct irq_message *msg);
/* MSI address/data as the guest wrote them. */
void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data);
