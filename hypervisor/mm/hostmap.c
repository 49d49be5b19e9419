/*
 * hostmap.c - the hypervisor's page tables. Shared slots are the same table pages in every CPU's root; slots 510 and
 * 506 are each CPU's own. See hv/layout.h for the map. Table memory is heap memory.
 */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/hostpci.h>
#include <hv/layout.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/x86.h>

extern const char image_start[], text_end[], rodata_end[], image_end[];
extern uint64_t boot_pml4[512];

uint64_t hostmap_shared_pml4[512];
static uint64_t early_base, early_end; /* boot: pages not yet in the heap, taken from below */
static bool heap_ready;
static spinlock_t mmio_lock = SPINLOCK_INIT;
static uint64_t mmio_next = MMIO_BASE;

static unsigned int slot(uint64_t va, unsigned int level)
{
    return (unsigned int)(va >> (12 + 9 * level) & 511);
}

void *boot_phys(uint64_t address)
{
    assert_hv(address < (4ul << 30));
    return (void *)address;
}

/* A zeroed table page: its machine address. Early ones are reached by the identity map and later by the heap's alias.
 */
static uint64_t table_alloc(void)
{
    if (heap_ready) {
        void *p = heap_page_alloc();
        if (!p)
            panic("no memory for the hypervisor's page tables");
        return heap_page_mfn(p).v << PAGE_SHIFT;
    }
    if (early_base + PAGE_SIZE > early_end)
        panic("the early memory is used up");
    uint64_t a = early_base;
    early_base += PAGE_SIZE;
    memset(boot_phys(a), 0, PAGE_SIZE);
    return a;
}

static uint64_t *table_at(uint64_t entry)
{
    uint64_t a = entry & PTE_ADDR;
    return heap_ready ? heap_page_of(MFN(a >> PAGE_SHIFT)) : boot_phys(a);
}

static void map(uint64_t *root, uint64_t va, uint64_t address, uint64_t flags, bool large)
{
    uint64_t *table = root;

    for (unsigned int level = 3; level > (large ? 1u : 0u); level--) {
        uint64_t *e = &table[slot(va, level)];
        if (!(*e & PTE_P))
            *e = table_alloc() | PTE_P | PTE_W;
        table = table_at(*e);
    }
    table[slot(va, large ? 1 : 0)] = address | flags | PTE_P | PTE_A | PTE_D | (large ? PTE_PS : 0);
}

static void map_range(uint64_t va, uint64_t address, uint64_t bytes, uint64_t flags)
{
    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
        map(hostmap_shared_pml4, va + at, address + at, flags, false);
}

static void map_image(void)
{
    uint64_t start = (uint64_t)image_start, text = (uint64_t)text_end, ro = (uint64_t)rodata_end,
             end = (uint64_t)image_end;

    map_range(start, start - IMAGE_BASE, text - start, 0);
    map_range(text, text - IMAGE_BASE, ro - text, PTE_NX);
    map_range(ro, ro - IMAGE_BASE, end - ro, PTE_W | PTE_NX);
}

static struct {
    uint64_t start, end;
} chunks[1024]; /* what the heap slot maps: the early memory first */
static unsigned int chunk_count;

bool hostmap_is_ours(uint64_t address)
{
    for (unsigned int i = 0; i < chunk_count; i++)
        if (address >= chunks[i].start && address < chunks[i].end)
            return true;
    return false;
}

void hostmap_heap_chunk(uint64_t address, uint64_t bytes)
{
    static spinlock_t lock = SPINLOCK_INIT;
    spin_lock(&lock);
    for (uint64_t at = address; at < address + bytes; at += 2ul << 20)
        map(hostmap_shared_pml4, HEAP_BASE + at, at, PTE_W | PTE_NX, true);
    assert_hv(chunk_count < ARRAY_SIZE(chunks));
    chunks[chunk_count].start = address;
    chunks[chunk_count++].end = address + bytes;
    spin_unlock(&lock);
}

/* All directories of the heap slot now, so that growing later is one store and needs no memory. */
static void prepare_heap_directories(uint64_t top)
{
    for (uint64_t at = 0; at < top; at += 1ul << 30) {
        uint64_t *table = hostmap_shared_pml4, va = HEAP_BASE + at;
        for (unsigned int level = 3; level > 1; level--) {
            uint64_t *e = &table[slot(va, level)];
            if (!(*e & PTE_P))
                *e = table_alloc() | PTE_P | PTE_W;
            table = table_at(*e);
        }
    }
}

static struct {
    uint64_t start, end;
} holes[64];
static unsigned int hole_count;

void early_holes_add(uint64_t start, uint64_t end)
{
    if (end > start && hole_count < ARRAY_SIZE(holes)) {
        holes[hole_count].start = start;
        holes[hole_count++].end = end;
    }
}

/* Memory for the frame table, only over RAM. 2 MiB of table each; entries are 20 bytes. */
static void map_frame_table(void)
{
    const uint64_t entry = 20, piece = 2ul << 20;
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type != E820_RAM)
            continue;
        /* whole 2 MiB blocks of RAM, since the allocator looks at buddies */
        uint64_t first = ALIGN_DOWN(e->start, 2ul << 20) >> PAGE_SHIFT,
                 last = ALIGN_UP(e->start + e->size, 2ul << 20) >> PAGE_SHIFT;
        for (uint64_t va = ALIGN_DOWN(FRAMES_BASE + first * entry, piece); va < FRAMES_BASE + last * entry;
             va += piece) {
            uint64_t *table = hostmap_shared_pml4;
            bool there = true;
            for (unsigned int level = 3; level > 1 && there; level--) {
                there = table[slot(va, level)] & PTE_P;
                if (there)
                    table = table_at(table[slot(va, level)]);
            }
            if (there && table[slot(va, 1)] & PTE_P)
                continue;
            uint64_t a = ALIGN_UP(early_base, piece);
            if (a + piece > early_end)
                panic("not enough low memory for the frame table");
            early_holes_add(early_base, a);
            early_base = a + piece;
            memset(boot_phys(a), 0, piece);
            map(hostmap_shared_pml4, va, a, PTE_W | PTE_NX, true);
        }
    }
}

void hostmap_set_early(uint64_t start, uint64_t end)
{
    early_base = start;
    early_end = end;
}

static void pin_tables(void)
{
    /* one page table per 512 pin slots, so that pin_map() finds it in place */
    for (uint64_t i = 0; i < PIN_SLOTS; i += 512)
        map(hostmap_shared_pml4, PIN_BASE + i * PAGE_SIZE, 0, 0, false);
    for (uint64_t i = 0; i < PIN_SLOTS; i += 512)
        *hostmap_pin_pte((unsigned int)i) = 0;
}

uint64_t *hostmap_pin_pte(unsigned int pin)
{
    uint64_t va = PIN_BASE + (uint64_t)pin * PAGE_SIZE, *table = hostmap_shared_pml4;
    for (unsigned int level = 3; level > 0; level--)
        table = table_at(table[slot(va, level)]);
    return &table[slot(va, 0)];
}

/* An empty list whose head will be known by its heap address. */
static void list_init_at(struct list *now, struct list *later)
{
    now->next = now->prev = later;
}

struct cpu *hostmap_new_cpu(unsigned int id)
{
    uint64_t root = table_alloc();
    uint64_t *r = table_at(root), *pt = r;
    uint64_t page[LOCAL_WINDOW_PAGE + LOCAL_WINDOWS] = {0};

    for (unsigned int i = 1; i < 512; i++)
        r[i] = hostmap_shared_pml4[i];
    r[0] = boot_pml4[0];
    page[LOCAL_CPU_PAGE] = table_alloc();
    for (unsigned int i = 0; i < LOCAL_STACK_PAGES; i++)
        page[LOCAL_STACK_PAGE + i] = table_alloc();
    for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
        if (page[i])
            map(r, LOCAL_BASE + i * PAGE_SIZE, page[i], PTE_W | PTE_NX, false);
    for (unsigned int level = 3; level > 0; level--)
        pt = table_at(pt[slot(LOCAL_BASE, level)]);

    struct cpu *c = (struct cpu *)table_at(page[LOCAL_CPU_PAGE]);
    /* pointers others use are the heap's, also when this was made before the heap's time */
    c = heap_page_of(MFN(page[LOCAL_CPU_PAGE] >> PAGE_SHIFT));
    struct cpu *now = heap_ready ? c : boot_phys(page[LOCAL_CPU_PAGE]);
    now->id = id;
    now->root = root;
    now->window_ptes = (uint64_t *)(HEAP_BASE + ((uint64_t)pt - (heap_ready ? HEAP_BASE : 0))) + LOCAL_WINDOW_PAGE;
    now->private_entry = (uint64_t *)(HEAP_BASE + root) + slot(PRIVATE_BASE, 3);
    list_init_at(&now->runq, &c->runq);
    list_init_at(&now->timers, &c->timers);
    return c;
}

void hostmap_init(void)
{
    uint64_t ram_top = 0;

    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM)
            ram_top = MAX(ram_top, machine.e820[i].start + machine.e820[i].size);
    uint64_t first = early_base;
    /* Each slot's top table first: roots copy these entries and never change. */
    map_image();
    prepare_heap_directories(ram_top);
    map_frame_table();
    pin_tables();
    hostmap_heap_chunk(ALIGN_DOWN(first, 2ul << 20), early_end - ALIGN_DOWN(first, 2ul << 20));
    map(hostmap_shared_pml4, MMIO_BASE, 0, 0, false);
    struct cpu *c = hostmap_new_cpu(0);
    write_cr3(((struct cpu *)boot_phys((uint64_t)c - HEAP_BASE))->root);
    heap_ready = true;
    cpus[0] = c;
    cpu_count = 1;
    for (unsigned int i = 0; i < hole_count; i++)
        heap_add(holes[i].start, holes[i].end);
    heap_add(early_base, early_end);
}

void hostmap_drop_identity(void)
{
    struct cpu *c = this_cpu();
    uint64_t *root = heap_page_of(MFN(c->root >> PAGE_SHIFT));
    root[0] = 0;
    write_cr3(c->root);
}

volatile void *host_mmio_map(maddr_t address, size_t bytes)
{
    uint64_t first = ALIGN_DOWN(address.v, PAGE_SIZE), n = ALIGN_UP(address.v + bytes, PAGE_SIZE) - first;

    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM && first < machine.e820[i].start + machine.e820[i].size &&
            first + n > machine.e820[i].start)
            return NULL;
    spin_lock(&mmio_lock);
    uint64_t va = mmio_next;
    if (va + n > MMIO_BASE + MMIO_BYTES) {
        spin_unlock(&mmio_lock);
        return NULL;
    }
    mmio_next += n;
    for (uint64_t at = 0; at < n; at += PAGE_SIZE)
        map(hostmap_shared_pml4, va + at, first + at, PTE_W | PTE_NX | PTE_PCD | PTE_PWT, false);
    spin_unlock(&mmio_lock);
    return (volatile void *)(va + (address.v - first));
}
