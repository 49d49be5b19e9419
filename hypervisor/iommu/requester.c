/*
 * requester.c - the ids under which requests of a PCI function arrive. A PCI Express function uses its own. Behind a
 * bridge to conventional PCI the bridge answers for its devices: with function 0 of its secondary bus, or, where the
 * bridge is a conventional one itself, with its own id.
 */
#include <hv/iommu_impl.h>

#define HEADER_TYPE   0x0eu
#define HEADER_BRIDGE 1u
#define HEADER_MULTI  0x80u
#define SECONDARY_BUS 0x19u
#define STATUS        0x06u
#define HAS_LIST      0x10u
#define FIRST_POINTER 0x34u
#define CAP_EXPRESS   0x10u
#define MAX_CAPS      48u
#define MAX_BRIDGES   8u  /* one above another */
#define DEVICES       32u /* on a bus */

static uint16_t id_of(struct pci_addr a)
{
    return (uint16_t)(a.bus << 8 | a.devfn);
}

static bool is_express(struct pci_addr a)
{
    if (!(host_pci_read(a, STATUS, 2) & HAS_LIST))
        return false;
    unsigned int at = host_pci_read(a, FIRST_POINTER, 1) & 0xfc;
    for (unsigned int n = 0; at >= 0x40 && n < MAX_CAPS; n++) {
        uint32_t head = host_pci_read(a, at, 2);
        if ((head & 0xff) == CAP_EXPRESS)
            return true;
        at = head >> 8 & 0xfc;
    }
    return false;
}

static bool leads_to(struct pci_addr a, uint8_t bus)
{
    return (host_pci_read(a, HEADER_TYPE, 1) & 0x7f) == HEADER_BRIDGE && host_pci_read(a, SECONDARY_BUS, 1) == bus;
}

static bool answers(struct pci_addr a)
{
    return host_pci_read(a, 0, 4) != 0xffffffff;
}

static bool find_in_device(struct pci_addr a, uint8_t bus, struct pci_addr *out)
{
    if (!answers(a))
        return false;
    unsigned int functions = host_pci_read(a, HEADER_TYPE, 1) & HEADER_MULTI ? 8 : 1;
    for (unsigned int f = 0; f < functions; f++) {
        struct pci_addr function = {a.segment, a.bus, (uint8_t)(a.devfn | f)};
        if (answers(function) && leads_to(function, bus)) {
            *out = function;
            return true;
        }
    }
    return false;
}

/* The bridge right above a bus; buses are numbered downwards. */
static bool find_bridge(uint16_t segment, uint8_t bus, struct pci_addr *out)
{
    for (unsigned int b = 0; b < bus; b++)
        for (unsigned int device = 0; device < DEVICES; device++)
            if (find_in_device((struct pci_addr){segment, (uint8_t)b, (uint8_t)(device << 3)}, bus, out))
                return true;
    return false;
}

struct requester requester_of(struct pci_addr a)
{
    struct requester r = {.own = id_of(a), .alias = id_of(a)};
    struct pci_addr bridge;

    if (!a.bus || is_express(a))
        return r;
    for (unsigned int n = 0; n < MAX_BRIDGES && find_bridge(a.segment, a.bus, &bridge); n++) {
        if (is_express(bridge)) {
            r.alias = (uint16_t)(a.bus << 8);
            r.whole_bus = true;
            break;
        }
        r.alias = id_of(bridge);
        if (!bridge.bus)
            break;
        a = bridge;
    }
    return r;
}
