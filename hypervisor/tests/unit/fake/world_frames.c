/* world_frames.c - machine memory: frames with counts, and the heap on top */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <hv/window.h>
#include "world.h"
#include "world_inside.h"

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

static struct {
    uint32_t count;
    domid_t owner;
} frames[WORLD_FRAMES];
static uint8_t memory[WORLD_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_frame;
static uint64_t small_objects;

uint8_t *frame_bytes(mfn_t mfn)
{
    return memory[mfn.v];
}

void frames_reset(void)
{
    memset(frames, 0, sizeof(frames));
    next_frame = WORLD_RAM; /* below: the direct domain's */
    small_objects = 0;
    ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
}

static mfn_t claim(mfn_t mfn, domid_t owner)
{
    ASAN_UNPOISON_MEMORY_REGION(memory[mfn.v], PAGE_SIZE);
    memset(memory[mfn.v], 0, PAGE_SIZE);
    frames[mfn.v].owner = owner;
    __atomic_store_n(&frames[mfn.v].count, 1, __ATOMIC_RELEASE);
    return mfn;
}

static bool run_is_free(uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (__atomic_load_n(&frames[first + i].count, __ATOMIC_ACQUIRE))
            return false;
    }
    return true;
}

/* First fit after the last one, so that a freed frame is not reused at once. */
static mfn_t take(uint32_t n, domid_t owner)
{
    mfn_t found = MFN_NONE;

    pthread_mutex_lock(&lock);
    for (uint32_t tries = 0, f = next_frame; tries < WORLD_FRAMES && found.v == MFN_NONE.v; tries++, f++) {
        f = f < WORLD_FRAMES ? f : WORLD_RAM;
        if (f % n || f + n > WORLD_FRAMES || !run_is_free(f, n))
            continue;
        for (uint32_t i = 0; i < n; i++)
            claim(MFN(f + i), owner);
        found = MFN(f);
        next_frame = f + n;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

mfn_t frame_assign_fake(uint64_t number, struct domain *owner)
{
    owner->owned_pages++;
    return claim(MFN(number), owner->id);
}

mfn_t frame_alloc(struct domain *owner, unsigned int order)
{
    uint64_t n = 1ul << order;

    if (n > WORLD_FRAMES)
        return MFN_NONE;
    if (__atomic_add_fetch(&owner->owned_pages, n, __ATOMIC_RELAXED) <= owner->max_pages) {
        mfn_t m = take((uint32_t)n, owner->id);
        if (m.v != MFN_NONE.v)
            return m;
    }
    __atomic_sub_fetch(&owner->owned_pages, n, __ATOMIC_RELAXED);
    return MFN_NONE;
}

bool frame_get(mfn_t mfn, const struct domain *owner)
{
    if (mfn.v >= WORLD_FRAMES)
        return false;
    uint32_t n = __atomic_load_n(&frames[mfn.v].count, __ATOMIC_RELAXED);
    do {
        if (!n)
            return false;
    } while (!__atomic_compare_exchange_n(&frames[mfn.v].count, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    if (!owner || frames[mfn.v].owner == owner->id)
        return true;
    frame_put(mfn);
    return false;
}

void frame_put(mfn_t mfn)
{
    domid_t owner = frames[mfn.v].owner;
    if (__atomic_load_n(&frames[mfn.v].count, __ATOMIC_RELAXED) == 0)
        abort();               /* given back twice */
    pthread_mutex_lock(&lock); /* a frame changes between used and free under the lock only */
    bool last = __atomic_sub_fetch(&frames[mfn.v].count, 1, __ATOMIC_ACQ_REL) == 0;
    if (last)
        ASAN_POISON_MEMORY_REGION(memory[mfn.v], PAGE_SIZE);
    pthread_mutex_unlock(&lock);
    struct domain *d = last && owner != DOMID_XEN ? domain_get(owner) : NULL;
    if (d) {
        __atomic_sub_fetch(&d->owned_pages, 1, __ATOMIC_RELAXED);
        domain_put(d);
    }
}

domid_t frame_owner(mfn_t mfn)
{
    bool used = mfn.v < WORLD_FRAMES && __atomic_load_n(&frames[mfn.v].count, __ATOMIC_RELAXED);
    return used && frames[mfn.v].owner != DOMID_XEN ? frames[mfn.v].owner : DOMID_INVALID;
}

uint32_t frame_count(mfn_t mfn)
{
    return __atomic_load_n(&frames[mfn.v].count, __ATOMIC_RELAXED);
}

bool frame_is_heap(mfn_t mfn)
{
    return frame_count(mfn) && frames[mfn.v].owner == DOMID_XEN;
}

uint64_t frames_free_count(void)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < WORLD_FRAMES; i++)
        n += !frame_count(MFN(i));
    return n;
}

uint64_t frames_total_count(void)
{
    return WORLD_FRAMES;
}

/* ---- heap ---- */

static bool heap_fails(void)
{
    if (world.fail_heap_after == SIZE_MAX)
        return false;
    if (world.fail_heap_after == 0)
        return true;
    world.fail_heap_after--;
    return false;
}

void *heap_page_alloc(void)
{
    mfn_t m = heap_fails() ? MFN_NONE : take(1, DOMID_XEN);
    return m.v == MFN_NONE.v ? NULL : memory[m.v];
}

void *heap_shared_page_alloc(void)
{
    return heap_page_alloc();
}

mfn_t heap_page_mfn(const void *page)
{
    return MFN((uint64_t)((const uint8_t *)page - memory[0]) / PAGE_SIZE);
}

void *heap_page_of(mfn_t mfn)
{
    return memory[mfn.v];
}

void heap_page_free(void *page)
{
    if (page)
        frame_put(heap_page_mfn(page));
}

void *heap_alloc(size_t bytes)
{
    if (bytes > 65536 || heap_fails())
        return NULL;
    __atomic_fetch_add(&small_objects, 1, __ATOMIC_RELAXED);
    return calloc(1, bytes);
}

void heap_free(void *object, size_t bytes)
{
    if (object)
        __atomic_fetch_sub(&small_objects, 1, __ATOMIC_RELAXED);
    free(object);
}

uint64_t heap_in_use(void)
{
    uint64_t n = small_objects;
    for (uint32_t i = 0; i < WORLD_FRAMES; i++)
        n += frame_is_heap(MFN(i));
    return n;
}

/* ---- windows ---- */

static _Thread_local void *windows[8];
static _Thread_local unsigned int windows_used;

void *window_map(mfn_t mfn)
{
    if (windows_used == 8)
        abort();
    return windows[windows_used++] = memory[mfn.v];
}

void window_unmap(void *va)
{
    if (!windows_used || windows[--windows_used] != va)
        abort(); /* not in reverse order */
}

#define PINS 64
static mfn_t pins[PINS];
static bool pin_used[PINS];

void *pin_map(mfn_t mfn)
{
    for (unsigned int i = 0; i < PINS; i++) {
        if (!pin_used[i]) {
            pin_used[i] = true;
            pins[i] = mfn;
            return memory[mfn.v];
        }
    }
    return NULL;
}

void pin_unmap(void *va)
{
    if (!va)
        return;
    mfn_t mfn = heap_page_mfn(va);
    for (unsigned int i = 0; i < PINS; i++) {
        if (pin_used[i] && pins[i].v == mfn.v) {
            pin_used[i] = false;
            frame_put(mfn);
            return;
        }
    }
    abort(); /* was not pinned */
}

uint32_t pin_count(mfn_t mfn)
{
    uint32_t n = 0;
    for (unsigned int i = 0; i < PINS; i++)
        n += pin_used[i] && pins[i].v == mfn.v;
    return n;
}
