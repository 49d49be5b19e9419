/* vtd.h - Intel VT-d as vtd*.c share it: registers, units, what all units have in common */
#pragma once
#include <hv/dmar.h>
#include <hv/heap.h>
#include <hv/iommu_impl.h>
#include <hv/lock.h>

/* Registers (chapter 11 of the VT-d specification), offsets in bytes. */
enum {
    REG_VERSION = 0x00,
    REG_CAP = 0x08,
    REG_ECAP = 0x10,
    REG_COMMAND = 0x18,
    REG_STATUS = 0x1c,
    REG_ROOT = 0x20,
    REG_FAULT_STATUS = 0x34,
    REG_FAULT_CONTROL = 0x38,
    REG_FAULT_DATA = 0x3c,
    REG_FAULT_ADDRESS = 0x40,
    REG_FAULT_UPPER = 0x44,
    REG_PROTECTED = 0x64,
    REG_QUEUE_HEAD = 0x80,
    REG_QUEUE_TAIL = 0x88,
    REG_QUEUE = 0x90,
    REG_IRT = 0xb8,
};

/* Command and status have the same bits. */
#define GLOBAL_TRANSLATE ((uint32_t)BIT(31))
#define GLOBAL_SET_ROOT  ((uint32_t)BIT(30))
#define GLOBAL_FLUSH_WB  ((uint32_t)BIT(27))
#define GLOBAL_QUEUE     ((uint32_t)BIT(26))
#define GLOBAL_REMAP     ((uint32_t)BIT(25))
#define GLOBAL_SET_IRT   ((uint32_t)BIT(24))
#define GLOBAL_COMPAT    ((uint32_t)BIT(23)) /* interrupts that go through no entry are let through */
#define GLOBAL_ONE_SHOT  (GLOBAL_SET_ROOT | GLOBAL_FLUSH_WB | GLOBAL_SET_IRT | (uint32_t)BIT(29) | (uint32_t)BIT(28))

#define CAP_DOMAINS(c)      (1u << (4 + 2 * ((c) & 7)))
#define CAP_WRITE_BUFFER    BIT(4)
#define CAP_PROTECTED       (BIT(5) | BIT(6))
#define CAP_CACHING_MODE    BIT(7)
#define CAP_LEVELS(c)       ((unsigned int)((c) >> 8 & 0x1f)) /* bit n: n + 2 levels */
#define CAP_WIDTH(c)        ((unsigned int)((c) >> 16 & 0x3f) + 1)
#define CAP_FAULT_OFFSET(c) ((uint32_t)((c) >> 24 & 0x3ff) * 16)
#define CAP_FAULT_COUNT(c)  ((unsigned int)((c) >> 40 & 0xff) + 1)
#define CAP_2M              BIT(34)
#define CAP_1G              BIT(35)
#define CAP_DRAIN_WRITES    BIT(54)
#define CAP_DRAIN_READS     BIT(55)
#define ECAP_COHERENT       BIT(0)
#define ECAP_QUEUE          BIT(1)
#define ECAP_REMAP          BIT(3)
#define ECAP_X2APIC         BIT(4)

#define FAULT_OVERFLOW    BIT(0)
#define FAULT_PENDING     BIT(1)
#define FAULT_QUEUE_ERROR BIT(4)
#define FAULT_COMPLETION  BIT(5)
#define FAULT_TIMEOUT     BIT(6)

struct vtd_unit {
    unsigned int number; /* index in vtd_unit[] */
    const struct dmar_unit *firmware;
    volatile uint8_t *registers;
    uint64_t cap, ecap;
    uint64_t *root; /* 256 entries of two words, by bus */

    spinlock_t queue_lock; /* innermost */
    bool queue_on;         /* before, the unit has seen none of our tables and has nothing to forget */
    uint64_t *queue;
    uint32_t queue_tail; /* next descriptor to write */
    uint32_t *status;    /* the unit writes the number of the last wait here */
    uint32_t waits;
};
extern struct vtd_unit vtd_unit[DMAR_MAX_UNITS];
extern unsigned int vtd_unit_count;

/* What every unit can do. */
struct vtd_common {
    unsigned int levels;        /* of the DMA tables */
    unsigned int address_bits;  /* that a device can use */
    unsigned int largest_order; /* of one entry: 0, 9, 18 */
    bool coherent;              /* units look into our caches when they walk tables */
    bool flush_new;             /* new entries need a flush too */
    bool write_buffer;          /* writes to tables may linger in the chipset */
    bool x2apic;                /* entries for interrupts name 32-bit APIC ids */
};
extern struct vtd_common vtd_common;

uint32_t vtd_read32(const struct vtd_unit *u, unsigned int reg);
uint64_t vtd_read64(const struct vtd_unit *u, unsigned int reg);
void vtd_write32(const struct vtd_unit *u, unsigned int reg, uint32_t value);
void vtd_write64(const struct vtd_unit *u, unsigned int reg, uint64_t value);
/* Sets or clears one bit of the command register and waits until the status shows it. Ends the start of the machine if
 * it does not. */
void vtd_command(const struct vtd_unit *u, uint32_t bit, bool on);

static inline uint64_t machine_address(const void *heap)
{
    return heap_page_mfn(heap).v << PAGE_SHIFT | ((uintptr_t)heap & PAGE_MASK);
}
/* Makes entries that were written visible to units that do not look into caches. */
void vtd_visible(const volatile void *entries, size_t bytes);

/* vtd_scope.c: devices and the units above them. */
bool vtd_scope_device(const struct dmar_scope *s, uint16_t segment, struct pci_addr *out);
struct vtd_unit *vtd_unit_of(struct pci_addr a); /* NULL: none */

/* vtd_tables.c, vtd_context.c: see struct iommu_kind. */
int vtd_set(struct iommu_domain *t, uint64_t gfn, uint64_t mfn, unsigned int order, unsigned int rights);
bool vtd_empty(struct iommu_domain *t, unsigned int *budget);
int vtd_attach(struct iommu_domain *t, struct pci_addr a, uint16_t id);
void vtd_detach(struct iommu_domain *t, struct pci_addr a, uint16_t id);
void vtd_detach_all(struct iommu_domain *t);

/* vtd_reserved.c: the firmware's regions. */
void vtd_reserve(struct iommu_domain *t);
bool vtd_is_reserved(uint64_t gfn, uint64_t count);

/* vtd_queue.c: each call returns when the unit has done it. A unit that does not is a broken promise of isolation:
 * panic. */
bool vtd_queue_create(struct vtd_unit *u); /* false: no memory */
void vtd_queue_enable(struct vtd_unit *u);
void vtd_flush_everything(struct vtd_unit *u); /* contexts and translations */
void vtd_flush_context(struct vtd_unit *u, uint16_t domain, uint16_t id);
void vtd_flush_translations(struct vtd_unit *u, uint16_t domain);
void vtd_flush_irt(struct vtd_unit *u);
void vtd_flush_irq(struct vtd_unit *u, uint16_t index);

/* vtd_fault.c */
void vtd_faults_clear(struct vtd_unit *u);
void vtd_faults_enable(struct vtd_unit *u, uint8_t vector, uint32_t apic_id);
void vtd_faults_interrupt(void);

/* vtd_remap.c */
bool vtd_irt_create(void);
void vtd_irt_enable(struct vtd_unit *u);
void vtd_irq_set(uint8_t vector, struct irq_source source, uint32_t apic_id, bool level);
void vtd_irq_clear(uint8_t vector);
void vtd_msi_message(uint8_t vector, uint64_t *address, uint32_t *data);
uint64_t vtd_ioapic_entry(uint8_t vector, bool level, bool active_low);
bool vtd_ioapic_find(unsigned int ioapic, struct irq_source *out);
struct irq_source vtd_ioapic_source(unsigned int ioapic);
