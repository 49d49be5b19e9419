/* dom0_memory.c - see dom0_memory.h */
#include <hv/boot.h>
#include <hv/dom0_memory.h>
#include <hv/domain.h>
#include <hv/frames_init.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/p2m.h>
#include <xen/arch-x86/hvm/start_info.h>

#define MAX_ENTRIES   127u
#define SCRATCH_BYTES (1ul << 30)
#define LARGE_FRAMES  512ul

static struct {
    uint64_t start, end;
} used[8];
static unsigned int used_count;

bool dom0_ram_holds(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < dom0_ram_count; i++)
        if (start >= dom0_ram[i].start && end <= dom0_ram[i].start + dom0_ram[i].size)
            return true;
    return false;
}

/* Where a block ending at or below `end` must end to be clear of what is used; the same value if it is clear. */
static uint64_t clear_of(uint64_t start, uint64_t end, uint64_t avoid, uint64_t avoid_end)
{
    if (start < avoid_end && end > avoid)
        return avoid;
    for (unsigned int i = 0; i < used_count; i++)
        if (start < used[i].end && end > used[i].start)
            return used[i].start;
    return end;
}

uint64_t dom0_ram_find(uint64_t below, uint64_t bytes, uint64_t avoid, uint64_t avoid_end)
{
    for (unsigned int i = dom0_ram_count; i-- > 0;) {
        uint64_t low = MAX(dom0_ram[i].start, 0x100000ul), end = MIN(dom0_ram[i].start + dom0_ram[i].size, below);
        while (end > low && end - low >= bytes) {
            uint64_t start = ALIGN_DOWN(end - bytes, 0x10000);
            if (start < low)
                break;
            uint64_t next = clear_of(start, start + bytes, avoid, avoid_end);
            if (next == start + bytes) {
                if (used_count == ARRAY_SIZE(used))
                    return 0;
                used[used_count].start = start;
                used[used_count++].end = start + bytes;
                return start;
            }
            end = next;
        }
    }
    return 0;
}

void dom0_map_ram(struct domain *d)
{
    for (unsigned int i = 0; i < dom0_ram_count; i++) {
        uint64_t f = dom0_ram[i].start >> PAGE_SHIFT, end = f + (dom0_ram[i].size >> PAGE_SHIFT);
        for (uint64_t n = f; n < end; n++)
            frame_assign(MFN(n), d);
        while (f < end) {
            unsigned int order = !(f % LARGE_FRAMES) && end - f >= LARGE_FRAMES ? 9 : 0;
            if (p2m_map_order(d, GFN(f), MFN(f), order, P2M_RAM))
                boot_fail("no memory for dom0's page tables");
            f += 1ul << order;
        }
    }
}

struct builder {
    struct hvm_memmap_table_entry *map;
    uint32_t count;
};

static void add(struct builder *b, uint64_t start, uint64_t end, uint32_t type)
{
    if (end <= start)
        return;
    if (b->count && b->map[b->count - 1].type == type &&
        b->map[b->count - 1].addr + b->map[b->count - 1].size == start) {
        b->map[b->count - 1].size += end - start;
        return;
    }
    if (b->count == MAX_ENTRIES)
        boot_fail("the firmware's memory map has too many entries for dom0");
    b->map[b->count++] = (struct hvm_memmap_table_entry){.addr = start, .size = end - start, .type = type};
}

static void add_ram(struct builder *b, uint64_t start, uint64_t end, uint64_t acpi, uint64_t acpi_end)
{
    if (acpi < start || acpi >= end) {
        add(b, start, end, E820_RAM);
        return;
    }
    add(b, start, acpi, E820_RAM);
    add(b, acpi, acpi_end, E820_ACPI);
    add(b, acpi_end, end, E820_RAM);
}

/* RAM of the machine: dom0's parts as RAM, the rest reserved. */
static void add_machine_ram(struct builder *b, uint64_t start, uint64_t end, uint64_t acpi, uint64_t acpi_end)
{
    for (unsigned int i = 0; i < dom0_ram_count; i++) {
        uint64_t s = MAX(start, dom0_ram[i].start), e = MIN(end, dom0_ram[i].start + dom0_ram[i].size);
        if (e <= s)
            continue;
        add(b, start, s, E820_RESERVED);
        add_ram(b, s, e, acpi, acpi_end);
        start = e;
    }
    add(b, start, end, E820_RESERVED);
}

uint32_t dom0_memmap(struct hvm_memmap_table_entry *map, uint64_t acpi, uint64_t acpi_bytes)
{
    struct builder b = {.map = map};
    uint64_t top = 4ul << 30;

    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        uint64_t end = e->start + e->size;
        if (e->type == E820_RAM) {
            add_machine_ram(&b, e->start, end, acpi, acpi + acpi_bytes);
            top = MAX(top, end);
        } else {
            add(&b, e->start, end, e->type);
        }
    }
    /* Scratch for grant and foreign mappings: a range with no machine RAM behind it. Linux 6.12 takes UNUSABLE ranges
     * for that. */
    top = ALIGN_UP(top, SCRATCH_BYTES);
    add(&b, top, top + SCRATCH_BYTES, E820_UNUSABLE);
    return b.count;
}
