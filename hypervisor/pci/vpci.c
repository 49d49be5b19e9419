/*
 * vpci.c - configuration space as dom0 sees it. All of it passes through but the MSI and MSI-X capabilities; command
 * register and BARs pass through too, and are looked at, because the MSI-X table moves with them.
 */
#include <hv/vpci.h>
#include "function.h"
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/p2m.h>
#include <hv/vcpu.h>

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define CF8_ENABLE   BIT(31)

/* What an access to a dword is about. */
enum reg_kind { REG_PLAIN, REG_HEADER, REG_MSI, REG_MSIX };

static enum reg_kind classify(const struct vpci_fn *fn, unsigned int reg)
{
    if (fn->msi.pos && reg >= fn->msi.pos && reg < fn->msi.end)
        return REG_MSI;
    if (fn->msix.pos && (reg & ~3u) == fn->msix.pos)
        return REG_MSIX;
    if ((reg & ~3u) == PCI_COMMAND || (reg >= PCI_BAR0 && reg < PCI_BAR0 + 4u * fn->bars))
        return REG_HEADER;
    return REG_PLAIN;
}

static uint32_t value_mask(unsigned int bytes)
{
    return bytes >= 4 ? ~0u : (1u << 8 * bytes) - 1;
}

static bool is_access(unsigned int reg, unsigned int bytes)
{
    return (bytes == 1 || bytes == 2 || bytes == 4) && !(reg & (bytes - 1)) && reg < PAGE_SIZE;
}

/* Aligned accesses only: no software makes others, and what hardware does with them differs. */
static uint32_t config_read(struct domain *d, struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    uint32_t value = PCI_NONE;

    if (!is_access(reg, bytes))
        return value & value_mask(bytes);
    spin_lock(&d->vpci->lock);
    const struct vpci_fn *fn = fn_find(d, a);
    if (fn && !fn->hidden)
        value = classify(fn, reg) == REG_MSI ? msi_read(fn, reg & ~3u) >> 8 * (reg & 3) : fn_read(fn, reg, bytes);
    spin_unlock(&d->vpci->lock);
    return value & value_mask(bytes);
}

/* A write of some bytes of a trapped dword, as a write of all of it. */
static uint32_t merge(uint32_t old, unsigned int reg, unsigned int bytes, uint32_t value)
{
    unsigned int shift = 8 * (reg & 3);
    uint32_t mask = value_mask(bytes) << shift;
    return (old & ~mask) | (value << shift & mask);
}

static struct page_range fn_config_write(struct domain *d, struct vpci_fn *fn, unsigned int reg, unsigned int bytes,
                                         uint32_t value)
{
    unsigned int dword = reg & ~3u;

    switch (classify(fn, reg)) {
    case REG_MSI: msi_write(d, fn, dword, merge(msi_read(fn, dword), reg, bytes, value)); break;
    case REG_MSIX: msix_control_write(d, fn, merge(fn_read(fn, dword, 4), reg, bytes, value)); break;
    case REG_HEADER: fn_write(fn, reg, bytes, value); return bar_update(d, fn);
    case REG_PLAIN: fn_write(fn, reg, bytes, value); break;
    }
    return (struct page_range){};
}

/*
 * dom0 may have touched the pages when they were not yet the table's. Without vpci.lock: unmapping can mean waiting for
 * other CPUs. RAM is left alone: a BAR that is being sized points anywhere for a moment.
 */
static void unmap_direct(struct domain *d, struct page_range r)
{
    for (unsigned int i = 0; i < r.count; i++) {
        gfn_t gfn = GFN(r.first + i);
        if (p2m_lookup(d, gfn).type == P2M_MMIO && p2m_unmap(d, gfn))
            log_warn("pci: MSI-X table page %#lx of d%u stays mapped: no memory to split its mapping",
                     (unsigned long)gfn.v, d->id);
    }
}

static void config_write(struct domain *d, struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    struct page_range moved = {};

    if (!is_access(reg, bytes))
        return;
    spin_lock(&d->vpci->lock);
    struct vpci_fn *fn = fn_find(d, a);
    if (fn && !fn->hidden)
        moved = fn_config_write(d, fn, reg, bytes, value);
    spin_unlock(&d->vpci->lock);
    unmap_direct(d, moved);
}

/* The latch's bits 24-27 are the register's upper bits, an extension of AMD's. */
static unsigned int latch_decode(uint32_t latch, uint16_t port, struct pci_addr *a)
{
    *a = (struct pci_addr){.bus = (uint8_t)(latch >> 16), .devfn = (uint8_t)(latch >> 8)};
    return (latch & 0xfc) | (latch >> 16 & 0xf00) | (port & 3);
}

uint32_t vpci_port_read(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    struct domain *d = v->domain;
    uint32_t latch = read_once(d->vpci->cf8);
    struct pci_addr a;

    if (port == PORT_ADDRESS && bytes == 4)
        return latch;
    if (port < PORT_DATA || !(latch & CF8_ENABLE))
        return value_mask(bytes);
    unsigned int reg = latch_decode(latch, port, &a);
    return config_read(d, a, reg, bytes);
}

void vpci_port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    struct domain *d = v->domain;
    uint32_t latch = read_once(d->vpci->cf8);
    struct pci_addr a;

    if (port == PORT_ADDRESS && bytes == 4)
        write_once(d->vpci->cf8, value);
    else if (port >= PORT_DATA && (latch & CF8_ENABLE)) {
        unsigned int reg = latch_decode(latch, port, &a);
        config_write(d, a, reg, bytes, value);
    }
}

static bool ecam_decode(uint64_t at, struct pci_addr *a, unsigned int *reg)
{
    for (unsigned int i = 0; i < machine.ecam_count; i++) {
        const struct ecam_region *e = &machine.ecam[i];
        uint64_t off = at - e->base;
        if (at < e->base || off >> 20 < e->bus_start || off >> 20 > e->bus_end)
            continue;
        *a = (struct pci_addr){.segment = e->segment, .bus = (uint8_t)(off >> 20), .devfn = (uint8_t)(off >> 12)};
        *reg = off & PAGE_MASK;
        return true;
    }
    return false;
}

static struct vpci_fn *fn_with_table(const struct vpci *p, uint64_t at)
{
    for (struct vpci_fn *fn = load_acquire(p->first); fn; fn = fn->next)
        if (msix_covers(fn, at))
            return fn;
    return NULL;
}

bool vpci_covers(struct domain *d, gpa_t gpa)
{
    struct pci_addr a;
    unsigned int reg;
    return ecam_decode(gpa.v, &a, &reg) || fn_with_table(d->vpci, gpa.v);
}

uint64_t vpci_mmio_read(struct vcpu *v, gpa_t gpa, unsigned int bytes)
{
    struct domain *d = v->domain;
    struct pci_addr a;
    unsigned int reg;
    uint64_t value = ~0ul;

    if (ecam_decode(gpa.v, &a, &reg)) {
        if (bytes < 8)
            return config_read(d, a, reg, bytes);
        return config_read(d, a, reg, 4) | (uint64_t)config_read(d, a, reg + 4, 4) << 32;
    }
    spin_lock(&d->vpci->lock);
    struct vpci_fn *fn = fn_with_table(d->vpci, gpa.v);
    if (fn && !fn->hidden)
        value = msix_table_read(fn, gpa.v, bytes);
    spin_unlock(&d->vpci->lock);
    return bytes < 8 ? value & value_mask(bytes) : value;
}

void vpci_mmio_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value)
{
    struct domain *d = v->domain;
    struct pci_addr a;
    unsigned int reg;

    if (ecam_decode(gpa.v, &a, &reg)) {
        config_write(d, a, reg, bytes < 8 ? bytes : 4, (uint32_t)value);
        if (bytes == 8)
            config_write(d, a, reg + 4, 4, (uint32_t)(value >> 32));
        return;
    }
    spin_lock(&d->vpci->lock);
    struct vpci_fn *fn = fn_with_table(d->vpci, gpa.v);
    if (fn && !fn->hidden)
        msix_table_write(d, fn, gpa.v, bytes, value);
    spin_unlock(&d->vpci->lock);
}
