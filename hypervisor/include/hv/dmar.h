/* dmar.h - what the firmware's DMAR table says of Intel's remapping hardware (VT-d specification, chapter 8) */
#pragma once
#include <hv/types.h>

#define DMAR_MAX_UNITS   16u
#define DMAR_MAX_REGIONS 32u
#define DMAR_MAX_SCOPES  256u
#define DMAR_MAX_PATH    8u

enum dmar_scope_type { DMAR_ENDPOINT = 1, DMAR_BRIDGE = 2, DMAR_IOAPIC = 3, DMAR_HPET = 4, DMAR_NAMESPACE = 5 };

/* A device, named by the way to it: a bus, then device and function (devfn) on each bus down to it. */
struct dmar_scope {
    uint8_t type; /* enum dmar_scope_type */
    uint8_t id;   /* of an I/O APIC: its id in the MADT */
    uint8_t bus;
    uint8_t steps; /* 1 .. DMAR_MAX_PATH */
    uint8_t devfn[DMAR_MAX_PATH];
};

/* Part of dmar.scope[]. */
struct dmar_scopes {
    uint16_t first, count;
};

struct dmar_unit {
    uint64_t registers; /* machine address */
    uint32_t bytes;
    uint16_t segment;
    bool rest; /* all devices of the segment that no other unit names */
    struct dmar_scopes scopes;
};

/* Memory that devices use on the firmware's behalf (RMRR). */
struct dmar_region {
    uint64_t start, end; /* whole pages */
    uint16_t segment;
    struct dmar_scopes scopes;
};

struct dmar {
    const char *unusable; /* NULL, or why there is nothing to be had from the table */
    bool found;
    bool can_remap_interrupts;
    struct dmar_unit unit[DMAR_MAX_UNITS];
    struct dmar_region region[DMAR_MAX_REGIONS];
    struct dmar_scope scope[DMAR_MAX_SCOPES];
    uint16_t units, regions, scopes;
};
