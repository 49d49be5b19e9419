/*
 * fault.c - nested page faults.
 * A hole of the control domain that is not RAM of the machine is device memory: mapped 1:1 when first touched
 * (xen-abi.md 7.3), as large as fits. Pages that must be trapped (APICs, configuration space, MSI-X tables) are
 * emulated. All else reads as ones and swallows writes.
 */
#include <hv/emulate.h>
#include <hv/fault.h>
#include <hv/iommu.h>
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/p2m.h>
#include <hv/vcpu.h>
#include <hv/vpci.h>

#define LARGE_PAGES     512u
#define LOCAL_APIC_PAGE 0xfee00000ul

/* True if [start, end) touches machine RAM or memory that only the hypervisor may touch. */
static bool is_ram_or_ours(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type == E820_RAM && start < e->start + e->size && end > e->start)
            return true;
    }
    for (unsigned int i = 0; i < machine.ioapic_count; i++)
        if (start < machine.ioapic[i].address + PAGE_SIZE && end > machine.ioapic[i].address)
            return true;
    return iommu_covers(start, end) || (start < LOCAL_APIC_PAGE + PAGE_SIZE && end > LOCAL_APIC_PAGE);
}

static bool is_trapped(struct vcpu *v, uint64_t start, uint64_t end)
{
    for (uint64_t at = start; at < end; at += PAGE_SIZE)
        if (mmio_is_trapped(v, GPA(at)) || (v->domain->vpci && vpci_covers(v->domain, GPA(at))))
            return true;
    return false;
}

/* The whole 2 MiB around an address is nothing but device memory: one entry for it. */
static bool map_identity_large(struct vcpu *v, uint64_t at)
{
    uint64_t start = ALIGN_DOWN(at, LARGE_PAGES * PAGE_SIZE), end = start + LARGE_PAGES * PAGE_SIZE;

    if (start < 0x100000 || is_ram_or_ours(start, end) || is_trapped(v, start, end))
        return false;
    return p2m_map_order(v->domain, GFN(start >> PAGE_SHIFT), MFN(start >> PAGE_SHIFT), 9, P2M_MMIO) == 0;
}

static bool map_identity(struct vcpu *v, gpa_t gpa)
{
    uint64_t page = ALIGN_DOWN(gpa.v, PAGE_SIZE);

    if (!v->domain->is_direct || is_ram_or_ours(page, page + PAGE_SIZE) || gpa.v >> host.phys_bits)
        return false;
    if (map_identity_large(v, page))
        return true;
    return p2m_map(v->domain, GFN(page >> PAGE_SHIFT), MFN(page >> PAGE_SHIFT), P2M_MMIO) == 0;
}

void p2m_fault(struct vcpu *v, const struct fault_access *a)
{
    struct p2m_entry e = p2m_lookup(v->domain, gpa_to_gfn(a->gpa));

    switch (e.type) {
    case P2M_RAM: return; /* another vCPU's change made it good meanwhile */
    case P2M_HOLE:
        if (!mmio_is_trapped(v, a->gpa) && !a->walk && map_identity(v, a->gpa))
            return;
        [[fallthrough]];
    case P2M_RAM_RO:
    case P2M_GRANT_RO:
        if (a->walk || a->fetch) {
            domain_kill(v->domain, "%s at gpa=%lx with nothing there (rip=%lx, vcpu %u)",
                        a->fetch ? "instruction fetch" : "page table", a->gpa.v, v->private->regs.rip, v->id);
            return;
        }
        mmio_emulate(v, a->gpa, a->write);
        return;
    case P2M_GRANT_RW:
    case P2M_FOREIGN:
    case P2M_MMIO:
        if (a->fetch)
            domain_kill(v->domain, "instruction fetch from a page that is not its own, gpa=%lx", a->gpa.v);
        return;
    case P2M_TYPES: break;
    }
    panic("p2m entry of d%u gfn %lx has no type", v->domain->id, a->gpa.v >> PAGE_SHIFT);
}
