/*
 * private.c - what each CPU sees of domains' private state: see hv/private.h.
 * A domain has one page table for the slot, with PRIVATE_VCPU_PAGES entries for each vCPU, and the two tables above it;
 * showing the domain is one entry in the CPU's root. Entries of the table are only ever added while the domain lives.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/fpu.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/layout.h>
#include <hv/log.h>
#include <hv/options.h>
#include <hv/private.h>
#include <hv/selfcheck.h>
#include <hv/vcpu.h>
#include <hv/x86.h>

static_assert(MAX_VCPUS * PRIVATE_VCPU_PAGES <= PAGE_SIZE / sizeof(uint64_t));

static uint64_t entry_of(const uint64_t *table)
{
    return heap_page_mfn(table).v << PAGE_SHIFT | PTE_P | PTE_W;
}

int private_create(struct domain *d)
{
    uint64_t *top = heap_page_alloc();

    if (!top)
        return -XEN_ENOMEM;
    d->private_entry = entry_of(top);
    uint64_t *middle = heap_page_alloc();
    if (!middle)
        return -XEN_ENOMEM;
    top[0] = entry_of(middle);
    d->private_ptes = heap_page_alloc();
    if (!d->private_ptes)
        return -XEN_ENOMEM;
    middle[0] = entry_of(d->private_ptes);
    return 0;
}

static uint64_t *ptes_of(const struct vcpu *v)
{
    return &v->domain->private_ptes[v->id * PRIVATE_VCPU_PAGES];
}

int private_add(struct vcpu *v)
{
    size_t bytes = offsetof(struct vcpu_private, fpu) + fpu_area_bytes();

    assert_hv(bytes <= PRIVATE_VCPU_PAGES * PAGE_SIZE);
    for (unsigned int i = 0; i * PAGE_SIZE < bytes; i++) {
        mfn_t mfn = frame_alloc_private(v->domain->id);
        if (mfn.v == MFN_NONE.v)
            return -XEN_ENOMEM;
        ptes_of(v)[i] = mfn.v << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
    }
    v->private = (struct vcpu_private *)(PRIVATE_BASE + (uint64_t)v->id * PRIVATE_VCPU_PAGES * PAGE_SIZE);
    return 0;
}

static uint64_t *table_at(uint64_t entry)
{
    return entry & PTE_P ? heap_page_of(MFN((entry & PTE_ADDR) >> PAGE_SHIFT)) : NULL;
}

void private_destroy(struct domain *d)
{
    uint64_t *top = table_at(d->private_entry);

    for (unsigned int i = 0; i < cpu_count; i++)
        assert_hv(cpus[i]->shown != d);
    for (unsigned int i = 0; d->private_ptes && i < PAGE_SIZE / sizeof(uint64_t); i++)
        if (d->private_ptes[i] & PTE_P)
            frame_put(MFN((d->private_ptes[i] & PTE_ADDR) >> PAGE_SHIFT));
    heap_page_free(d->private_ptes);
    if (top)
        heap_page_free(table_at(top[0]));
    heap_page_free(top);
    d->private_ptes = NULL;
    d->private_entry = 0;
}

maddr_t private_control_block(const struct vcpu *v)
{
    return MADDR(ptes_of(v)[0] & PTE_ADDR);
}

static void show(struct cpu *c, struct domain *d)
{
    bool flush = c->shown;

    c->shown = d;
    *c->private_entry = d ? d->private_entry : 0;
    if (flush) /* else nothing of the slot can be in the TLB */
        write_cr3(c->root);
    if (options.selfcheck)
        selfcheck_switch();
}

void private_show(struct domain *d)
{
    struct cpu *c = this_cpu();
    struct domain *was = c->shown;

    if (was == d)
        return;
    if (d)
        domain_ref(d);
    show(c, d);
    if (d && d->id != c->stack_of) {
        c->stack_of = d->id;
        cpu_forget_stack();
    }
    if (was)
        domain_put(was);
}

struct domain *private_enter(struct domain *d)
{
    struct cpu *c = this_cpu();
    struct domain *was = c->shown;

    if (was != d)
        show(c, d);
    return was;
}

void private_leave(struct domain *was)
{
    struct cpu *c = this_cpu();

    if (c->shown != was)
        show(c, was);
}
