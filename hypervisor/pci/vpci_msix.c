/*
 * vpci_msix.c - MSI-X: the table's pages are trapped. The guest's entries stand in a shadow; the device's get messages
 * of ours when the guest unmasks them. Masking and unmasking alone is one store.
 */
#include "function.h"
#include <hv/heap.h>
#include <hv/log.h>
#include <hv/xen.h>

/* Message control, in the upper half of the capability's first dword. */
#define ENABLE      BIT(31)
#define LAST_ENTRY  0x7ffu
#define TABLE_DWORD 4u
#define BIR         7u

#define ENTRY_BYTES  16u
#define ENTRY_HIGH   4u
#define ENTRY_DATA   8u
#define ENTRY_VECTOR 12u
#define MASKED       1u
#define MAX_MAPS     16u

int msix_setup(struct vpci_fn *fn, uint8_t pos)
{
    struct msix *x = &fn->msix;
    uint32_t control = fn_read(fn, pos, 4), table = fn_read(fn, pos + TABLE_DWORD, 4);
    uint16_t entries = (uint16_t)((control >> 16 & LAST_ENTRY) + 1);

    if (x->pos)
        return 0;
    struct msix_entry *entry = heap_alloc(entries * sizeof(*entry));
    if (!entry)
        return -XEN_ENOMEM;
    for (unsigned int i = 0; i < entries; i++)
        entry[i] = (struct msix_entry){.handle = -1, .masked = true, .hw_masked = true, .stale = true};
    *x = (struct msix){.pos = pos,
                       .bir = table & BIR,
                       .offset = table & ~BIR,
                       .entries = entries,
                       .table = NOT_DECODED,
                       .entry = entry};
    if (control & ENABLE)
        fn_write(fn, pos + 2u, 2, (uint32_t)((control & ~ENABLE) >> 16));
    return 0;
}

static void release_all(struct msix *x)
{
    for (unsigned int i = 0; i < x->entries; i++) {
        struct msix_entry *e = &x->entry[i];
        if (e->handle >= 0)
            host_msi_free(e->handle);
        e->handle = -1;
        e->stale = true;
    }
}

void msix_teardown(struct vpci_fn *fn)
{
    struct msix *x = &fn->msix;
    if (!x->pos)
        return;
    if (x->enabled)
        fn_write(fn, x->pos + 2u, 2, (uint32_t)((fn_read(fn, x->pos, 4) & ~ENABLE) >> 16));
    x->enabled = false;
    release_all(x);
    heap_free(x->entry, x->entries * sizeof(*x->entry));
    x->pos = 0;
    x->entry = NULL;
}

static uint64_t first_byte(const struct msix *x)
{
    return ALIGN_DOWN(x->table, PAGE_SIZE);
}

static size_t page_bytes(const struct msix *x)
{
    return ALIGN_UP(x->table + x->entries * ENTRY_BYTES, PAGE_SIZE) - first_byte(x);
}

bool msix_covers(const struct vpci_fn *fn, uint64_t at)
{
    const struct msix *x = &fn->msix;
    uint64_t table = load_acquire(x->table);
    if (!x->pos || table == NOT_DECODED)
        return false;
    return at >= ALIGN_DOWN(table, PAGE_SIZE) && at < ALIGN_UP(table + x->entries * ENTRY_BYTES, PAGE_SIZE);
}

/* The table's pages in our address space: `at` (a machine address in them), or NULL if there is no way to reach it now.
 */
static volatile uint8_t *reach(struct vpci_fn *fn, uint64_t at)
{
    struct msix *x = &fn->msix;
    if (x->table == NOT_DECODED)
        return NULL;
    if (!x->map || x->mapped != first_byte(x)) {
        if (x->maps == MAX_MAPS)
            return NULL;
        x->map = host_mmio_map(MADDR(first_byte(x)), page_bytes(x));
        x->mapped = first_byte(x);
        if (++x->maps == MAX_MAPS || !x->map)
            log_warn("pci %02x:%02x.%x: MSI-X table at %#llx %s", fn->addr.bus, fn->addr.devfn >> 3,
                     fn->addr.devfn & 7u, (unsigned long long)x->table,
                     x->map ? "has moved too often" : "cannot be mapped");
    }
    return x->map ? x->map + (at - x->mapped) : NULL;
}

/* A message of ours for the guest's address and data, with the entry masked. False: no vector was left. */
static bool program(struct domain *d, struct vpci_fn *fn, struct msix_entry *e, volatile uint8_t *hw)
{
    uint64_t address;
    uint32_t data;

    if (e->handle < 0)
        e->handle = host_msi_alloc(d, fn->addr, e->address, e->data);
    else
        host_msi_update(e->handle, e->address, e->data);
    if (e->handle < 0) {
        log_warn("pci %02x:%02x.%x: no interrupt vector left for MSI-X", fn->addr.bus, fn->addr.devfn >> 3,
                 fn->addr.devfn & 7u);
        return false;
    }
    host_msi_message(e->handle, &address, &data);
    mmio_store(hw + ENTRY_VECTOR, 4, MASKED);
    e->hw_masked = true;
    mmio_store(hw, 4, (uint32_t)address);
    mmio_store(hw + ENTRY_HIGH, 4, address >> 32);
    mmio_store(hw + ENTRY_DATA, 4, data);
    e->stale = false;
    return true;
}

/* Makes the device's entry follow the shadow. */
static void sync(struct domain *d, struct vpci_fn *fn, unsigned int i)
{
    struct msix *x = &fn->msix;
    struct msix_entry *e = &x->entry[i];
    bool masked = e->masked || !x->enabled;

    if (masked && e->hw_masked)
        return;
    volatile uint8_t *hw = reach(fn, x->table + i * ENTRY_BYTES);
    if (!hw)
        return;
    if (!masked && e->stale)
        masked = !program(d, fn, e, hw);
    if (masked != e->hw_masked)
        mmio_store(hw + ENTRY_VECTOR, 4, masked ? MASKED : 0);
    e->hw_masked = masked;
}

void msix_control_write(struct domain *d, struct vpci_fn *fn, uint32_t value)
{
    struct msix *x = &fn->msix;
    bool was = fn_read(fn, x->pos, 4) & ENABLE; /* of the device: a reset clears it, and all entries with it */

    x->enabled = value & ENABLE;
    if (!x->enabled) {
        fn_write(fn, x->pos + 2u, 2, value >> 16);
        release_all(x);
        return;
    }
    for (unsigned int i = 0; i < x->entries; i++) {
        struct msix_entry *e = &x->entry[i];
        if (!was) {
            e->stale = true;
            e->hw_masked = false; /* unknown: written in any case */
        }
        sync(d, fn, i);
    }
    fn_write(fn, x->pos + 2u, 2, value >> 16);
}

void msix_moved(struct domain *d, struct vpci_fn *fn)
{
    struct msix *x = &fn->msix;
    if (x->enabled && x->table != NOT_DECODED)
        for (unsigned int i = 0; i < x->entries; i++)
            sync(d, fn, i);
}

/* True if `at` lies in the table itself; else it is another register that shares a page with it. */
static bool in_table(const struct msix *x, uint64_t at, unsigned int *entry, unsigned int *field)
{
    if (at < x->table || at - x->table >= x->entries * ENTRY_BYTES)
        return false;
    *entry = (unsigned int)(at - x->table) / ENTRY_BYTES;
    *field = (unsigned int)(at - x->table) % ENTRY_BYTES;
    return true;
}

static uint32_t field_read(const struct msix_entry *e, unsigned int field)
{
    switch (field) {
    case 0: return (uint32_t)e->address;
    case ENTRY_HIGH: return (uint32_t)(e->address >> 32);
    case ENTRY_DATA: return e->data;
    default: return e->masked ? MASKED : 0;
    }
}

static void field_write(struct msix_entry *e, unsigned int field, uint32_t value)
{
    switch (field) {
    case 0: e->address = (e->address & ~0xfffffffful) | value; break;
    case ENTRY_HIGH: e->address = (e->address & 0xffffffff) | (uint64_t)value << 32; break;
    case ENTRY_DATA: e->data = value; break;
    default: e->masked = value & MASKED; return;
    }
    e->stale = true;
}

uint64_t msix_table_read(struct vpci_fn *fn, uint64_t at, unsigned int bytes)
{
    unsigned int i, field;

    if (!in_table(&fn->msix, at, &i, &field)) {
        volatile uint8_t *hw = at & (bytes - 1) ? NULL : reach(fn, at);
        return hw ? mmio_load(hw, bytes) : ~0ul;
    }
    if (at & (bytes - 1) || bytes < 4)
        return ~0ul; /* the specification allows whole dwords and qwords only */
    const struct msix_entry *e = &fn->msix.entry[i];
    uint64_t value = field_read(e, field);
    return bytes == 8 ? value | (uint64_t)field_read(e, field + 4) << 32 : value;
}

void msix_table_write(struct domain *d, struct vpci_fn *fn, uint64_t at, unsigned int bytes, uint64_t value)
{
    unsigned int i, field;

    if (!in_table(&fn->msix, at, &i, &field)) {
        volatile uint8_t *hw = at & (bytes - 1) ? NULL : reach(fn, at);
        if (hw)
            mmio_store(hw, bytes, value);
        return;
    }
    if (at & (bytes - 1) || bytes < 4)
        return;
    struct msix_entry *e = &fn->msix.entry[i];
    field_write(e, field, (uint32_t)value);
    if (bytes == 8)
        field_write(e, field + 4, (uint32_t)(value >> 32));
    sync(d, fn, i);
}
