/*
 * iommu.h - what devices may reach: DMA and interrupts of devices pass through tables of ours (docs/iommu.md).
 *
 * A domain that has devices has DMA tables beside its nested tables. They follow its p2m: its own RAM and pages granted
 * to it can be reached, at their gfns, with the same rights; nothing else can. A device that is attached to no domain
 * reaches nothing. A frame that left the tables is given back only after the IOMMU's caches have dropped it
 * (p2m_flush()).
 */
#pragma once
#include <hv/domain.h>
#include <hv/hostpci.h>
#include <hv/p2m.h>

struct iommu_domain;

/* Boot, before any interrupt is routed: switches translation on, unless it cannot be. From here on no device reaches
 * memory but what the firmware has declared that it must (dom0's tables begin with that). */
void iommu_init(void);
/* Log lines that say what is on, and loudly what is not. */
void iommu_report(void);
bool iommu_active(void);
bool iommu_remaps_interrupts(void);
/* True if [start, end) touches registers of an IOMMU: nobody else may map them. */
bool iommu_covers(uint64_t start, uint64_t end);

/* Gives `d` (which has no memory yet) DMA tables; 0, or -XEN_ENOMEM. Without an IOMMU nothing happens. */
[[nodiscard]] int iommu_domain_create(struct domain *d);
/* Detaches its devices and gives its tables back; bounded per call, -XEN_ERESTART when more is left. */
[[nodiscard]] int iommu_domain_destroy(struct domain *d);

/*
 * The device reaches d's memory from now on, under all ids that its requests may carry. 0, also if it is attached
 * already; -XEN_EBUSY: another domain's; -XEN_ENODEV: no IOMMU is above it, nothing confines it; -XEN_ENOMEM.
 */
[[nodiscard]] int iommu_attach(struct domain *d, struct pci_addr a);
/* It reaches nothing any more when this returns. */
void iommu_detach(struct domain *d, struct pci_addr a);

/*
 * For mm/p2m.c, with d's p2m lock held, before the nested table changes: the DMA tables follow the entry that [gfn,
 * +2^order) is about to get. -XEN_ENOMEM: nothing has changed.
 */
[[nodiscard]] int iommu_follow(struct iommu_domain *t, const struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                               enum p2m_type type);
void iommu_flush_domain(struct iommu_domain *t);

[[nodiscard]] static inline int iommu_map(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                                          enum p2m_type type)
{
    return d->iommu ? iommu_follow(d->iommu, d, gfn, mfn, order, type) : 0;
}
[[nodiscard]] static inline int iommu_unmap(struct domain *d, gfn_t gfn)
{
    return d->iommu ? iommu_follow(d->iommu, d, gfn, MFN_NONE, 0, P2M_HOLE) : 0;
}
/* On return no device uses a translation of `d` that was taken out before the call. No p2m lock held. */
static inline void iommu_flush(struct domain *d)
{
    if (d->iommu)
        iommu_flush_domain(d->iommu);
}

/* Where a device's interrupt comes from: it must carry `id`, or with `whole_bus` any id of that bus. */
struct irq_source {
    uint16_t id; /* bus << 8 | devfn */
    bool whole_bus;
};

/* Interrupt remapping; only while iommu_remaps_interrupts(). The entry's number is the machine's vector. */
struct irq_source iommu_msi_source(struct pci_addr a);
void iommu_irq_set(uint8_t vector, struct irq_source source, uint32_t apic_id, bool level);
void iommu_irq_clear(uint8_t vector); /* on return no interrupt comes through it any more */
/* What a device, or a pin of an I/O APIC (an index in machine.ioapic[]; low and high half, unmasked), must send to go
 * through the entry. */
void iommu_msi_message(uint8_t vector, uint64_t *address, uint32_t *data);
uint64_t iommu_ioapic_entry(unsigned int ioapic, uint8_t vector, uint32_t apic_id, bool level, bool active_low);
