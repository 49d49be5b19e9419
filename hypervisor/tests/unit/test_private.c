/* test_private.c - the slot of private state: what a walk of this CPU's tables finds there, and nowhere else */
#include <stdio.h>
#include <string.h>
#include "core/memory.h"
#include <hv/fpu.h>
#include <hv/hostmap.h>
#include <hv/options.h>
#include <hv/private.h>
#include <hv/selfcheck.h>
#include <hv/vcpu.h>

#define A         (&memory_domain[0])
#define B         (&memory_domain[1])
#define PAGES     3u /* of a vCPU: control block, registers and vector state */
#define FPU_BYTES 6000u

static uint64_t root_entry;
static struct vcpu vcpu[MEMORY_DOMAINS][2];

struct options options = {.selfcheck = true};
static unsigned int selfchecks;

void selfcheck_switch(void)
{
    selfchecks++;
}
static unsigned int stacks_forgotten;
void cpu_forget_stack(void)
{
    stacks_forgotten++;
}
size_t fpu_area_bytes(void)
{
    return FPU_BYTES;
}
void domain_ref(struct domain *d)
{
    d->refs++;
}

static void make(struct domain *d, unsigned int vcpus)
{
    check(private_create(d) == 0);
    struct domain *was = private_enter(d);
    for (unsigned int i = 0; i < vcpus; i++) {
        struct vcpu *v = &vcpu[d - memory_domain][i];
        *v = (struct vcpu){.id = i, .domain = d};
        check(private_add(v) == 0);
    }
    private_leave(was);
}

static void start(void)
{
    memory_cpu.private_entry = &root_entry;
    make(A, 2);
    make(B, 1);
    check(!memory_cpu.shown && !root_entry);
}

static uint64_t *table(uint64_t entry)
{
    check(entry & PTE_P);
    uint64_t *t = heap_page_of(MFN((entry & PTE_ADDR) >> PAGE_SHIFT));
    check(frame_private_to(heap_page_mfn(t)) == DOMID_INVALID); /* tables are heap */
    return t;
}

/* The frame this CPU sees at an address of the slot, as its page walker would find it. */
static mfn_t walk(uint64_t va)
{
    uint64_t entry = root_entry;

    for (unsigned int level = 3; level-- > 0;) {
        if (!(entry & PTE_P))
            return MFN_NONE;
        entry = table(entry)[va >> (12 + 9 * level) & 511];
    }
    if (!(entry & PTE_P))
        return MFN_NONE;
    check(entry & PTE_W && entry & PTE_NX && !(entry & PTE_U));
    return MFN((entry & PTE_ADDR) >> PAGE_SHIFT);
}

/* How many pages of the slot are there; each must be `d`'s. */
static unsigned int seen_of(const struct domain *d)
{
    unsigned int n = 0;

    if (!root_entry)
        return 0;
    for (unsigned int i = 1; i < 512; i++)
        check(!table(root_entry)[i] && !table(table(root_entry)[0])[i]);
    for (uint64_t i = 0; i < 512; i++) {
        mfn_t m = walk(PRIVATE_BASE + i * PAGE_SIZE);
        if (m.v == MFN_NONE.v)
            continue;
        check(d && frame_private_to(m) == d->id);
        n++;
    }
    return n;
}

static void a_cpu_sees_the_domain_it_shows_and_no_other(void)
{
    start();
    check(seen_of(NULL) == 0);
    private_show(A);
    check(seen_of(A) == 2 * PAGES);
    private_show(B);
    check(seen_of(B) == PAGES);
    private_show(NULL);
    check(seen_of(NULL) == 0);
    check(selfchecks > 0);
    uint64_t found = 0;
    for (uint64_t f = 0; f < MEMORY_BYTES / PAGE_SIZE; f += 16)
        found += frames_private_among(MFN(f), 16);
    check(found == 3 * PAGES);
}

static void each_vcpu_has_pages_of_its_own(void)
{
    start();
    private_show(A);
    for (unsigned int i = 0; i < 2; i++) {
        uint64_t at = (uint64_t)vcpu[0][i].private;
        check(walk(at).v == private_control_block(&vcpu[0][i]).v >> PAGE_SHIFT);
        for (unsigned int page = 0; page < PAGES; page++)
            check(frame_private_to(walk(at + page * PAGE_SIZE)) == A->id);
    }
    check(vcpu[0][0].private != vcpu[0][1].private && vcpu[0][0].private == vcpu[1][0].private);
    check(private_control_block(&vcpu[0][0]).v != private_control_block(&vcpu[1][0]).v);
}

/* A translation that was used must go with the entry; where there was none, a flush is for nothing. */
static void flushes_are_as_many_as_needed(void)
{
    start();
    memory_flushes = 0;
    private_show(A);
    check(memory_flushes == 0);
    private_show(A);
    check(memory_flushes == 0);
    private_show(B);
    check(memory_flushes == 1);
    private_show(NULL);
    check(memory_flushes == 2);
    private_show(NULL);
    check(memory_flushes == 2);
}

static void the_stack_keeps_nothing_of_another_domain(void)
{
    start();
    private_show(A);
    stacks_forgotten = 0;
    private_show(NULL);
    private_show(A);
    check(stacks_forgotten == 0);
    private_show(NULL);
    private_show(B);
    check(stacks_forgotten == 1);
    private_show(A);
    check(stacks_forgotten == 2);
    private_leave(private_enter(B)); /* the caller is still at work */
    check(stacks_forgotten == 2);
}

static void who_is_shown_stays(void)
{
    start();
    private_show(A);
    check(A->refs == 2);
    private_show(A);
    check(A->refs == 2);
    private_show(B);
    check(A->refs == 1 && B->refs == 2);
    private_show(NULL);
    check(A->refs == 1 && B->refs == 1);
}

static void a_look_at_another_domain_ends(void)
{
    start();
    private_show(A);
    memory_flushes = 0;
    struct domain *was = private_enter(B);
    check(was == A && seen_of(B) == PAGES && memory_flushes == 1);
    check(A->refs == 2);
    private_leave(was);
    check(seen_of(A) == 2 * PAGES && memory_flushes == 2);
    check(A->refs == 2 && B->refs == 1);
    was = private_enter(A); /* itself */
    private_leave(was);
    check(seen_of(A) == 2 * PAGES && memory_flushes == 2);
}

static void frames_are_ours_alone_and_come_back_empty(void)
{
    mfn_t frame[PAGES];

    heap_page_free(heap_page_alloc()); /* the heap has its first piece */
    uint64_t heap = heap_bytes(), free = frames_free_count();
    start();
    check(frames_private_count() == 3 * PAGES && frames_free_count() == free - 3 * PAGES);
    check(heap_bytes() == heap);
    private_show(B);
    for (unsigned int i = 0; i < PAGES; i++) {
        frame[i] = walk((uint64_t)vcpu[1][0].private + i * PAGE_SIZE);
        check(!frame_get(frame[i], NULL) && !frame_get(frame[i], A) && !frame_get(frame[i], B));
        check(frame_owner(frame[i]) == DOMID_INVALID);
        for (unsigned int k = 0; k < PAGE_SIZE; k++)
            check(!memory_at(frame[i])[k]);
        memset(memory_at(frame[i]), 0x5e, PAGE_SIZE);
    }
    private_show(NULL);
    private_destroy(B);
    for (unsigned int i = 0; i < PAGES; i++) {
        check(frame_private_to(frame[i]) == DOMID_INVALID);
        for (unsigned int k = 0; k < PAGE_SIZE; k++)
            check(!memory_at(frame[i])[k]);
    }
    private_destroy(A);
    check(frames_private_count() == 0 && frames_free_count() == free && heap_bytes() == heap);
    check(A->owned_pages == 0 && B->owned_pages == 0);
}

static void memory_may_end_anywhere(void)
{
    static mfn_t taken[MEMORY_BYTES / PAGE_SIZE];
    unsigned int n = 0;

    heap_page_free(heap_page_alloc());
    while ((taken[n] = frame_alloc(A, 0)).v != MFN_NONE.v)
        n++;
    for (unsigned int free = 0; free <= PAGES; free++) {
        check(private_create(B) == 0);
        vcpu[1][0] = (struct vcpu){.domain = B};
        check((private_add(&vcpu[1][0]) == 0) == (free == PAGES));
        private_destroy(B);
        check(frames_free_count() == free && frames_private_count() == 0);
        frame_put(taken[--n]);
    }
}

static void tables_may_be_missing(void)
{
    static void *pages[20000];
    unsigned int n = 0;

    while ((pages[n] = heap_page_alloc()))
        n++;
    for (unsigned int free = 0; free < 3; free++) {
        check(private_create(B) == -XEN_ENOMEM);
        private_destroy(B);
        heap_page_free(pages[--n]);
    }
    check(private_create(B) == 0);
    private_destroy(B);
}

int main(void)
{
    int failed = 0;

    MEMORY_TEST(a_cpu_sees_the_domain_it_shows_and_no_other);
    MEMORY_TEST(each_vcpu_has_pages_of_its_own);
    MEMORY_TEST(flushes_are_as_many_as_needed);
    MEMORY_TEST(the_stack_keeps_nothing_of_another_domain);
    MEMORY_TEST(who_is_shown_stays);
    MEMORY_TEST(a_look_at_another_domain_ends);
    MEMORY_TEST(frames_are_ours_alone_and_come_back_empty);
    MEMORY_TEST(memory_may_end_anywhere);
    MEMORY_TEST(tables_may_be_missing);
    return failed != 0;
}
