/* iommu_impl.h - what iommu/iommu.c and a kind of IOMMU share; others use iommu.h */
#pragma once
#include <hv/iommu.h>
#include <hv/lock.h>

enum { DMA_READ = 1, DMA_WRITE = 2 };

/* DMA tables of a domain. The tables are guarded by the p2m lock of the domain that they follow. */
struct iommu_domain {
    uint16_t number; /* tags what the IOMMU remembers of it; never 0 */
    uint64_t *root;
    uint64_t tables, max_tables; /* below the root */
    uint64_t units;              /* bit per unit that may remember something; atomic, bits are only set */
    bool keeps_reserved;         /* the firmware's regions are in it, and stay */

    spinlock_t flush_lock;
    uint64_t changed; /* counts changes that need a flush; atomic */
    uint64_t flushed; /* those up to here have had it; atomic */
};

/* Requests of a function come under these ids (bus << 8 | devfn); they differ behind bridges to conventional PCI. */
struct requester {
    uint16_t own, alias;
    bool whole_bus; /* alias is one that a bridge uses for all of its secondary bus */
};
struct requester requester_of(struct pci_addr a);

/* What a function says it is, for the log: "SATA controller", 8086, 2922. */
struct device_name {
    const char *what;
    uint16_t vendor, device;
};
struct device_name device_name(struct pci_addr a);

struct iommu_kind {
    const char *name;
    /* Looks for hardware and makes all that needs memory; changes nothing yet. NULL, or why there is none to use. */
    const char *(*probe)(void);
    void (*enable)(void);
    void (*report)(void);
    bool (*covers)(uint64_t start, uint64_t end);
    unsigned int domains; /* how many the hardware can tell apart, after probe */
    bool remaps_interrupts;

    /* Entries for [gfn, +2^order), order 0, 9, 18; rights 0: none. -XEN_ENOMEM: nothing has changed. */
    int (*set)(struct iommu_domain *t, uint64_t gfn, uint64_t mfn, unsigned int order, unsigned int rights);
    void (*flush)(struct iommu_domain *t);
    /* Gives tables back, the root last; false when the budget of tables is used up. */
    bool (*empty)(struct iommu_domain *t, unsigned int *budget);
    int (*attach)(struct iommu_domain *t, struct pci_addr a, uint16_t id);
    void (*detach)(struct iommu_domain *t, struct pci_addr a, uint16_t id);
    void (*detach_all)(struct iommu_domain *t);
    void (*irq_set)(uint8_t vector, struct irq_source source, uint32_t apic_id, bool level);
    void (*irq_clear)(uint8_t vector);
    void (*msi_message)(uint8_t vector, uint64_t *address, uint32_t *data);
    uint64_t (*ioapic_entry)(uint8_t vector, bool level, bool active_low);
    struct irq_source (*ioapic_source)(unsigned int ioapic);
    /* The firmware's regions: maps them in `t`, attaches their devices. */
    void (*reserve)(struct iommu_domain *t);
    bool (*is_reserved)(uint64_t gfn, uint64_t count);
};
extern struct iommu_kind vtd;
