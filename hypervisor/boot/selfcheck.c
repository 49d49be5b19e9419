/*
 * selfcheck.c - walks every CPU's page tables before the first guest runs: nothing is writable and executable, and no
 * RAM is mapped but the image and what the heap owns (frame table and tables included). A machine that fails this does
 * not start. Private state of domains is looked for at any time: only the domain that a CPU shows may be there.
 */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/layout.h>
#include <hv/log.h>
#include <hv/selfcheck.h>

extern const char image_start[], image_end[];

struct tally {
    uint64_t pages, executable, foreign, writable_code;
};

static uint64_t switches;

static bool is_ram(uint64_t at)
{
    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM && at >= machine.e820[i].start &&
            at < machine.e820[i].start + machine.e820[i].size)
            return true;
    return false;
}

static bool is_image(uint64_t at)
{
    return at >= (uint64_t)image_start - IMAGE_BASE && at < (uint64_t)image_end - IMAGE_BASE;
}

static void check_leaf(void *tally, uint64_t va, uint64_t pte, uint64_t bytes)
{
    struct tally *t = tally;
    uint64_t at = pte & PTE_ADDR;

    for (uint64_t a = at; a < at + bytes; a += PAGE_SIZE) {
        t->pages++;
        if (!(pte & PTE_NX)) {
            t->executable++;
            t->writable_code += !!(pte & PTE_W);
        }
        if (is_ram(a) && !is_image(a) && !hostmap_is_ours(a))
            t->foreign++;
    }
}

/* Calls `leaf` for each mapping. Four levels at most: the depth of the recursion is bounded by `level`. */
static void walk(const uint64_t *table, unsigned int level, uint64_t va,
                 void (*leaf)(void *tally, uint64_t va, uint64_t pte, uint64_t bytes), void *tally)
{
    uint64_t bytes = PAGE_SIZE << (9 * level);

    for (unsigned int i = 0; i < 512; i++, va += bytes) {
        uint64_t pte = table[i];
        if (!(pte & PTE_P))
            continue;
        if (level == 0 || pte & PTE_PS)
            leaf(tally, va, pte, bytes);
        else
            walk(heap_page_of(MFN((pte & PTE_ADDR) >> PAGE_SHIFT)), level - 1, va, leaf, tally);
    }
}

static const uint64_t *root_of(const struct cpu *c)
{
    return heap_page_of(MFN(c->root >> PAGE_SHIFT));
}

void selfcheck(void)
{
    struct tally t = {0};

    for (unsigned int i = 0; i < cpu_count; i++)
        walk(root_of(cpus[i]), 3, 0, check_leaf, &t);
    if (t.writable_code || t.foreign)
        panic("self-check: %lu pages writable and executable, %lu pages of RAM mapped that are not the hypervisor's",
              t.writable_code, t.foreign);
    log_info("self-check: %lu pages mapped on %u CPUs, %lu executable, none writable and executable, no RAM of others",
             t.pages, cpu_count, t.executable);
}

/* Without the sign extension, as walk() counts. */
static bool in_private_slot(uint64_t va)
{
    return va >> 39 == (PRIVATE_BASE >> 39 & 511);
}

static void private_leaf(void *tally, uint64_t va, uint64_t pte, uint64_t bytes)
{
    const struct domain *d = this_cpu()->shown;
    struct private_view *view = tally;
    mfn_t mfn = MFN((pte & PTE_ADDR) >> PAGE_SHIFT);

    if (bytes == PAGE_SIZE && in_private_slot(va) && d && frame_private_to(mfn) == d->id)
        view->shown++;
    else
        view->others += in_private_slot(va) ? bytes >> PAGE_SHIFT : frames_private_among(mfn, bytes >> PAGE_SHIFT);
}

struct private_view selfcheck_private(void)
{
    struct private_view view = {.switches = __atomic_load_n(&switches, __ATOMIC_RELAXED)};

    walk(root_of(this_cpu()), 3, 0, private_leaf, &view);
    return view;
}

void selfcheck_switch(void)
{
    const struct domain *d = this_cpu()->shown;
    uint64_t all = 0;

    if (root_of(this_cpu())[0])
        return; /* the identity map is still there: all is mapped, and its tables are not the heap's */
    struct private_view view = selfcheck_private();
    for (unsigned int i = 0; d && i < 512; i++)
        all += d->private_ptes[i] & PTE_P;
    if (view.others || view.shown != all)
        panic("self-check: cpu %u sees %lu of %lu pages of private state of the domain it runs, and %lu others",
              this_cpu()->id, view.shown, all, view.others);
    __atomic_add_fetch(&switches, 1, __ATOMIC_RELAXED);
}
