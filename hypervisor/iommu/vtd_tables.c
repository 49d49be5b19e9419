/*
 * vtd_tables.c - second-level tables: from a device's address to the machine's (VT-d specification, 3.7 and 9.8).
 * Three to five levels of 512 entries. Whoever changes one first makes the tables it needs, which may fail, and then
 * writes entries, which cannot.
 */
#include <hv/log.h>
#include <hv/xen.h>
#include "vtd.h"

#define ENTRY_READ    BIT(0)
#define ENTRY_WRITE   BIT(1)
#define ENTRY_LARGE   BIT(7)
#define ENTRY_ADDRESS 0x000ffffffffff000ul
#define ENTRIES       512u

static bool is_present(uint64_t e)
{
    return e & (ENTRY_READ | ENTRY_WRITE);
}

static bool is_table(uint64_t e, unsigned int level)
{
    return level && is_present(e) && !(e & ENTRY_LARGE);
}

static uint64_t *table_of(uint64_t e)
{
    return heap_page_of(MFN((e & ENTRY_ADDRESS) >> PAGE_SHIFT));
}

static unsigned int slot(uint64_t gfn, unsigned int level)
{
    return (unsigned int)(gfn >> (9 * level) & (ENTRIES - 1));
}

static void write_entry(uint64_t *e, uint64_t value)
{
    __atomic_store_n(e, value, __ATOMIC_RELEASE);
    vtd_visible(e, sizeof(*e));
}

static uint64_t leaf(uint64_t mfn, unsigned int level, unsigned int rights)
{
    if (!rights)
        return 0;
    return mfn << PAGE_SHIFT | (rights & DMA_READ ? ENTRY_READ : 0) | (rights & DMA_WRITE ? ENTRY_WRITE : 0) |
           (level ? ENTRY_LARGE : 0);
}

/* A table in place of an entry; what a large entry mapped stays mapped. */
static bool make_table(struct iommu_domain *t, uint64_t *e, unsigned int level)
{
    uint64_t *table = t->tables < t->max_tables ? heap_page_alloc() : NULL;
    uint64_t step = 1ul << (9 * (level - 1) + PAGE_SHIFT), old = *e;

    if (!table)
        return false;
    t->tables++;
    if (is_present(old)) {
        for (uint64_t i = 0; i < ENTRIES; i++)
            table[i] = (old & ~(level == 1 ? ENTRY_LARGE : 0ul)) + i * step;
    }
    vtd_visible(table, PAGE_SIZE);
    write_entry(e, machine_address(table) | ENTRY_READ | ENTRY_WRITE);
    return true;
}

/*
 * The entry for gfn at `level`, or a higher one where the way ends: at nothing, or at a large entry. *level says which.
 */
static uint64_t *find(const struct iommu_domain *t, uint64_t gfn, unsigned int *level)
{
    uint64_t *table = t->root;

    for (unsigned int l = vtd_common.levels - 1;; l--) {
        uint64_t *e = &table[slot(gfn, l)];
        if (l == *level || !is_table(*e, l)) {
            *level = l;
            return e;
        }
        table = table_of(*e);
    }
}

/* Makes the tables down to `level`. */
static bool prepare(struct iommu_domain *t, uint64_t gfn, unsigned int level)
{
    for (;;) {
        unsigned int at = level;
        uint64_t *e = find(t, gfn, &at);
        if (at == level)
            return true;
        if (!make_table(t, e, at))
            return false;
    }
}

static void set_entry(struct iommu_domain *t, uint64_t *e, uint64_t value)
{
    uint64_t old = *e;

    if (old == value)
        return;
    write_entry(e, value);
    if (is_present(old) || vtd_common.flush_new)
        __atomic_add_fetch(&t->changed, 1, __ATOMIC_SEQ_CST);
}

/* At which level one piece of [gfn, +2^order) is one entry. There may be a table where a large entry could be. */
static unsigned int level_for(const struct iommu_domain *t, uint64_t gfn, unsigned int order)
{
    unsigned int level = MIN(order, vtd_common.largest_order) / 9;

    for (; level; level--) {
        unsigned int at = level;
        uint64_t *e = find(t, gfn, &at);
        if (at != level || !is_table(*e, level))
            break;
    }
    return level;
}

static bool is_hole(const struct iommu_domain *t, uint64_t gfn, unsigned int level)
{
    uint64_t *e = find(t, gfn, &level);
    return !is_present(*e);
}

/* Nothing to take out where nothing is: no tables are made for that. */
static bool prepare_all(struct iommu_domain *t, uint64_t gfn, unsigned int order, unsigned int rights)
{
    for (uint64_t i = 0; i < 1ul << order;) {
        unsigned int level = level_for(t, gfn + i, order);
        if ((rights || !is_hole(t, gfn + i, level)) && !prepare(t, gfn + i, level))
            return false;
        i += 1ul << (9 * level);
    }
    return true;
}

int vtd_set(struct iommu_domain *t, uint64_t gfn, uint64_t mfn, unsigned int order, unsigned int rights)
{
    uint64_t end = gfn + (1ul << order);

    /* Beyond what devices can name: the memory is there, DMA to it is not. */
    if ((end - 1) >> (vtd_common.address_bits - PAGE_SHIFT))
        return 0;
    if (!prepare_all(t, gfn, order, rights))
        return -XEN_ENOMEM;
    for (uint64_t i = 0; i < 1ul << order;) {
        unsigned int level = level_for(t, gfn + i, order), at = level;
        uint64_t *e = find(t, gfn + i, &at);
        if (at == level)
            set_entry(t, e, leaf(mfn + i, level, rights));
        i += 1ul << (9 * level);
    }
    return 0;
}

static bool empty_table(struct iommu_domain *t, uint64_t *table, unsigned int level, unsigned int *budget)
{
    for (unsigned int i = 0; i < ENTRIES; i++) {
        if (is_table(table[i], level)) {
            if (!*budget || !empty_table(t, table_of(table[i]), level - 1, budget))
                return false;
            heap_page_free(table_of(table[i]));
            t->tables--;
            --*budget;
        }
        table[i] = 0;
    }
    return true;
}

bool vtd_empty(struct iommu_domain *t, unsigned int *budget)
{
    return empty_table(t, t->root, vtd_common.levels - 1, budget);
}
