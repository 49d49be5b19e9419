/* ioapic.h - the machine's I/O APICs */
#pragma once
#include <hv/types.h>

/* Programs and unmasks the pin of a GSI (physical destination). False: no such GSI. */
bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level, bool active_low);
void ioapic_mask(uint32_t gsi, bool masked);
