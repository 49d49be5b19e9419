/*
 * npt.c - p2m entries as AMD nested page table entries (APM vol. 2, 15.25). The type stands in bits 52-55, which the
 * CPU ignores. Nested entries are user entries; accessed and dirty are set beforehand, nobody reads them yet.
 */
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/p2m_impl.h>

#define TYPE_SHIFT 52u
#define TYPE_MASK  (15ul << TYPE_SHIFT)

static const uint64_t rights[P2M_TYPES] = {
    [P2M_RAM] = PTE_W,
    [P2M_RAM_RO] = 0,
    [P2M_GRANT_RW] = PTE_W,
    [P2M_GRANT_RO] = 0,
    [P2M_FOREIGN] = PTE_W | PTE_NX,
    [P2M_MMIO] = PTE_W | PTE_NX,
};

uint64_t npt_encode(struct p2m_entry e)
{
    if (e.type == P2M_HOLE)
        return 0;
    return e.mfn.v << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D | rights[e.type] | (uint64_t)e.type << TYPE_SHIFT |
           (e.order ? PTE_PS : 0);
}

struct p2m_entry npt_decode(uint64_t pte, unsigned int order)
{
    if (!(pte & PTE_P))
        return (struct p2m_entry){.type = P2M_HOLE, .mfn = MFN_NONE, .order = order};
    return (struct p2m_entry){
        .type = (enum p2m_type)((pte & TYPE_MASK) >> TYPE_SHIFT), .mfn = npt_mfn(pte), .order = order};
}

mfn_t npt_mfn(uint64_t pte)
{
    return MFN((pte & PTE_ADDR) >> PAGE_SHIFT);
}

bool npt_is_table(uint64_t pte, unsigned int level)
{
    return level > 0 && (pte & PTE_P) && !(pte & PTE_PS);
}

bool npt_is_leaf(uint64_t pte, unsigned int level)
{
    return (pte & PTE_P) && (level == 0 || (pte & PTE_PS));
}

uint64_t npt_table(mfn_t table)
{
    return table.v << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A;
}

struct p2m_entry npt_walk(const uint64_t *root, gfn_t gfn)
{
    const uint64_t *table = root;
    unsigned int level = 3;
    uint64_t pte;

    while (npt_is_table(pte = table[gfn.v >> (9 * level) & 511], level)) {
        table = heap_page_of(npt_mfn(pte));
        level--;
    }
    struct p2m_entry e = npt_decode(pte, 9 * level);
    if (e.type != P2M_HOLE)
        e.mfn.v += gfn.v & ((1ul << (9 * level)) - 1);
    return e;
}
