/* vpci_bar.c - following the BAR that holds the MSI-X table */
#include "function.h"
#include <hv/domain.h>

#define BAR_IO     1u
#define BAR_TYPE   6u
#define BAR_WIDE   4u
#define BAR_MEMORY 0xfffffff0u

static uint64_t bar_address(const struct vpci_fn *fn, unsigned int bar)
{
    if (bar >= fn->bars)
        return NOT_DECODED;
    unsigned int reg = PCI_BAR0 + 4 * bar;
    uint32_t low = fn_read(fn, reg, 4);
    if (low & BAR_IO)
        return NOT_DECODED;
    uint64_t address = low & BAR_MEMORY;
    if ((low & BAR_TYPE) == BAR_WIDE && bar + 1 < fn->bars)
        address |= (uint64_t)fn_read(fn, reg + 4, 4) << 32;
    return address ? address : NOT_DECODED;
}

struct page_range bar_update(struct domain *d, struct vpci_fn *fn)
{
    struct msix *x = &fn->msix;
    uint64_t table = NOT_DECODED;

    if (!x->pos)
        return (struct page_range){};
    if (fn_read(fn, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) {
        uint64_t bar = bar_address(fn, x->bir);
        if (bar != NOT_DECODED && bar <= UINT64_MAX - x->offset - PAGE_SIZE * 16)
            table = bar + x->offset;
    }
    if (table == x->table)
        return (struct page_range){};
    store_release(x->table, table);
    msix_moved(d, fn);
    if (table == NOT_DECODED)
        return (struct page_range){};
    uint64_t first = table >> PAGE_SHIFT, last = (table + x->entries * 16u - 1) >> PAGE_SHIFT;
    return (struct page_range){first, (unsigned int)(last - first + 1)};
}
