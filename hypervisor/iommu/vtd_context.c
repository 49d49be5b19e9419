/*
 * vtd_context.c - which tables a device's requests go through: per unit a root table by bus, below it a context table
 * by device and function (VT-d specification, 9.1 and 9.3).
 *
 * Quarantine: a device that no domain has, and an id that no device has, finds an entry that is not present. Its
 * requests fail and leave a record in the log. Empty tables would stop them as well, but would cost a domain's number
 * and hide that nobody meant the device to work.
 *
 * Translation type 0 also refuses requests that claim to be translated already, so it does no harm if a driver lets its
 * device cache translations (ATS).
 */
#include <hv/xen.h>
#include "vtd.h"

#define PRESENT       BIT(0)
#define ADDRESS       0x000ffffffffff000ul
#define CONTEXT_WORDS 2u
#define BUSES         256u
#define FUNCTIONS     256u

static spinlock_t lock = SPINLOCK_INIT;

static uint64_t low_word(const struct iommu_domain *t)
{
    return machine_address(t->root) | PRESENT;
}

/* Address width as the hardware counts it, and the domain's number. */
static uint64_t high_word(const struct iommu_domain *t)
{
    return (uint64_t)t->number << 8 | (vtd_common.levels - 2);
}

static uint16_t domain_of(const uint64_t *entry)
{
    return (uint16_t)(entry[1] >> 8);
}

/* The context entry for an id, NULL if its bus has no table. */
static uint64_t *entry_of(const struct vtd_unit *u, uint16_t id)
{
    uint64_t root = u->root[(id >> 8) * 2];
    uint64_t *table = root & PRESENT ? heap_page_of(MFN((root & ADDRESS) >> PAGE_SHIFT)) : NULL;

    return table ? &table[(id & 0xff) * CONTEXT_WORDS] : NULL;
}

static uint64_t *make_entry(struct vtd_unit *u, uint16_t id)
{
    uint64_t *e = entry_of(u, id), *root = &u->root[(id >> 8) * 2];

    if (e)
        return e;
    uint64_t *table = heap_page_alloc();
    if (!table)
        return NULL;
    vtd_visible(table, PAGE_SIZE);
    __atomic_store_n(root, machine_address(table) | PRESENT, __ATOMIC_RELEASE);
    vtd_visible(root, sizeof(*root));
    return entry_of(u, id);
}

/* The low word makes the entry valid: it comes last and goes first. */
static void write_entry(uint64_t *e, uint64_t low, uint64_t high)
{
    __atomic_store_n(&e[1], high, __ATOMIC_RELEASE);
    __atomic_store_n(&e[0], low, __ATOMIC_RELEASE);
    vtd_visible(e, CONTEXT_WORDS * sizeof(*e));
}

static int attach(struct iommu_domain *t, struct vtd_unit *u, uint16_t id)
{
    uint64_t *e = make_entry(u, id);

    if (!e)
        return -XEN_ENOMEM;
    if (e[0] & PRESENT)
        return domain_of(e) == t->number ? 0 : -XEN_EBUSY;
    vtd_visible(t->root, PAGE_SIZE);
    __atomic_fetch_or(&t->units, BIT(u->number), __ATOMIC_SEQ_CST);
    write_entry(e, low_word(t), high_word(t));
    if (vtd_common.flush_new) {
        vtd_flush_context(u, 0, id); /* what was remembered as not present stands under number 0 */
        vtd_flush_translations(u, t->number);
    }
    return 0;
}

int vtd_attach(struct iommu_domain *t, struct pci_addr a, uint16_t id)
{
    struct vtd_unit *u = vtd_unit_of(a);

    if (!u)
        return -XEN_ENODEV;
    spin_lock(&lock);
    int rc = attach(t, u, id);
    spin_unlock(&lock);
    return rc;
}

static void detach(const struct iommu_domain *t, struct vtd_unit *u, uint16_t id)
{
    uint64_t *e = entry_of(u, id);

    if (!e || !(e[0] & PRESENT) || domain_of(e) != t->number)
        return;
    __atomic_store_n(&e[0], 0, __ATOMIC_RELEASE);
    vtd_visible(e, sizeof(*e));
    vtd_flush_context(u, t->number, id);
    vtd_flush_translations(u, t->number);
}

void vtd_detach(struct iommu_domain *t, struct pci_addr a, uint16_t id)
{
    struct vtd_unit *u = vtd_unit_of(a);

    if (!u)
        return;
    spin_lock(&lock);
    detach(t, u, id);
    spin_unlock(&lock);
}

void vtd_detach_all(struct iommu_domain *t)
{
    spin_lock(&lock);
    for (unsigned int i = 0; i < vtd_unit_count; i++) {
        struct vtd_unit *u = &vtd_unit[i];
        if (!(t->units & BIT(i)))
            continue;
        for (unsigned int bus = 0; bus < BUSES; bus++)
            for (unsigned int devfn = 0; devfn < FUNCTIONS && u->root[bus * 2] & PRESENT; devfn++)
                detach(t, u, (uint16_t)(bus << 8 | devfn));
    }
    spin_unlock(&lock);
}
