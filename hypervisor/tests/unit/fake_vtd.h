/*
 * fake_vtd.h - VT-d units made of software, which walk the tables that iommu/ writes as the specification says (and
 * object to reserved bits), and remember what they found until they are told to forget it.
 */
#pragma once
#include <hv/types.h>

struct fake_vtd {
    uint64_t cap, ecap; /* set before iommu_init() */
    bool stuck;         /* answers no request any more */

    uint32_t status;
    uint64_t root, irt; /* as latched */
    uint64_t queue, head;
    unsigned int gaps;                                  /* times that translation was switched off */
    unsigned int flushes, context_flushes, irq_flushes; /* done so far */
};
#define FAKE_UNITS 2
extern struct fake_vtd fake_vtd[FAKE_UNITS];

/* Queues, 4 levels, 2 MiB and 1 GiB pages, interrupt remapping; not coherent. */
#define FAKE_CAP  (0x2ul | 4ul << 8 | 47ul << 16 | 0x22ul << 24 | 3ul << 34)
#define FAKE_ECAP (BIT(1) | BIT(3) | BIT(4))

/* A DMAR table with `units` units (at 0xfed90000 and 0xfed91000): unit 1 has the device 0000:00:02.0 and what is behind
 * the bridge 00:05.0, unit 0 the rest, and I/O APIC 0 as 00:1f.7. */
void fake_vtd_reset(unsigned int units);

enum fake_result { FAKE_DONE, FAKE_OFF, FAKE_NO_CONTEXT, FAKE_REFUSED };
/* A request of the device with this id at unit `n`; *where: the machine address. */
enum fake_result fake_dma(unsigned int n, uint16_t id, uint64_t address, bool write, uint64_t *where);
/* What the tables say now, whatever is remembered. */
enum fake_result fake_walk(unsigned int n, uint16_t id, uint64_t address, bool write, uint64_t *where);
/* Calls for each remembered translation: the frame it leads to. */
void fake_each_remembered(void (*look)(mfn_t mfn));
extern void (*fake_before_forgetting)(void);
/* An interrupt message through unit n: true if it is let through; what comes out. */
bool fake_interrupt(unsigned int n, uint16_t id, uint64_t address, uint32_t data, uint8_t *vector, uint32_t *apic,
                    bool *level);
