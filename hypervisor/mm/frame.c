/*
 * frame.c - the frame allocator: a buddy system over all RAM that is not dom0's.
 * The frame table has an entry per machine frame; free blocks are listed by their first frame. One lock for the lists;
 * counts are atomic. A frame is scrubbed when it is freed. Memory that was never handed out since boot may hold
 * anything and is scrubbed at allocation.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/layout.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/string.h>
#include <hv/window.h>
#include "frame_table.h"

#define MAX_ORDER     10u /* orders 0 to 9: up to 2 MiB */
#define COVERED_SHIFT 9u
#define NIL           0xffffffffu

static struct frame *const frames = (struct frame *)FRAMES_BASE;
static uint32_t heads[MAX_ORDER + 1];
static uint64_t free_count, total_count;
/* The frame table is there over whole 2 MiB of RAM: one bit for each of which at least one frame is known. Entries of
 * the others in it are zero, which is a frame that nobody has. */
static uint64_t covered[1ul << (MAX_PHYS_BITS - COVERED_SHIFT - PAGE_SHIFT - 6)];
static spinlock_t lock = SPINLOCK_INIT;
static uint64_t private_count;
static bool ready;

static void list_push(uint32_t f, unsigned int order)
{
    frames[f].order = (uint8_t)order;
    frames[f].free = true;
    frames[f].prev = NIL;
    frames[f].next = heads[order];
    if (heads[order] != NIL)
        frames[heads[order]].prev = f;
    heads[order] = f;
}

static void list_pull(uint32_t f)
{
    struct frame *p = &frames[f];
    if (p->prev != NIL)
        frames[p->prev].next = p->next;
    else
        heads[p->order] = p->next;
    if (p->next != NIL)
        frames[p->next].prev = p->prev;
    p->free = false;
}

/* Merges with free buddies upwards; lock held. The table covers whole 2 MiB blocks around RAM, so a buddy's entry can
 * be read. */
static void block_free(uint32_t f, unsigned int order)
{
    free_count += 1ul << order;
    while (order < MAX_ORDER - 1) {
        uint32_t buddy = f ^ (1u << order);
        if (!frames[buddy].free || frames[buddy].order != order)
            break;
        list_pull(buddy);
        f &= ~(1u << order);
        order++;
    }
    list_push(f, order);
}

static uint32_t block_alloc(unsigned int order)
{
    for (unsigned int o = order; o < MAX_ORDER; o++) {
        uint32_t f = heads[o];
        if (f == NIL)
            continue;
        list_pull(f);
        for (; o > order; o--)
            list_push(f + (1u << (o - 1)), o - 1);
        free_count -= 1ul << order;
        return f;
    }
    return NIL;
}

static void cover(uint64_t f)
{
    uint64_t block = f >> COVERED_SHIFT;

    assert_hv(block / 64 < ARRAY_SIZE(covered));
    if (!bit_test(covered, block))
        bit_test_and_set(covered, block);
}

void frames_add(uint64_t start, uint64_t end)
{
    uint64_t f = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = MIN(end, 1ul << MAX_PHYS_BITS) >> PAGE_SHIFT;

    if (!ready) {
        for (unsigned int o = 0; o <= MAX_ORDER; o++)
            heads[o] = NIL;
        ready = true;
    }
    for (uint64_t i = f; i < last; i++) {
        if (i == f || !(i & ((1ul << COVERED_SHIFT) - 1)))
            cover(i);
        frames[i] = (struct frame){.owner = DOMID_INVALID, .dirty = true, .managed = true};
    }
    total_count += last > f ? last - f : 0;
    while (f < last) {
        unsigned int order = 0;
        while (order < MAX_ORDER - 1 && !(f & ((2ul << order) - 1)) && f + (2ul << order) <= last)
            order++;
        block_free((uint32_t)f, order);
        f += 1ul << order;
    }
}

static void scrub(mfn_t mfn)
{
    void *p = window_map(mfn);
    memset(p, 0, PAGE_SIZE);
    window_unmap(p);
}

static mfn_t take(unsigned int order, domid_t owner)
{
    spin_lock(&lock);
    uint32_t f = order < MAX_ORDER ? block_alloc(order) : NIL;
    spin_unlock(&lock);
    if (f == NIL)
        return MFN_NONE;
    for (uint32_t i = f; i < f + (1u << order); i++) {
        if (frames[i].dirty)
            scrub(MFN(i));
        frames[i].dirty = true;
        frames[i].owner = owner;
        store_release(frames[i].count, 1u);
    }
    return MFN(f);
}

mfn_t frame_alloc(struct domain *owner, unsigned int order)
{
    uint64_t n = 1ul << order;

    if (__atomic_add_fetch(&owner->owned_pages, n, __ATOMIC_RELAXED) > owner->max_pages) {
        __atomic_sub_fetch(&owner->owned_pages, n, __ATOMIC_RELAXED);
        return MFN_NONE;
    }
    mfn_t m = take(order, owner->id);
    if (m.v == MFN_NONE.v)
        __atomic_sub_fetch(&owner->owned_pages, n, __ATOMIC_RELAXED);
    return m;
}

mfn_t frame_alloc_heap(unsigned int order)
{
    return take(order, DOMID_XEN);
}

mfn_t frame_alloc_private(domid_t about)
{
    mfn_t m = take(0, DOMID_PRIVATE);

    if (m.v != MFN_NONE.v) {
        frames[m.v].next = about; /* a used frame is in no list */
        __atomic_add_fetch(&private_count, 1, __ATOMIC_RELAXED);
    }
    return m;
}

void frame_assign(mfn_t mfn, struct domain *owner)
{
    cover(mfn.v);
    frames[mfn.v] = (struct frame){.count = 1, .owner = owner->id, .dirty = true};
    owner->owned_pages++;
}

/* Every look at an mfn that did not come from us passes here. */
static bool has_entry(uint64_t f)
{
    uint64_t block = f >> COVERED_SHIFT;

    return block / 64 < ARRAY_SIZE(covered) && bit_test(covered, block);
}

bool frame_get(mfn_t mfn, const struct domain *owner)
{
    if (!has_entry(mfn.v))
        return false;
    struct frame *f = &frames[mfn.v];
    uint32_t n = read_once(f->count);
    do {
        if (n == 0 || n == UINT32_MAX)
            return false;
    } while (!__atomic_compare_exchange_n(&f->count, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    /* Only now does the owner stand still. */
    if (owner ? f->owner != owner->id : f->owner == DOMID_PRIVATE) {
        frame_put(mfn);
        return false;
    }
    return true;
}

static void owner_lost_page(domid_t id)
{
    struct domain *d = domain_get(id);
    if (!d)
        return;
    __atomic_sub_fetch(&d->owned_pages, 1, __ATOMIC_RELAXED);
    domain_put(d);
}

void frame_put(mfn_t mfn)
{
    struct frame *f = &frames[mfn.v];
    uint32_t n = read_once(f->count);

    do {
        assert_hv(n > 0);
        if (n == UINT32_MAX)
            return; /* saturated: leaked rather than freed too early */
    } while (!__atomic_compare_exchange_n(&f->count, &n, n - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (n != 1)
        return;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    domid_t owner = f->owner;
    if (owner == DOMID_XEN) {
        heap_page_released(mfn);
        return;
    }
    scrub(mfn);
    f->dirty = false;
    f->owner = DOMID_INVALID;
    if (f->managed) {
        spin_lock(&lock);
        block_free((uint32_t)mfn.v, 0);
        spin_unlock(&lock);
    }
    if (owner == DOMID_PRIVATE)
        __atomic_sub_fetch(&private_count, 1, __ATOMIC_RELAXED);
    else
        owner_lost_page(owner);
}

domid_t frame_owner(mfn_t mfn)
{
    bool used = has_entry(mfn.v) && read_once(frames[mfn.v].count) && frames[mfn.v].owner != DOMID_XEN &&
                frames[mfn.v].owner != DOMID_PRIVATE;
    return used ? frames[mfn.v].owner : DOMID_INVALID;
}

domid_t frame_private_to(mfn_t mfn)
{
    bool is = has_entry(mfn.v) && read_once(frames[mfn.v].count) && frames[mfn.v].owner == DOMID_PRIVATE;
    return is ? (domid_t)frames[mfn.v].next : DOMID_INVALID;
}

uint64_t frames_private_among(mfn_t first, uint64_t n)
{
    uint64_t found = 0;

    if (!has_entry(first.v) || !has_entry(first.v + n - 1))
        return 0;
    for (uint64_t f = first.v; f < first.v + n; f++)
        found += frames[f].owner == DOMID_PRIVATE && read_once(frames[f].count);
    return found;
}

uint64_t frames_private_count(void)
{
    return read_once(private_count);
}

void frame_mark_heap(mfn_t mfn)
{
    cover(mfn.v);
    frames[mfn.v] = (struct frame){.count = 0, .owner = DOMID_XEN};
}

void frame_heap_taken(mfn_t mfn)
{
    frames[mfn.v].owner = DOMID_XEN;
    store_release(frames[mfn.v].count, 1u);
}

uint64_t frames_free_count(void)
{
    return read_once(free_count);
}

uint64_t frames_total_count(void)
{
    return total_count;
}
