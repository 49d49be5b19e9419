/* vioapic.h - the I/O APICs a domain sees (dom0: one per host I/O APIC, same place, id, GSI base and pins) */
#pragma once
#include <hv/types.h>

struct domain;

[[nodiscard]] int vioapic_create(struct domain *d); /* no units yet; 0 or -XEN_ENOMEM */
[[nodiscard]] int vioapic_add(struct domain *d, uint8_t id, uint64_t address, uint32_t gsi_base, uint32_t pins);
void vioapic_destroy(struct domain *d);
/* True if gpa lies in a unit's page. */
bool vioapic_covers(struct domain *d, gpa_t gpa);
uint32_t vioapic_read(struct domain *d, gpa_t gpa);
void vioapic_write(struct domain *d, gpa_t gpa, uint32_t value);
/* The line of a GSI changes (level) or pulses (edge: call with true). */
void vioapic_set_gsi(struct domain *d, uint32_t gsi, bool asserted);
/* A vLAPIC got an EOI for a level-triggered vector. */
void vioapic_eoi(struct domain *d, uint8_t vector);

/* The machine side of a GSI of dom0 (cpu/irq.c implements these; unit tests fake them). Called when the guest unmasks,
 * masks, or changes its entry. */
void host_gsi_bind(struct domain *d, uint32_t gsi, bool level,
                   bool active_low); /* programme and unmask the physical line for d */
void host_gsi_mask(struct domain *d, uint32_t gsi);
void host_gsi_eoi(struct domain *d, uint32_t gsi); /* level: the guest is done, unmask the physical line again */
