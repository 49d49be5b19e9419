/*
 * dma - a device of ours that copies memory, and what it can reach: our own pages and pages granted to us, at our
 * addresses; not the hypervisor, not what we gave back, not what is nobody's. With "unprotected" on the command line:
 * the same device on a machine without an IOMMU reads the hypervisor's memory, so the rest can fail.
 */
#include <hv/string.h>
#include "edu.h"
#include "guest.h"
#include "pci.h"

#define HYPERVISOR 0x200000ul /* where its image lies */
#define REF        9u

static volatile uint8_t *edu;
static uint8_t *own, *other;

/* Copies a page between the device's buffer and an address. */
static void transfer(uint64_t at, bool to_memory)
{
    uint64_t end = system_time(vcpu_info(0)) + 10000000000ul;

    *(volatile uint64_t *)(edu + EDU_DMA_FROM) = to_memory ? EDU_BUFFER : at;
    *(volatile uint64_t *)(edu + EDU_DMA_TO) = to_memory ? at : EDU_BUFFER;
    *(volatile uint64_t *)(edu + EDU_DMA_COUNT) = PAGE_SIZE;
    *(volatile uint64_t *)(edu + EDU_DMA_COMMAND) = EDU_DMA_START | (to_memory ? EDU_DMA_TO_MEMORY : 0);
    while (*(volatile uint64_t *)(edu + EDU_DMA_COMMAND) & EDU_DMA_START)
        check(system_time(vcpu_info(0)) < end, "the device copies for more than 10 s");
}

/* Puts the page into the device's buffer, and writes it from there to `at`. */
static void send(uint8_t pattern, uint64_t at)
{
    memset(own, pattern, PAGE_SIZE);
    transfer(PTR(own), false);
    transfer(at, true);
}

/* What the device finds at `at`, as it then stands in `own`; what it cannot read leaves its buffer as it was, or empty.
 */
static void fetch(uint64_t at)
{
    memset(own, 0, PAGE_SIZE);
    transfer(PTR(own), false);
    transfer(at, false);
    memset(own, 0xee, PAGE_SIZE);
    transfer(PTR(own), true);
}

static bool all(const uint8_t *page, uint8_t value)
{
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        if (page[i] != value)
            return false;
    return true;
}

static void reservation(unsigned int op, void *page)
{
    xen_pfn_t gfn = PTR(page) >> PAGE_SHIFT;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, &gfn);
    check_eq(memory_op(op, &r), 1);
}

static void own_pages_are_reached(void)
{
    memset(other, 0, PAGE_SIZE);
    send(0x5a, PTR(other));
    check(all(other, 0x5a), "the device did not write to our page: %#x", other[0]);
    memset(other, 0xc3, PAGE_SIZE);
    fetch(PTR(other));
    check(all(own, 0xc3), "the device did not read our page: %#x", own[0]);
}

/* Its image: what is read is not its code, and that it is still alive says that nothing was written. */
static void hypervisor_is_not_reached(void)
{
    fetch(HYPERVISOR);
    check(all(own, 0) || all(own, 0xff), "the device read %lx in the hypervisor", *(uint64_t *)own);
    for (uint64_t at = 0; at < 8 * PAGE_SIZE; at += PAGE_SIZE)
        send(0x77, HYPERVISOR + at);
    check_eq(xen_version(XENVER_version, NULL), 4 << 16 | 20);
}

/* A page of the hypervisor that we see, at an address of ours. */
static void shared_info_is_not_reached(void)
{
    struct shared_info *s = page_alloc(1);
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = PTR(s) >> PAGE_SHIFT};

    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    s->evtchn_mask[63] = 0x1234567890abcdef;
    send(0x99, PTR(s));
    check_eq(s->evtchn_mask[63], 0x1234567890abcdef);
}

/* The frame stays ours, so that it can be looked at later. */
static void page_given_back_is_not_reached(void)
{
    memset(other, 0x11, PAGE_SIZE);
    send(0x22, PTR(other)); /* it is reached, and remembered, first */
    check(all(other, 0x22), "the device did not write to our page");
    reservation(XENMEM_decrease_reservation, other);
    send(0x33, PTR(other));
    reservation(XENMEM_populate_physmap, other);
    check(all(other, 0x22), "the device wrote %#x to a page that had been given back", other[0]);
    send(0x44, PTR(other));
    check(all(other, 0x44), "the device did not write to a page that had come back");
}

/* RAM of the machine that is neither ours nor the hypervisor's, and an address where there is nothing. */
static void nobodys_memory_is_not_reached(void)
{
    const struct hvm_memmap_table_entry *map = (const void *)(uintptr_t)start_info->memmap_paddr;
    uint64_t at = 0;

    for (uint32_t i = 0; i < start_info->memmap_entries; i++)
        if (map[i].type == 2 && map[i].size >= 64ul << 20 && map[i].addr < 0xb0000000)
            at = map[i].addr + map[i].size / 2;
    check(at, "no large piece of memory is reserved");
    send(0x55, at);
    fetch(at);
    check(all(own, 0) || all(own, 0xff), "the device read %lx at %lx", *(uint64_t *)own, at);
    send(0x55, 0x7000000000ul);
}

static void granted_page_is_reached_while_mapped(void)
{
    struct cpuid leaf = cpuid(xen_cpuid_base() + 4, 0);
    domid_t self = leaf.a & BIT(4) ? (domid_t)leaf.c : 0;
    struct grant_entry_v1 *table = page_alloc(1);
    uint8_t *lent = page_alloc(1), *at = page_alloc(1);
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = PTR(table) >> PAGE_SHIFT};
    struct gnttab_map_grant_ref m = {.host_addr = PTR(at), .flags = GNTMAP_host_map, .ref = REF, .dom = self};
    struct gnttab_unmap_grant_ref u = {.host_addr = PTR(at)};

    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    reservation(XENMEM_decrease_reservation, at);
    table[REF].frame = (uint32_t)(PTR(lent) >> PAGE_SHIFT);
    table[REF].domid = self;
    __atomic_store_n(&table[REF].flags, (uint16_t)GTF_permit_access, __ATOMIC_RELEASE);
    check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    check_eq(m.status, GNTST_okay);
    send(0x66, PTR(at));
    check(all(lent, 0x66), "the device did not write to a granted page: %#x", lent[0]);
    u.handle = m.handle;
    check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    check_eq(u.status, GNTST_okay);
    send(0x77, PTR(at));
    check(all(lent, 0x66), "the device wrote to a page whose grant was over");

    m.flags |= GNTMAP_readonly;
    check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    check_eq(m.status, GNTST_okay);
    fetch(PTR(at));
    check(all(own, 0x66), "the device did not read a granted page");
    send(0x88, PTR(at));
    check(all(lent, 0x66), "the device wrote to a page that was granted for reading");
}

void test_main(void)
{
    struct pci_device p = pci_find(0, ~0u, EDU_ID);

    edu = (volatile uint8_t *)pci_bar(p, 0);
    pci_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    own = page_alloc(1);
    other = page_alloc(1);
    own_pages_are_reached();
    if (cmdline_has("unprotected")) {
        fetch(HYPERVISOR);
        check(!all(own, 0) && !all(own, 0xff) && !all(own, 0xee), "without an IOMMU nothing was read");
        return;
    }
    shared_info_is_not_reached();
    page_given_back_is_not_reached();
    nobodys_memory_is_not_reached();
    granted_page_is_reached_while_mapped();
    hypervisor_is_not_reached();
}
