/*
 * memmap.c - who gets which memory. The image stays where it was loaded. dom0 gets the lowest RAM, 1:1. The boot
 * modules are moved out of its way. Tables and the first heap come from the top of the low memory, everything else goes
 * to the frame allocator.
 */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/options.h>
#include <hv/string.h>

#define LARGE      (2ul << 20)
#define MAX_RANGES 64
#define DOM0_MIN   (96ul << 20)

extern const char image_start[], image_end[];

struct range {
    uint64_t start, end;
};

struct e820_entry dom0_ram[MAX_RANGES];
unsigned int dom0_ram_count;
static struct range free_ranges[MAX_RANGES];
static unsigned int free_count;

/* What [start, end) is, no entry beginning or ending inside it: RAM never wins over something else. 0: nothing. */
static uint32_t type_of(const struct e820_entry *map, unsigned int count, uint64_t start, uint64_t end)
{
    uint32_t type = 0;

    for (unsigned int i = 0; i < count; i++) {
        if (map[i].start > start || map[i].start + map[i].size < end)
            continue;
        if (map[i].type != E820_RAM)
            return map[i].type;
        type = E820_RAM;
    }
    return type;
}

static void border_insert(uint64_t *border, unsigned int *count, uint64_t at)
{
    unsigned int i = *count;

    while (i && border[i - 1] > at)
        i--;
    if (i && border[i - 1] == at)
        return;
    memmove(&border[i + 1], &border[i], (*count - i) * sizeof(*border));
    border[i] = at;
    ++*count;
}

/* Sorts the firmware's map and takes overlaps apart, piece by piece between all borders; equal neighbours become one.
 */
static void e820_tidy(void)
{
    static struct e820_entry given[MAX_E820];
    static uint64_t border[2 * MAX_E820];
    unsigned int count = 0, borders = 0;

    for (unsigned int i = 0; i < machine.e820_count; i++) {
        struct e820_entry e = machine.e820[i];
        if (e.start + e.size < e.start)
            e.size = ~0ul - e.start;
        given[i] = e;
        border_insert(border, &borders, e.start);
        border_insert(border, &borders, e.start + e.size);
    }
    for (unsigned int i = 0; i + 1 < borders; i++) {
        uint32_t type = type_of(given, machine.e820_count, border[i], border[i + 1]);
        struct e820_entry *last = count ? &machine.e820[count - 1] : NULL;
        if (!type)
            continue;
        if (last && last->type == type && last->start + last->size == border[i]) {
            last->size = border[i + 1] - last->start;
            continue;
        }
        if (count == MAX_E820)
            boot_fail("the firmware's memory map has too many overlapping entries");
        machine.e820[count++] = (struct e820_entry){border[i], border[i + 1] - border[i], type};
    }
    machine.e820_count = count;
}

/* Cuts [start, end) out of the free ranges. */
static void take(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < free_count; i++) {
        struct range *r = &free_ranges[i];
        if (end <= r->start || start >= r->end)
            continue;
        struct range tail = {end, r->end};
        r->end = MAX(r->start, MIN(r->end, start));
        if (tail.end > tail.start && free_count < MAX_RANGES) {
            memmove(&free_ranges[i + 2], &free_ranges[i + 1], (free_count - i - 1) * sizeof(*r));
            free_ranges[i + 1] = tail;
            free_count++;
        }
    }
}

static void collect(void)
{
    free_count = 0;
    for (unsigned int i = 0; i < machine.e820_count && free_count < MAX_RANGES; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type == E820_RAM && e->size >= PAGE_SIZE)
            free_ranges[free_count++] =
                (struct range){ALIGN_UP(e->start, PAGE_SIZE), ALIGN_DOWN(e->start + e->size, PAGE_SIZE)};
    }
    take((uint64_t)image_start - IMAGE_BASE, ALIGN_UP((uint64_t)image_end - IMAGE_BASE, LARGE));
}

static void choose_dom0(void)
{
    uint64_t left = ALIGN_DOWN(options.dom0_mem, LARGE);

    for (unsigned int i = 0; i < free_count && left; i++) {
        struct range *r = &free_ranges[i];
        uint64_t n = MIN(r->end - r->start, left);
        if (!n)
            continue;
        dom0_ram[dom0_ram_count++] = (struct e820_entry){r->start, n, E820_RAM};
        left -= n;
    }
    if (left)
        boot_fail("this machine has %lu MiB too little memory for dom0_mem=%luM; give dom0 less", left >> 20,
                  options.dom0_mem >> 20);
}

static void take_dom0(void)
{
    for (unsigned int i = 0; i < dom0_ram_count; i++)
        take(dom0_ram[i].start, dom0_ram[i].start + dom0_ram[i].size);
}

/* The highest place below 4 GiB for `bytes`; taken. */
static uint64_t place_high(uint64_t bytes, uint64_t align)
{
    for (unsigned int i = free_count; i-- > 0;) {
        uint64_t end = MIN(free_ranges[i].end, 4ul << 30), start;
        if (end < ALIGN_UP(bytes, align) || free_ranges[i].start >= end)
            continue;
        start = ALIGN_DOWN(end - ALIGN_UP(bytes, align), align);
        if (start < free_ranges[i].start)
            continue;
        take(start, start + ALIGN_UP(bytes, align));
        return start;
    }
    boot_fail("not enough memory below 4 GiB besides dom0's; lower dom0_mem (it is %luM)", options.dom0_mem >> 20);
}

static void take_modules(void)
{
    for (unsigned int i = 0; i < boot_info.modules; i++)
        take(ALIGN_DOWN(boot_info.module[i].start, PAGE_SIZE), ALIGN_UP(boot_info.module[i].end, PAGE_SIZE));
}

static void move_module(struct boot_module *m)
{
    uint64_t bytes = m->end - m->start;

    if (!bytes)
        return; /* whoever wants it will say what is wrong */
    uint64_t to = place_high(bytes, PAGE_SIZE);
    memmove(boot_phys(to), boot_phys(m->start), bytes);
    m->start = to;
    m->end = to + bytes;
}

/* Bytes of early memory: frame table (20 bytes a frame, in 2 MiB pieces), directories, a first heap. */
static uint64_t early_bytes(void)
{
    uint64_t ram = 0, top = 0, pieces = 0;

    for (unsigned int i = 0; i < machine.e820_count; i++) {
        if (machine.e820[i].type != E820_RAM)
            continue;
        ram += machine.e820[i].size;
        top = MAX(top, machine.e820[i].start + machine.e820[i].size);
        pieces += 2;
    }
    return ALIGN_UP(ram / PAGE_SIZE * 20, LARGE) + pieces * LARGE + ALIGN_UP((top >> 30) * PAGE_SIZE, LARGE) +
           4 * LARGE;
}

void memmap_init(void)
{
    uint64_t bytes;

    e820_tidy();
    collect();
    if (options.dom0_mem < DOM0_MIN)
        boot_fail("dom0_mem=%luM is too little for a dom0; give it at least %luM", options.dom0_mem >> 20,
                  DOM0_MIN >> 20);
    choose_dom0();
    take_dom0();
    take_modules(); /* those that lie outside dom0's memory must not be overwritten by the moves */
    for (unsigned int i = 0; i < boot_info.modules; i++)
        move_module(&boot_info.module[i]);
    bytes = ALIGN_UP(early_bytes(), LARGE);
    uint64_t early = place_high(bytes, LARGE);
    hostmap_set_early(early, early + bytes);
    hostmap_init();
    /* From the start again: also where modules came from is free now, as far as it is RAM and nobody's. */
    collect();
    take_dom0();
    take_modules();
    take(early, early + bytes);
    for (unsigned int i = 0; i < free_count; i++)
        if (free_ranges[i].end > free_ranges[i].start)
            frames_add(free_ranges[i].start, free_ranges[i].end);
}
