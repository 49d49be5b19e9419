/*
 * test_p2m.c - the guest-physical map: types, sizes, splitting, and who holds which frame.
 * The real frame allocator, heap and flushing are under it; CPU 1 is a made-up one in guest mode that leaves when
 * kicked.
 */
#include <stdio.h>
#include <string.h>
#include "core/memory.h"
#include <hv/hostmap.h>
#include <hv/p2m.h>
#include <hv/tlb.h>
#include <hv/vcpu.h>
#include <hv/xen.h>

#define D (&memory_domain[0])
#define E (&memory_domain[1])

static uint32_t count(mfn_t m)
{
    return *(uint32_t *)(FRAMES_BASE + m.v * 20);
}
static mfn_t page(struct domain *d)
{
    mfn_t m = frame_alloc(d, 0);
    check(m.v != MFN_NONE.v);
    return m;
}
static void create(struct domain *d)
{
    check(p2m_create(d) == 0);
}
static void destroy(struct domain *d)
{
    int rc;
    for (unsigned int n = 0; (rc = p2m_teardown(d)); n++)
        check(rc == -XEN_ERESTART && n < 1000);
    check(d->p2m->tables == 0);
    p2m_destroy(d);
}

static void an_entry_is_what_was_put_in(void)
{
    static const enum p2m_type types[] = {P2M_RAM, P2M_RAM_RO, P2M_GRANT_RW, P2M_GRANT_RO, P2M_FOREIGN, P2M_MMIO};

    create(D);
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        mfn_t m = types[i] == P2M_MMIO ? MFN(0xfe000) : page(D);
        gfn_t g = GFN(0x1000 + i * 0x40201);
        check(p2m_lookup(D, g).type == P2M_HOLE);
        check(p2m_map(D, g, m, types[i]) == 0);
        struct p2m_entry e = p2m_lookup(D, g);
        check(e.type == types[i] && e.mfn.v == m.v && e.order == 0);
        check(p2m_lookup(D, GFN(g.v + 1)).type == P2M_HOLE && p2m_lookup(D, GFN(g.v - 1)).type == P2M_HOLE);
    }
    check(p2m_max_gfn(D).v == 0x1000 + 5 * 0x40201);
    destroy(D);
    check(D->owned_pages == 0);
}

/* What the CPU may do with an entry: bits of a nested table entry. */
static void only_what_is_writable_can_be_written_and_foreign_pages_not_run(void)
{
    static const struct {
        enum p2m_type type;
        bool write, execute;
    } rights[] = {{P2M_RAM, true, true},       {P2M_RAM_RO, false, true},  {P2M_GRANT_RW, true, true},
                  {P2M_GRANT_RO, false, true}, {P2M_FOREIGN, true, false}, {P2M_MMIO, true, false}};

    check(npt_encode((struct p2m_entry){.type = P2M_HOLE, .mfn = MFN_NONE}) == 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(rights); i++)
        for (unsigned int order = 0; order <= 18; order += 9) {
            struct p2m_entry e = {.type = rights[i].type, .mfn = MFN(0x12340000), .order = order};
            uint64_t pte = npt_encode(e);
            check((pte & PTE_P) && (pte & PTE_U) && !!(pte & PTE_W) == rights[i].write &&
                  !(pte & PTE_NX) == rights[i].execute);
            check(npt_decode(pte, order).type == e.type && npt_decode(pte, order).mfn.v == e.mfn.v);
            check(npt_is_leaf(pte, order / 9) && !npt_is_table(pte, order / 9));
        }
}

static void gfns_out_of_range_are_refused(void)
{
    static const uint64_t wrong[] = {1ul << P2M_GFN_BITS, ~0ul, 1ul << 40, 1ul << 52, ~0ul << 28};
    mfn_t m = page(D);

    create(D);
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        check(p2m_map(D, GFN(wrong[i]), m, P2M_RAM) == -XEN_EINVAL);
        check(p2m_unmap(D, GFN(wrong[i])) == -XEN_ENOENT);
        check(p2m_lookup(D, GFN(wrong[i])).type == P2M_HOLE);
    }
    check(p2m_map_order(D, GFN(513), m, 9, P2M_RAM) == -XEN_EINVAL);
    check(p2m_map_order(D, GFN(~0ul << 9), m, 9, P2M_RAM) == -XEN_EINVAL);
    check(count(m) == 1); /* it stays the caller's */
    check(p2m_map(D, GFN((1ul << P2M_GFN_BITS) - 1), m, P2M_RAM) == 0);
    destroy(D);
}

static void a_page_over_another_gives_the_old_one_back(void)
{
    mfn_t a = page(D), b = page(D);

    create(D);
    check(frame_get(a, D)); /* so that it can be looked at */
    check(p2m_map(D, GFN(5), a, P2M_RAM) == 0);
    check(count(a) == 2);
    check(p2m_map(D, GFN(5), b, P2M_RAM_RO) == 0);
    check(count(a) == 1 && count(b) == 1 && p2m_lookup(D, GFN(5)).mfn.v == b.v);
    check(p2m_map(D, GFN(5), MFN(0xe0000), P2M_MMIO) == 0);
    check(count(b) == 0);
    check(p2m_unmap(D, GFN(5)) == 0 && p2m_unmap(D, GFN(5)) == -XEN_ENOENT);
    frame_put(a);
    destroy(D);
    check(D->owned_pages == 0);
}

static void a_large_page_is_split_when_one_of_it_changes(void)
{
    create(D);
    mfn_t m = frame_alloc(D, 9), other = page(D);
    check(p2m_map_order(D, GFN(0x400), m, 9, P2M_RAM) == 0);
    check(p2m_lookup(D, GFN(0x5ff)).order == 9 && p2m_lookup(D, GFN(0x5ff)).mfn.v == m.v + 511);
    check(p2m_unmap(D, GFN(0x433)) == 0);
    check(count(MFN(m.v + 0x33)) == 0);
    for (uint64_t i = 0; i < 512; i++) {
        struct p2m_entry e = p2m_lookup(D, GFN(0x400 + i));
        check(i == 0x33 ? e.type == P2M_HOLE
                        : e.type == P2M_RAM && e.mfn.v == m.v + i && e.order == 0 && count(e.mfn) == 1);
    }
    check(p2m_map(D, GFN(0x433), other, P2M_RAM) == 0);
    check(p2m_map_order(D, GFN(0x400), MFN(0x80000), 9, P2M_MMIO) == -XEN_EEXIST);
    check(D->owned_pages == 512);
    destroy(D);
    check(D->owned_pages == 0);
}

static void a_large_page_over_a_large_page_gives_all_its_frames_back(void)
{
    create(D);
    mfn_t a = frame_alloc(D, 9), b = frame_alloc(D, 9);
    check(p2m_map_order(D, GFN(0), a, 9, P2M_RAM) == 0 && p2m_map_order(D, GFN(0), b, 9, P2M_RAM) == 0);
    for (uint64_t i = 0; i < 512; i++)
        check(count(MFN(a.v + i)) == 0 && count(MFN(b.v + i)) == 1);
    check(D->owned_pages == 512);
    destroy(D);
}

/* ---- who may have a frame ---- */

static void get_frame_follows_the_type(void)
{
    static const struct {
        enum p2m_type type;
        int read, write, any_read, any_write;
    } rules[] = {
        {P2M_RAM, 0, 0, 0, 0},
        {P2M_RAM_RO, 0, -XEN_EACCES, 0, -XEN_EACCES},
        {P2M_GRANT_RW, -XEN_EINVAL, -XEN_EINVAL, 0, 0},
        {P2M_GRANT_RO, -XEN_EINVAL, -XEN_EACCES, 0, -XEN_EACCES},
        {P2M_FOREIGN, -XEN_EINVAL, -XEN_EINVAL, 0, 0},
        {P2M_MMIO, -XEN_EINVAL, -XEN_EINVAL, -XEN_EINVAL, -XEN_EINVAL},
        {P2M_HOLE, -XEN_EINVAL, -XEN_EINVAL, -XEN_EINVAL, -XEN_EINVAL},
    };
    mfn_t got;

    create(D);
    for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++) {
        gfn_t g = GFN(100 + i);
        mfn_t m = rules[i].type == P2M_MMIO ? MFN(0xe0000) : page(i == 4 ? E : D);
        if (rules[i].type != P2M_HOLE)
            check(p2m_map(D, g, m, rules[i].type) == 0);
        const int want[4] = {rules[i].read, rules[i].write, rules[i].any_read, rules[i].any_write};
        for (unsigned int k = 0; k < 4; k++) {
            int rc = p2m_get_frame(D, g, k & 1, k & 2, &got);
            check(rc == want[k]);
            if (rc)
                continue;
            check(got.v == m.v && count(m) == 2);
            frame_put(got);
        }
    }
    destroy(D);
}

/* The entry goes between the look at it and the reference: an access then must not get a frame that is somebody else's
 * by now. */
static void a_frame_in_other_hands_is_not_got(void)
{
    mfn_t m = page(D), got;

    create(D);
    check(p2m_map(D, GFN(7), m, P2M_RAM) == 0);
    frame_put(m); /* as if it had been released under the entry */
    check(p2m_get_frame(D, GFN(7), true, true, &got) == -XEN_EINVAL);
    check(count(m) == 0);
    check(frame_alloc(D, 0).v != MFN_NONE.v);
}

/* ---- flushing ---- */

static struct cpu other;
static struct vcpu guest;
static mfn_t watched;
static uint32_t count_at_kick;

static void leave(unsigned int cpu)
{
    check(cpu == 1 && other.in_guest == &guest);
    count_at_kick = count(watched);
    other.in_guest = NULL;
}

static void run_on_cpu_1(struct domain *d)
{
    cpus[1] = &other;
    cpu_count = 2;
    other.id = 1;
    guest.domain = d;
    other.in_guest = &guest;
    memory_on_kick = leave;
}

static void a_frame_is_free_only_after_the_flush(void)
{
    create(D);
    watched = page(D);
    check(p2m_map(D, GFN(9), watched, P2M_RAM) == 0);
    run_on_cpu_1(D);
    uint64_t before = D->p2m->generation;
    check(p2m_unmap(D, GFN(9)) == 0);
    check(memory_kicks == 1 && count_at_kick == 1 && count(watched) == 0 && D->p2m->generation != before);
    destroy(D);
}

static void who_runs_something_else_is_not_disturbed(void)
{
    create(D);
    create(E);
    check(p2m_map(D, GFN(9), page(D), P2M_RAM) == 0);
    run_on_cpu_1(E);
    check(p2m_unmap(D, GFN(9)) == 0 && memory_kicks == 0);
}

static void a_batch_flushes_once(void)
{
    create(D);
    for (uint64_t i = 0; i < 100; i++)
        check(p2m_map(D, GFN(i), page(D), P2M_RAM) == 0);
    watched = p2m_lookup(D, GFN(0)).mfn;
    run_on_cpu_1(D);
    uint64_t before = D->p2m->generation;
    p2m_batch_begin(D);
    for (uint64_t i = 0; i < 100; i++)
        check(p2m_unmap(D, GFN(i)) == 0);
    check(D->owned_pages == 100 && memory_kicks == 0 && p2m_lookup(D, GFN(0)).type == P2M_HOLE);
    p2m_batch_end(D);
    check(D->owned_pages == 0 && memory_kicks == 1 && count_at_kick == 1 && D->p2m->generation == before + 1);
}

static void a_batch_larger_than_its_store_loses_nothing(void)
{
    create(D);
    p2m_batch_begin(D);
    for (uint64_t i = 0; i < 3 * DEFERRED_FRAMES + 7; i++) {
        check(p2m_map(D, GFN(i), page(D), P2M_RAM) == 0);
        check(p2m_unmap(D, GFN(i)) == 0);
    }
    p2m_batch_end(D);
    check(D->owned_pages == 0 && memory_cpu.deferred_count == 0);
}

/* ---- limits ---- */

static void teardown_is_in_steps_and_gives_back_every_frame(void)
{
    unsigned int steps = 1;

    create(D);
    for (uint64_t i = 0; i < 6000; i++)
        check(p2m_map(D, GFN(i * 3), page(D), P2M_RAM) == 0);
    mfn_t kept = p2m_lookup(D, GFN(3)).mfn;
    check(frame_get(kept, D)); /* another domain maps it by a grant */
    while (p2m_teardown(D)) {
        check(++steps < 10);
        check(D->owned_pages > 0);
    }
    check(steps >= 2 && D->owned_pages == 1 && count(kept) == 1 && D->p2m->tables == 0);
    p2m_destroy(D);
    p2m_destroy(D); /* accepts one that has gone */
    frame_put(kept);
    check(D->owned_pages == 0);
}

static void no_entry_shows_a_free_frame(void)
{
    for (uint64_t i = 0; i < 40; i++) {
        struct p2m_entry e = p2m_lookup(D, GFN(i * 100));
        check(e.type == P2M_HOLE || count(e.mfn) > 0);
    }
}

/* Whoever looks into a domain that is being torn down, as for a grant, finds what is still there, or nothing. */
static void teardown_can_be_watched(void)
{
    create(D);
    for (uint64_t i = 0; i < 40; i++)
        check(p2m_map(D, GFN(i * 100), page(D), P2M_RAM) == 0);
    memory_on_free = no_entry_shows_a_free_frame;
    destroy(D);
    check(D->owned_pages == 0);
}

/* A guest maps its shared page at one place after another, as far apart as can be. */
static void scattered_mappings_cannot_eat_the_hypervisors_memory(void)
{
    void *shared = heap_shared_page_alloc();
    mfn_t m = heap_page_mfn(shared);
    uint64_t n = 0;
    int rc = 0;

    D->max_pages = 1000;
    create(D);
    for (; n < 3000 && rc == 0; n++) {
        check(frame_get(m, NULL));
        rc = p2m_map(D, GFN(n << 9), m, P2M_RAM);
    }
    frame_put(m);
    check(rc == -XEN_ENOMEM && n < 1100);
    check(p2m_unmap(D, GFN(0)) == 0 && p2m_map(D, GFN(1), page(D), P2M_RAM) == 0); /* what has tables goes on */
    check(frame_alloc(E, 0).v != MFN_NONE.v);
    destroy(D);
    check(count(m) == 1);
}

static void no_memory_changes_nothing(void)
{
    create(D);
    mfn_t m = frame_alloc(D, 9), extra = page(D);
    check(p2m_map_order(D, GFN(0), m, 9, P2M_RAM) == 0);
    D->max_pages = 0;
    D->p2m->tables = 5000; /* it has had all its tables */
    uint64_t tables = D->p2m->tables;
    check(p2m_unmap(D, GFN(3)) == -XEN_ENOMEM);
    check(p2m_map(D, GFN(3), extra, P2M_RAM) == -XEN_ENOMEM);
    check(p2m_map(D, GFN(1ul << 27), extra, P2M_RAM) == -XEN_ENOMEM);
    check(D->p2m->tables == tables && count(extra) == 1);
    for (uint64_t i = 0; i < 512; i++)
        check(p2m_lookup(D, GFN(i)).mfn.v == m.v + i && count(MFN(m.v + i)) == 1);
}

/* Every frame's count equals the entries that point to it, whatever happens. */
static void counts_equal_entries_at_random(void)
{
    enum { GFNS = 2048, FRAMES = 64 };
    static mfn_t frame[FRAMES];
    static int8_t at[GFNS];
    uint32_t expected[FRAMES];
    unsigned int random = 11;

    create(D);
    for (int i = 0; i < FRAMES; i++)
        frame[i] = page(D);
    memset(at, -1, sizeof(at));
    for (int n = 0; n < 30000; n++) {
        random = random * 1103515245 + 12345;
        unsigned int g = (random >> 8) % GFNS, f = (random >> 20) % FRAMES;
        if (random >> 30 == 0) {
            check(p2m_unmap(D, GFN(g)) == (at[g] < 0 ? -XEN_ENOENT : 0));
            at[g] = -1;
        } else {
            check(frame_get(frame[f], D));
            check(p2m_map(D, GFN(g), frame[f], P2M_GRANT_RO) == 0);
            at[g] = (int8_t)f;
        }
    }
    for (int i = 0; i < FRAMES; i++)
        expected[i] = 1;
    for (int g = 0; g < GFNS; g++) {
        if (at[g] >= 0)
            expected[at[g]]++;
        check(p2m_lookup(D, GFN((uint64_t)g)).type == (at[g] < 0 ? P2M_HOLE : P2M_GRANT_RO));
    }
    for (int i = 0; i < FRAMES; i++)
        check(count(frame[i]) == expected[i]);
    destroy(D);
    for (int i = 0; i < FRAMES; i++)
        check(count(frame[i]) == 1);
}

int main(void)
{
    int failed = 0;

    MEMORY_TEST(an_entry_is_what_was_put_in);
    MEMORY_TEST(only_what_is_writable_can_be_written_and_foreign_pages_not_run);
    MEMORY_TEST(gfns_out_of_range_are_refused);
    MEMORY_TEST(a_page_over_another_gives_the_old_one_back);
    MEMORY_TEST(a_large_page_is_split_when_one_of_it_changes);
    MEMORY_TEST(a_large_page_over_a_large_page_gives_all_its_frames_back);
    MEMORY_TEST(get_frame_follows_the_type);
    MEMORY_TEST(a_frame_in_other_hands_is_not_got);
    MEMORY_TEST(a_frame_is_free_only_after_the_flush);
    MEMORY_TEST(who_runs_something_else_is_not_disturbed);
    MEMORY_TEST(a_batch_flushes_once);
    MEMORY_TEST(a_batch_larger_than_its_store_loses_nothing);
    MEMORY_TEST(teardown_is_in_steps_and_gives_back_every_frame);
    MEMORY_TEST(teardown_can_be_watched);
    MEMORY_TEST(scattered_mappings_cannot_eat_the_hypervisors_memory);
    MEMORY_TEST(no_memory_changes_nothing);
    MEMORY_TEST(counts_equal_entries_at_random);
    return failed != 0;
}
