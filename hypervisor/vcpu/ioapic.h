/* ioapic.h - inside of the I/O APICs; private to ioapic.c and its test */
#pragma once
#include <hv/lock.h>
#include <hv/types.h>

#define VIOAPIC_MAX_UNITS 8
#define VIOAPIC_MAX_PINS  240u /* what the version register can say */
#define VIOAPIC_VERSION   0x20u

enum { VIOAPIC_INDEX = 0x00, VIOAPIC_WINDOW = 0x10, VIOAPIC_EOI = 0x40 }; /* offsets in the page */

#define RTE_LOGICAL    (1ul << 11)
#define RTE_ACTIVE_LOW (1ul << 13)
#define RTE_REMOTE_IRR (1ul << 14)
#define RTE_LEVEL      (1ul << 15)
#define RTE_MASKED     (1ul << 16)
#define RTE_WRITABLE   0xff0000000001afffUL /* all but delivery status, remote IRR and what is reserved */

struct vioapic_unit {
    uint64_t address; /* of its page */
    uint32_t gsi_base, pins;
    uint8_t id, index;
    uint64_t lines[VIOAPIC_MAX_PINS / 64 + 1]; /* level-triggered pins whose line is up */
    uint64_t entry[VIOAPIC_MAX_PINS];
};

struct vioapic {
    spinlock_t lock;
    unsigned int units; /* only grows */
    struct vioapic_unit *unit[VIOAPIC_MAX_UNITS];
};
