/*
 * iommu.c - what is the same for every kind of IOMMU: which p2m entries devices see, domains' numbers, who has which
 * device, and which flush is owed.
 */
#include <hv/frame.h>
#include <hv/heap.h>
#include <hv/iommu_impl.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/options.h>
#include <hv/xen.h>

#define MAX_NUMBERS 256u
#define EMPTY_STEP  256u /* tables given back per call */

static struct iommu_kind *kind; /* NULL: none is on */
static const char *why_off = "it was not looked for";
static struct iommu_domain *prepared; /* the firmware's regions, for the domain that drives the machine's devices */
static uint64_t numbers[MAX_NUMBERS / 64];

bool iommu_active(void)
{
    return kind;
}

bool iommu_remaps_interrupts(void)
{
    return kind && kind->remaps_interrupts;
}

bool iommu_covers(uint64_t start, uint64_t end)
{
    return kind && kind->covers(start, end);
}

/* Number 0 is never used: hardware tags entries that belong to no domain with it. */
static uint16_t number_take(void)
{
    for (unsigned int i = 1; i < MIN(kind->domains, MAX_NUMBERS); i++)
        if (!bit_test_and_set(numbers, i))
            return (uint16_t)i;
    return 0;
}

/*
 * Tables are our memory, and dom0 could ask for one for each page that it maps here or there. Enough for all RAM of the
 * machine in single pages, twice over, and 4 MiB for mappings of others' pages.
 */
static uint64_t table_limit(void)
{
    uint64_t pages = 0;

    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM)
            pages += machine.e820[i].size >> PAGE_SHIFT;
    return 1024 + pages / 256;
}

static void domain_free(struct iommu_domain *t)
{
    if (t->number)
        bit_test_and_clear(numbers, t->number);
    heap_page_free(t->root);
    heap_free(t, sizeof(*t));
}

static struct iommu_domain *domain_new(void)
{
    struct iommu_domain *t = heap_alloc(sizeof(*t));

    if (!t)
        return NULL;
    t->number = number_take();
    t->root = heap_page_alloc();
    t->max_tables = table_limit();
    if (t->number && t->root)
        return t;
    domain_free(t);
    return NULL;
}

void iommu_init(void)
{
    if (!options.iommu) {
        why_off = "iommu=off was given";
        return;
    }
    why_off = vtd.probe();
    if (why_off)
        return;
    kind = &vtd;
    prepared = domain_new();
    if (!prepared)
        panic("no memory for the IOMMU's tables");
    prepared->keeps_reserved = true;
    kind->reserve(prepared);
    kind->enable();
}

void iommu_report(void)
{
    if (!kind) {
        log_warn("IOMMU: OFF (%s). Devices are not confined: do not trust the isolation of driver VMs", why_off);
        return;
    }
    kind->report();
    if (!kind->remaps_interrupts)
        log_warn("IOMMU: no interrupt remapping: a device can raise any interrupt of the machine");
}

int iommu_domain_create(struct domain *d)
{
    if (!kind)
        return 0;
    d->iommu = d->is_direct && prepared ? prepared : domain_new();
    if (d->iommu == prepared)
        prepared = NULL;
    return d->iommu ? 0 : -XEN_ENOMEM;
}

int iommu_domain_destroy(struct domain *d)
{
    struct iommu_domain *t = d->iommu;
    unsigned int budget = EMPTY_STEP;

    if (!t)
        return 0;
    kind->detach_all(t);
    kind->flush(t); /* nothing is walked any more, and its number may be used again */
    if (!kind->empty(t, &budget))
        return -XEN_ERESTART;
    d->iommu = NULL;
    domain_free(t);
    return 0;
}

int iommu_attach(struct domain *d, struct pci_addr a)
{
    if (!d->iommu)
        return 0;
    struct requester r = requester_of(a);
    int rc = kind->attach(d->iommu, a, r.own);
    if (!rc && r.alias != r.own)
        rc = kind->attach(d->iommu, a, r.alias);
    return rc;
}

/* The alias may be that of other devices behind the same bridge: they go together, or not at all. */
void iommu_detach(struct domain *d, struct pci_addr a)
{
    if (!d->iommu)
        return;
    struct requester r = requester_of(a);
    kind->detach(d->iommu, a, r.own);
    if (r.alias != r.own)
        kind->detach(d->iommu, a, r.alias);
}

/*
 * A domain's own RAM, and what others granted it. Not the pages of ours that it sees (shared_info, grant table), not
 * pages that dom0 maps of others by its own right, not device memory: no driver has a device access those.
 */
static unsigned int rights_of(const struct domain *d, mfn_t mfn, enum p2m_type type)
{
    switch (type) {
    case P2M_RAM: return frame_owner(mfn) == d->id ? DMA_READ | DMA_WRITE : 0;
    case P2M_RAM_RO: return frame_owner(mfn) == d->id ? DMA_READ : 0;
    case P2M_GRANT_RW: return frame_owner(mfn) != DOMID_INVALID ? DMA_READ | DMA_WRITE : 0;
    case P2M_GRANT_RO: return frame_owner(mfn) != DOMID_INVALID ? DMA_READ : 0;
    default: return 0;
    }
}

int iommu_follow(struct iommu_domain *t, const struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                 enum p2m_type type)
{
    if (t->keeps_reserved && kind->is_reserved(gfn.v, 1ul << order))
        return 0;
    return kind->set(t, gfn.v, mfn.v, order, rights_of(d, mfn, type));
}

/* Who finds that the flush it wants is under way waits for it at the lock. */
void iommu_flush_domain(struct iommu_domain *t)
{
    uint64_t wanted = __atomic_load_n(&t->changed, __ATOMIC_SEQ_CST);

    if (load_acquire(t->flushed) >= wanted)
        return;
    spin_lock(&t->flush_lock);
    if (t->flushed < wanted) {
        uint64_t now = __atomic_load_n(&t->changed, __ATOMIC_SEQ_CST);
        kind->flush(t);
        store_release(t->flushed, now);
    }
    spin_unlock(&t->flush_lock);
}

struct irq_source iommu_msi_source(struct pci_addr a)
{
    struct requester r = requester_of(a);
    return (struct irq_source){.id = r.alias, .whole_bus = r.whole_bus};
}

void iommu_irq_set(uint8_t vector, struct irq_source source, uint32_t apic_id, bool level)
{
    kind->irq_set(vector, source, apic_id, level);
}

void iommu_irq_clear(uint8_t vector)
{
    kind->irq_clear(vector);
}

void iommu_msi_message(uint8_t vector, uint64_t *address, uint32_t *data)
{
    kind->msi_message(vector, address, data);
}

uint64_t iommu_ioapic_entry(unsigned int ioapic, uint8_t vector, uint32_t apic_id, bool level, bool active_low)
{
    kind->irq_set(vector, kind->ioapic_source(ioapic), apic_id, level);
    return kind->ioapic_entry(vector, level, active_low);
}
