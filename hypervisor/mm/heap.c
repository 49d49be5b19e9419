/*
 * heap.c - the hypervisor's own memory. Pages from chunks that are mapped once at HEAP_BASE + machine address and stay;
 * small objects are cut from pages by size class. Grows by 2 MiB from the frame allocator.
 */
#include <hv/cpu.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/layout.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/string.h>

#define GROW_ORDER 9u
#define MIN_SHIFT  5u
#define CLASSES    (PAGE_SHIFT - MIN_SHIFT) /* 32 .. 2048 bytes */
#define RUN_ORDERS 5u                       /* runs of 2 to 16 pages */
#define RUN_BYTES  (PAGE_SIZE << (RUN_ORDERS - 1))
#define MAX_PAGES  (1000ul << GROW_ORDER) /* hostmap.c remembers so many pieces */

struct free_item {
    struct free_item *next;
};

static struct free_item *pages, *classes[CLASSES], *runs[RUN_ORDERS];
static uint64_t run_next, run_end; /* machine addresses: what is left of the piece that runs are cut from */
static spinlock_t lock = SPINLOCK_INIT;
static uint64_t heap_pages, free_pages;

static void *va_of(uint64_t address)
{
    return (void *)(HEAP_BASE + address);
}

mfn_t heap_page_mfn(const void *page)
{
    return MFN(((uint64_t)page - HEAP_BASE) >> PAGE_SHIFT);
}

void *heap_page_of(mfn_t mfn)
{
    return va_of(mfn.v << PAGE_SHIFT);
}

void heap_add(uint64_t start, uint64_t end)
{
    for (uint64_t a = start; a + PAGE_SIZE <= end; a += PAGE_SIZE) {
        struct free_item *p = va_of(a);
        memset(p, 0, PAGE_SIZE);
        frame_mark_heap(MFN(a >> PAGE_SHIFT));
        spin_lock(&lock);
        p->next = pages;
        pages = p;
        heap_pages++;
        free_pages++;
        spin_unlock(&lock);
    }
}

/* 2 MiB more, mapped and zeroed: its machine address, 0 if memory is short. */
static uint64_t take_piece(void)
{
    mfn_t m = read_once(heap_pages) < MAX_PAGES ? frame_alloc_heap(GROW_ORDER) : MFN_NONE;
    if (m.v == MFN_NONE.v)
        return 0;
    hostmap_heap_chunk(m.v << PAGE_SHIFT, PAGE_SIZE << GROW_ORDER);
    return m.v << PAGE_SHIFT;
}

static bool grow(void)
{
    uint64_t start = take_piece();
    if (!start)
        return false;
    heap_add(start, start + (PAGE_SIZE << GROW_ORDER));
    return true;
}

void *heap_page_alloc(void)
{
    for (;;) {
        spin_lock(&lock);
        struct free_item *p = pages;
        if (p) {
            pages = p->next;
            free_pages--;
        }
        spin_unlock(&lock);
        if (p) {
            p->next = NULL;
            frame_heap_taken(heap_page_mfn(p));
            return p;
        }
        if (!grow())
            return NULL;
    }
}

void *heap_shared_page_alloc(void)
{
    return heap_page_alloc(); /* all heap pages are counted in the frame table */
}

void heap_page_released(mfn_t mfn)
{
    struct free_item *p = heap_page_of(mfn);
    memset(p, 0, PAGE_SIZE);
    spin_lock(&lock);
    p->next = pages;
    pages = p;
    free_pages++;
    spin_unlock(&lock);
}

void heap_page_free(void *page)
{
    if (page)
        frame_put(heap_page_mfn(page));
}

static unsigned int class_of(size_t bytes)
{
    unsigned int c = 0;
    while ((1ul << (c + MIN_SHIFT)) < bytes)
        c++;
    return c;
}

static unsigned int run_order(size_t bytes)
{
    unsigned int order = 0;
    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

/* A new piece to cut runs from; what was left of the old one becomes single pages. */
static bool grow_runs(void)
{
    uint64_t start = take_piece(), rest, rest_end;

    if (!start)
        return false;
    spin_lock(&lock);
    rest = run_next;
    rest_end = run_end;
    run_next = start;
    run_end = start + (PAGE_SIZE << GROW_ORDER);
    heap_pages += (1ul << GROW_ORDER) - ((rest_end - rest) >> PAGE_SHIFT);
    spin_unlock(&lock);
    heap_add(rest, rest_end);
    return true;
}

/* Several pages in a row. A run stays one: given back it waits for the next of its size. */
static void *alloc_run(size_t bytes)
{
    unsigned int order = run_order(bytes);

    for (;;) {
        spin_lock(&lock);
        struct free_item *p = runs[order];
        if (p) {
            runs[order] = p->next;
        } else if (run_end - run_next >= PAGE_SIZE << order) {
            p = va_of(run_next);
            run_next += PAGE_SIZE << order;
        }
        spin_unlock(&lock);
        if (p) {
            p->next = NULL;
            return p;
        }
        if (!grow_runs())
            return NULL;
    }
}

static void free_run(void *run, size_t bytes)
{
    unsigned int order = run_order(bytes);
    struct free_item *p = run;

    memset(run, 0, PAGE_SIZE << order);
    spin_lock(&lock);
    p->next = runs[order];
    runs[order] = p;
    spin_unlock(&lock);
}

void *heap_alloc(size_t bytes)
{
    if (bytes > PAGE_SIZE)
        return bytes <= RUN_BYTES ? alloc_run(bytes) : NULL;
    if (bytes > PAGE_SIZE / 2)
        return heap_page_alloc();
    unsigned int c = class_of(bytes);
    size_t size = 1ul << (c + MIN_SHIFT);
    spin_lock(&lock);
    struct free_item *p = classes[c];
    if (p)
        classes[c] = p->next;
    spin_unlock(&lock);
    if (p) {
        p->next = NULL;
        return p;
    }
    char *page = heap_page_alloc();
    if (!page)
        return NULL;
    spin_lock(&lock);
    for (size_t at = size; at + size <= PAGE_SIZE; at += size) {
        struct free_item *item = (struct free_item *)(void *)(page + at);
        item->next = classes[c];
        classes[c] = item;
    }
    spin_unlock(&lock);
    return page;
}

void heap_free(void *object, size_t bytes)
{
    if (!object)
        return;
    if (bytes > PAGE_SIZE) {
        free_run(object, bytes);
        return;
    }
    if (bytes > PAGE_SIZE / 2) {
        heap_page_free(object);
        return;
    }
    unsigned int c = class_of(bytes);
    memset(object, 0, 1ul << (c + MIN_SHIFT));
    struct free_item *item = object;
    spin_lock(&lock);
    item->next = classes[c];
    classes[c] = item;
    spin_unlock(&lock);
}

uint64_t heap_bytes(void)
{
    return heap_pages * PAGE_SIZE;
}
