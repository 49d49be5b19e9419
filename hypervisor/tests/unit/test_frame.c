/* test_frame.c - frames and the heap: buddies, limits, counts, what is zero when */
#include <stdio.h>
#include <string.h>
#include "core/memory.h"
#include <hv/xen.h>

#define D (&memory_domain[0])
#define E (&memory_domain[1])

static bool all_zero(mfn_t m)
{
    for (size_t i = 0; i < PAGE_SIZE; i++)
        if (memory_at(m)[i])
            return false;
    return true;
}

static void what_is_taken_comes_back_as_large_blocks(void)
{
    uint64_t all = frames_free_count();
    static mfn_t single[20000];
    unsigned int n = 0;

    check(all == frames_total_count() && all == (MEMORY_BYTES - 65536) / PAGE_SIZE);
    while ((single[n] = frame_alloc(D, 0)).v != MFN_NONE.v)
        n++;
    check(n == all && frames_free_count() == 0 && D->owned_pages == n);
    for (unsigned int i = 0; i < n; i += 2) /* every second one, then the rest: buddies meet late */
        frame_put(single[i]);
    for (unsigned int i = 1; i < n; i += 2)
        frame_put(single[i]);
    check(frames_free_count() == all && D->owned_pages == 0);
    unsigned int large = 0;
    while (frame_alloc(D, 9).v != MFN_NONE.v)
        large++;
    check(large == MEMORY_BYTES / (2 << 20) - 1); /* all but the block with the firmware's pages */
}

static void blocks_are_aligned_and_disjoint(void)
{
    static unsigned char used[MEMORY_BYTES / PAGE_SIZE];
    unsigned int random = 7;

    for (;;) {
        random = random * 1103515245 + 12345;
        unsigned int order = random >> 16 & 7;
        mfn_t m = frame_alloc(D, order);
        if (m.v == MFN_NONE.v)
            break;
        check(!(m.v & ((1u << order) - 1)));
        for (uint64_t i = m.v; i < m.v + (1u << order); i++) {
            check(!used[i] && frame_owner(MFN(i)) == D->id && all_zero(MFN(i)));
            check(i < MEMORY_GAP / PAGE_SIZE || i >= (MEMORY_GAP + 65536) / PAGE_SIZE);
            used[i] = 1;
        }
    }
}

static void a_frame_never_shows_its_last_owners_bytes(void)
{
    for (int round = 0; round < 3; round++) {
        mfn_t m[64];
        for (unsigned int i = 0; i < 64; i++) {
            m[i] = frame_alloc(round & 1 ? D : E, i % 3);
            check(all_zero(m[i]));
            memset(memory_at(m[i]), 0x77, PAGE_SIZE);
        }
        for (unsigned int i = 0; i < 64; i++)
            for (uint64_t k = 0; k < 1ul << (i % 3); k++)
                frame_put(MFN(m[i].v + k));
        for (unsigned int i = 0; i < 64; i++)
            check(all_zero(m[i])); /* scrubbed when freed, not when somebody asks */
    }
}

static void the_limit_counts_every_page_of_a_domain(void)
{
    D->max_pages = 10;
    check(frame_alloc(D, 3).v != MFN_NONE.v);
    check(frame_alloc(D, 2).v == MFN_NONE.v && D->owned_pages == 8);
    mfn_t m = frame_alloc(D, 1);
    check(m.v != MFN_NONE.v && frame_alloc(D, 0).v == MFN_NONE.v);
    check(frame_get(m, NULL)); /* somebody else still maps it: it counts */
    frame_put(m);
    check(frame_alloc(D, 0).v == MFN_NONE.v);
    frame_put(m);
    check(frame_alloc(D, 0).v != MFN_NONE.v);
    check(frame_alloc(E, 40).v == MFN_NONE.v && E->owned_pages == 0);
}

static void references_are_only_for_frames_in_use(void)
{
    mfn_t m = frame_alloc(D, 0);

    check(!frame_get(MFN(m.v + 1), NULL));
    check(!frame_get(MFN(MEMORY_GAP / PAGE_SIZE), NULL));
    check(!frame_get(MFN(MEMORY_BYTES / PAGE_SIZE), NULL));
    check(!frame_get(MFN(~0ul), NULL) && !frame_get(MFN(1ul << 40), NULL) && !frame_get(MFN(1ul << 52), NULL));
    check(!frame_get(m, E) && frame_get(m, D));
    frame_put(m);
    check(frame_owner(m) == D->id);
    frame_put(m);
    check(frame_owner(m) == DOMID_INVALID && !frame_get(m, D));
}

/* Four thousand million references: the count is set by hand (it is the entry's first word). */
static void a_full_count_leaks_the_frame_and_does_not_free_it(void)
{
    mfn_t m = frame_alloc(D, 0);
    uint32_t *count = (uint32_t *)(FRAMES_BASE + m.v * 20);

    check(*count == 1);
    *count = UINT32_MAX - 1;
    check(frame_get(m, D) && !frame_get(m, D));
    for (int i = 0; i < 3; i++)
        frame_put(m);
    check(*count == UINT32_MAX && frame_owner(m) == D->id);
}

static void memory_of_the_dead_is_still_scrubbed(void)
{
    mfn_t m = frame_alloc(D, 0);

    memset(memory_at(m), 1, PAGE_SIZE);
    D->id = 99; /* nobody is found under its id any more */
    frame_put(m);
    check(all_zero(m) && frame_owner(m) == DOMID_INVALID);
}

/* ---- heap ---- */

static void heap_memory_is_zero_and_its_own(void)
{
    static const size_t sizes[] = {1, 32, 33, 200, 1024, 2048, 2049, 4096, 4097, 8192, 12288, 20000, 65536};
    static struct {
        unsigned char *p;
        size_t bytes;
    } live[200];
    unsigned int random = 3;

    for (int n = 0; n < 20000; n++) {
        random = random * 1103515245 + 12345;
        unsigned int i = (random >> 16) % 200;
        if (live[i].p) {
            for (size_t k = 0; k < live[i].bytes; k += 97)
                check(live[i].p[k] == i);
            heap_free(live[i].p, live[i].bytes);
            live[i].p = NULL;
            continue;
        }
        live[i].bytes = sizes[(random >> 8 & 0xff) % ARRAY_SIZE(sizes)];
        live[i].p = heap_alloc(live[i].bytes);
        check(live[i].p != NULL);
        check(live[i].bytes <= 2048 || !((uint64_t)live[i].p & PAGE_MASK));
        for (size_t k = 0; k < live[i].bytes; k++)
            check(!live[i].p[k]);
        memset(live[i].p, (int)i, live[i].bytes);
    }
    check(!heap_alloc(65537));
}

/* As making and ending a domain does: permission maps and tables. It must not cost memory each time. */
static void allocating_for_ever_does_not_grow_the_heap(void)
{
    uint64_t after_first = 0;

    for (int round = 0; round < 3000; round++) {
        void *a = heap_alloc(12288), *b = heap_alloc(8192), *c = heap_alloc(600), *p = heap_page_alloc();
        check(a && b && c && p);
        heap_free(b, 8192);
        heap_free(a, 12288);
        heap_free(c, 600);
        heap_page_free(p);
        if (!round)
            after_first = heap_bytes();
    }
    check(heap_bytes() == after_first && after_first <= 4ul << 20);
}

static void a_short_heap_says_so_and_recovers(void)
{
    static void *pages[20000];
    unsigned int n = 0;

    while ((pages[n] = heap_page_alloc()))
        n++;
    check(n > 15000 && !heap_alloc(100) && !heap_alloc(8192));
    while (n)
        heap_page_free(pages[--n]);
    check(heap_alloc(100) != NULL);
}

static void a_shared_page_lives_as_long_as_somebody_maps_it(void)
{
    void *page = heap_shared_page_alloc();
    mfn_t m = heap_page_mfn(page);

    check(heap_page_of(m) == page && frame_owner(m) == DOMID_INVALID);
    check(frame_get(m, NULL) && !frame_get(m, D));
    memset(page, 9, PAGE_SIZE);
    heap_page_free(page); /* the owner has gone, a mapping is left */
    check(memory_at(m)[5] == 9);
    for (int i = 0; i < 1000; i++)
        check(heap_page_alloc() != page);
    frame_put(m);
    check(memory_at(m)[sizeof(void *)] == 0 && memory_at(m)[PAGE_SIZE - 1] == 0); /* the first word links free pages */
    check(!frame_get(m, NULL));
}

int main(void)
{
    int failed = 0;

    MEMORY_TEST(what_is_taken_comes_back_as_large_blocks);
    MEMORY_TEST(blocks_are_aligned_and_disjoint);
    MEMORY_TEST(a_frame_never_shows_its_last_owners_bytes);
    MEMORY_TEST(the_limit_counts_every_page_of_a_domain);
    MEMORY_TEST(references_are_only_for_frames_in_use);
    MEMORY_TEST(a_full_count_leaks_the_frame_and_does_not_free_it);
    MEMORY_TEST(memory_of_the_dead_is_still_scrubbed);
    MEMORY_TEST(heap_memory_is_zero_and_its_own);
    MEMORY_TEST(allocating_for_ever_does_not_grow_the_heap);
    MEMORY_TEST(a_short_heap_says_so_and_recovers);
    MEMORY_TEST(a_shared_page_lives_as_long_as_somebody_maps_it);
    return failed != 0;
}
