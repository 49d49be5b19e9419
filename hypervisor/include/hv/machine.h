/* machine.h - what the firmware and the boot loader told us, parsed once at boot; read-only afterwards */
#pragma once
#include <hv/dmar.h>
#include <hv/types.h>

#define MAX_HOST_CPUS    64
#define MAX_HOST_IOAPICS 8
#define MAX_E820         256
#define MAX_ECAM         8
#define MAX_OVERRIDES    16

enum { E820_RAM = 1, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE };

struct e820_entry {
    uint64_t start, size; /* bytes */
    uint32_t type;
};

struct host_ioapic {
    uint8_t id;
    uint64_t address;
    uint32_t gsi_base, pins;
};

struct irq_override {
    uint8_t isa_irq;
    uint32_t gsi;
    uint16_t flags; /* MADT encoding: polarity bits 0-1, trigger bits 2-3 */
};

struct ecam_region {
    uint64_t base;
    uint16_t segment;
    uint8_t bus_start, bus_end;
};

struct machine {
    struct e820_entry e820[MAX_E820]; /* sorted, not overlapping */
    unsigned int e820_count;
    uint64_t rsdp; /* machine address, 0 = search the BIOS area */
    struct {
        uint32_t apic_id;
        bool usable;
    } cpu[MAX_HOST_CPUS];
    unsigned int cpu_count;
    struct host_ioapic ioapic[MAX_HOST_IOAPICS];
    unsigned int ioapic_count;
    struct irq_override override[MAX_OVERRIDES];
    unsigned int override_count;
    struct ecam_region ecam[MAX_ECAM];
    unsigned int ecam_count;
    uint16_t pm1a_cnt, pm1b_cnt, pm_timer; /* I/O ports, 0 = none */
    uint16_t sci_irq;
    uint16_t smi_command; /* I/O port that asks firmware for something by an SMI, 0 = none */
    uint64_t reset_address;
    uint8_t reset_value, reset_space; /* FADT RESET_REG; space 0 memory, 1 I/O, 0xff none */
    bool has_hpet;
    struct dmar dmar;
};
extern struct machine machine;
