/*
 * selfcheck.c - walks every CPU's page tables before the first guest runs: nothing is writable and executable, and no
 * RAM is mapped but the image and what the heap owns (frame table and tables included). A machine that fails this does
 * not start.
 */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/log.h>

extern const char image_start[], image_end[];

struct tally {
    uint64_t pages, executable, foreign, writable_code;
};

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

static void leaf(struct tally *t, uint64_t pte, uint64_t bytes)
{
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

/* Four levels at most: the depth of the recursion is bounded by `level`. */
static void walk(struct tally *t, const uint64_t *table, unsigned int level)
{
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t pte = table[i];
        if (!(pte & PTE_P))
            continue;
        if (level == 0 || pte & PTE_PS)
            leaf(t, pte, PAGE_SIZE << (9 * level));
        else
            walk(t, heap_page_of(MFN((pte & PTE_ADDR) >> PAGE_SHIFT)), level - 1);
    }
}

void selfcheck(void)
{
    struct tally t = {0};

    for (unsigned int i = 0; i < cpu_count; i++)
        walk(&t, heap_page_of(MFN(cpus[i]->root >> PAGE_SHIFT)), 3);
    if (t.writable_code || t.foreign)
        panic("self-check: %lu pages writable and executable, %lu pages of RAM mapped that are not the hypervisor's",
              t.writable_code, t.foreign);
    log_info("self-check: %lu pages mapped on %u CPUs, %lu executable, none writable and executable, no RAM of others",
             t.pages, cpu_count, t.executable);
}
