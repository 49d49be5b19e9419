/* vpci_scan.c - the functions of a domain: found by scanning, and later when one first answers */
#include <hv/vpci.h>
#include "function.h"
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/xen.h>

#define STATUS_CAPABILITIES 0x10u
#define CAPABILITY_POINTER  0x34u
#define FIRST_CAPABILITY    0x40u
#define MAX_CAPABILITIES    48u
enum { CAP_MSI = 0x05, CAP_MSIX = 0x11 };
enum { HEADER_NORMAL = 0, HEADER_BRIDGE = 1, HEADER_TYPE_MASK = 0x7f, HEADER_MULTI = 0x80 };

uint32_t fn_read(const struct vpci_fn *fn, unsigned int reg, unsigned int bytes)
{
    return host_pci_read(fn->addr, reg, bytes);
}

void fn_write(const struct vpci_fn *fn, unsigned int reg, unsigned int bytes, uint32_t value)
{
    host_pci_write(fn->addr, reg, bytes, value);
}

static void fn_free(struct vpci_fn *fn)
{
    msi_teardown(fn);
    msix_teardown(fn);
    heap_free(fn, sizeof(*fn));
}

static int find_capabilities(struct vpci_fn *fn)
{
    int rc = 0;

    if (!(fn_read(fn, PCI_COMMAND, 4) >> 16 & STATUS_CAPABILITIES))
        return 0;
    unsigned int pos = fn_read(fn, CAPABILITY_POINTER, 1) & ~3u;
    for (unsigned int n = 0; n < MAX_CAPABILITIES && pos >= FIRST_CAPABILITY && !rc; n++) {
        uint32_t head = fn_read(fn, pos, 2);
        if ((head & 0xff) == CAP_MSI)
            rc = msi_setup(fn, (uint8_t)pos);
        else if ((head & 0xff) == CAP_MSIX)
            rc = msix_setup(fn, (uint8_t)pos);
        pos = head >> 8 & ~3u;
    }
    return rc;
}

/* The function may use its domain's memory. Where that cannot be arranged it stays stopped, or was never confined. */
static void attach(struct domain *d, struct pci_addr a)
{
    int rc = iommu_attach(d, a);

    if (rc)
        log_warn("pci %02x:%02x.%x: %s", a.bus, a.devfn >> 3, a.devfn & 7u,
                 rc == -XEN_ENODEV  ? "no IOMMU is above it: its DMA is not confined"
                 : rc == -XEN_EBUSY ? "another domain has it: no DMA"
                                    : "no memory for the IOMMU's tables: no DMA");
}

/* A new entry for a function that answers; NULL when memory is short. */
static struct vpci_fn *fn_add(struct domain *d, struct pci_addr a)
{
    struct vpci *p = d->vpci;
    struct vpci_fn ***bus = &p->bus[a.bus];

    if (!*bus)
        *bus = heap_alloc(256 * sizeof(**bus));
    struct vpci_fn *fn = *bus ? heap_alloc(sizeof(*fn)) : NULL;
    if (!fn)
        return NULL;
    fn->addr = a;
    uint8_t type = host_pci_read(a, PCI_HEADER_TYPE, 1) & HEADER_TYPE_MASK;
    fn->bars = type == HEADER_NORMAL ? 6 : type == HEADER_BRIDGE ? 2 : 0;
    fn->msi.handle = -1;
    if (find_capabilities(fn)) {
        fn_free(fn);
        return NULL;
    }
    attach(d, a);
    bar_update(d, fn); /* nothing is mapped yet where dom0 has not been */
    fn->next = p->first;
    store_release(p->first, fn);
    (*bus)[a.devfn] = fn;
    return fn;
}

struct vpci_fn *fn_find(struct domain *d, struct pci_addr a)
{
    struct vpci *p = d->vpci;

    if (a.segment)
        return NULL;
    if (p->bus[a.bus] && p->bus[a.bus][a.devfn])
        return p->bus[a.bus][a.devfn];
    if ((host_pci_read(a, 0, 4) & 0xffff) == PCI_NO_VENDOR)
        return NULL;
    return fn_add(d, a);
}

static void scan_device(struct domain *d, struct pci_addr a, unsigned int *found)
{
    for (unsigned int f = 0; f < 8; f++) {
        a.devfn = (uint8_t)((a.devfn & 0xf8) | f);
        bool here = fn_find(d, a);
        *found += here;
        if (!f && (!here || !(host_pci_read(a, PCI_HEADER_TYPE, 1) & HEADER_MULTI)))
            return;
    }
}

int vpci_create_dom0(struct domain *d)
{
    unsigned int found = 0;

    d->vpci = heap_alloc(sizeof(*d->vpci));
    if (!d->vpci)
        return -XEN_ENOMEM;
    for (unsigned int bus = 0; bus < 256; bus++)
        for (unsigned int device = 0; device < 32; device++)
            scan_device(d, (struct pci_addr){.bus = (uint8_t)bus, .devfn = (uint8_t)(device << 3)}, &found);
    log_info("pci: %u functions for d%u", found, d->id);
    return 0;
}

void vpci_destroy(struct domain *d)
{
    struct vpci *p = d->vpci;
    if (!p)
        return;
    for (struct vpci_fn *fn = p->first, *next; fn; fn = next) {
        next = fn->next;
        fn_free(fn);
    }
    for (unsigned int i = 0; i < 256; i++)
        if (p->bus[i])
            heap_free(p->bus[i], 256 * sizeof(*p->bus[i]));
    d->vpci = NULL;
    heap_free(p, sizeof(*p));
}

void vpci_hide(struct domain *d, struct pci_addr a)
{
    spin_lock(&d->vpci->lock);
    struct vpci_fn *fn = fn_find(d, a);
    if (fn)
        fn->hidden = true;
    spin_unlock(&d->vpci->lock);
}
