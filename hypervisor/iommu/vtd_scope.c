/* vtd_scope.c - the firmware names devices by the way to them; bus numbers on the way are read from the bridges */
#include <hv/machine.h>
#include "vtd.h"

#define HEADER_TYPE     0x0eu
#define HEADER_BRIDGE   1u
#define SECONDARY_BUS   0x19u
#define SUBORDINATE_BUS 0x1au

static bool is_bridge(struct pci_addr a)
{
    return (host_pci_read(a, HEADER_TYPE, 1) & 0x7f) == HEADER_BRIDGE;
}

bool vtd_scope_device(const struct dmar_scope *s, uint16_t segment, struct pci_addr *out)
{
    *out = (struct pci_addr){segment, s->bus, s->devfn[0]};
    for (unsigned int i = 1; i < s->steps; i++) {
        if (!is_bridge(*out))
            return false;
        *out = (struct pci_addr){segment, (uint8_t)host_pci_read(*out, SECONDARY_BUS, 1), s->devfn[i]};
    }
    return true;
}

static bool same(struct pci_addr a, struct pci_addr b)
{
    return a.segment == b.segment && a.bus == b.bus && a.devfn == b.devfn;
}

/* A bridge stands for itself and all below it. */
static bool covers(const struct dmar_scope *s, struct pci_addr a)
{
    struct pci_addr named;

    if ((s->type != DMAR_ENDPOINT && s->type != DMAR_BRIDGE) || !vtd_scope_device(s, a.segment, &named))
        return false;
    if (same(named, a))
        return true;
    return s->type == DMAR_BRIDGE && is_bridge(named) && a.bus >= host_pci_read(named, SECONDARY_BUS, 1) &&
           a.bus <= host_pci_read(named, SUBORDINATE_BUS, 1);
}

struct vtd_unit *vtd_unit_of(struct pci_addr a)
{
    struct vtd_unit *rest = NULL;

    for (unsigned int i = 0; i < vtd_unit_count; i++) {
        const struct dmar_unit *f = vtd_unit[i].firmware;
        if (f->segment != a.segment)
            continue;
        if (f->rest)
            rest = &vtd_unit[i];
        for (unsigned int n = 0; n < f->scopes.count; n++)
            if (covers(&machine.dmar.scope[f->scopes.first + n], a))
                return &vtd_unit[i];
    }
    return rest;
}
