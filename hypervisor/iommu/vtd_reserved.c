/*
 * vtd_reserved.c - memory that the firmware says devices must reach whatever the system does (RMRR): an old USB
 * keyboard, the screen of a built-in graphics card. Mapped 1:1 for the domain that drives the machine's devices.
 */
#include <hv/log.h>
#include <hv/machine.h>
#include "vtd.h"

#define MAX_BYTES (1ul << 30)

static struct {
    uint64_t first, end; /* gfns */
} kept[DMAR_MAX_REGIONS];
static unsigned int kept_count;

/* RAM in the memory map is given to domains and to ourselves. The firmware has to reserve what it wants kept. */
static bool is_harmless(const struct dmar_region *r)
{
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type == E820_RAM && r->start < e->start + e->size && r->end > e->start)
            return false;
    }
    return r->end - r->start <= MAX_BYTES && !iommu_covers(r->start, r->end) &&
           !((r->end - 1) >> vtd_common.address_bits);
}

static bool map_region(struct iommu_domain *t, const struct dmar_region *r)
{
    for (uint64_t at = r->start >> PAGE_SHIFT, end = r->end >> PAGE_SHIFT; at < end;) {
        unsigned int order = !(at & 511) && end - at >= 512 ? 9 : 0;
        if (vtd_set(t, at, at, order, DMA_READ | DMA_WRITE))
            return false;
        at += 1ul << order;
    }
    return true;
}

static void attach_device(struct iommu_domain *t, const struct dmar_region *r, const struct dmar_scope *s)
{
    struct pci_addr a;

    if (s->type != DMAR_ENDPOINT || !vtd_scope_device(s, r->segment, &a) || host_pci_read(a, 0, 4) == 0xffffffff)
        return;
    struct requester id = requester_of(a);
    struct device_name n = device_name(a);
    int rc = vtd_attach(t, a, id.own);
    if (!rc && id.alias != id.own)
        rc = vtd_attach(t, a, id.alias);
    log_info("IOMMU: %02x:%02x.%x %s %04x:%04x %s the firmware's memory %lx-%lx", a.bus, a.devfn >> 3, a.devfn & 7u,
             n.what, n.vendor, n.device, rc ? "cannot keep" : "keeps", r->start, r->end);
}

void vtd_reserve(struct iommu_domain *t)
{
    for (unsigned int i = 0; i < machine.dmar.regions; i++) {
        const struct dmar_region *r = &machine.dmar.region[i];
        if (!is_harmless(r) || !map_region(t, r)) {
            log_warn("IOMMU: the firmware's region %lx-%lx is not given to its devices: it must be reserved memory",
                     r->start, r->end);
            continue;
        }
        kept[kept_count].first = r->start >> PAGE_SHIFT;
        kept[kept_count++].end = r->end >> PAGE_SHIFT;
        for (unsigned int n = 0; n < r->scopes.count; n++)
            attach_device(t, r, &machine.dmar.scope[r->scopes.first + n]);
    }
}

bool vtd_is_reserved(uint64_t gfn, uint64_t count)
{
    for (unsigned int i = 0; i < kept_count; i++)
        if (gfn < kept[i].end && gfn + count > kept[i].first)
            return true;
    return false;
}
