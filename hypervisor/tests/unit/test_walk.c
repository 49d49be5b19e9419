/* test_walk.c - guest-virtual addresses in every paging mode, and copies that cross pages; over the real p2m and frames
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/memory.h"
#include <hv/guestcopy.h>
#include <hv/guestview.h>
#include <hv/p2m.h>
#include <hv/vcpu.h>
#include <hv/x86.h>
#include <hv/xen.h>

#define D  (&memory_domain[0])
#define P  1u
#define W  2u
#define PS 0x80u

static struct vcpu_private private;
static struct vcpu v = {.domain = D, .private = &private};

void vcpu_fetch(struct vcpu *x, enum reg_group group)
{
    abort();
}

/* RAM at gfns 0 to 63, backed by frames in reverse order so that neighbours are none of the machine's. */
static void machine_up(void)
{
    check(p2m_create(D) == 0);
    for (uint64_t i = 0; i < 64; i++) {
        mfn_t m = frame_alloc(D, 0);
        check(m.v != MFN_NONE.v && p2m_map(D, GFN(63 - i), m, P2M_RAM) == 0);
    }
    v.private->regs.available = REGS_CONTROL | REGS_SEGMENTS;
}

static void put(uint64_t at, uint64_t value, size_t bytes)
{
    check(copy_to_gpa(D, GPA(at), &value, bytes) == 0);
}

static void mode(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
    v.private->regs.cr0 = cr0;
    v.private->regs.cr3 = cr3;
    v.private->regs.cr4 = cr4;
    v.private->regs.efer = efer;
}

#define NOWHERE (~0ul)
static uint64_t where(uint64_t va, bool write)
{
    gpa_t out = GPA(0);
    int rc = guest_translate(&v, GUEST_PTR(va), write, &out);
    check(rc == 0 || rc == -XEN_EFAULT);
    return rc ? NOWHERE : out.v;
}

static void four_levels(void)
{
    machine_up();
    mode(CR0_PE | CR0_PG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA);
    put(0x1000 + 511 * 8, 0x2000 | P | W, 8); /* the kernel's half */
    put(0x2000 + 510 * 8, 0x3000 | P | W, 8);
    put(0x2000 + 511 * 8, 0x40000000 | P | W | PS, 8); /* 1 GiB */
    put(0x3000 + 3 * 8, 0x4000 | P | W, 8);
    put(0x3000 + 4 * 8, 0x600000 | P | PS, 8); /* 2 MiB, read-only */
    put(0x4000 + 5 * 8, 0x7000 | P | W | 1ul << 63, 8);
    put(0x4000 + 6 * 8, 0x8000 | P, 8);
    put(0x4000 + 7 * 8, 0x9000 | W, 8);
    const uint64_t top = 0xffffff8000000000ul + (510ul << 30);
    check(where(top + (3ul << 21) + 0x5123, true) == 0x7123);
    check(where(top + (3ul << 21) + 0x6123, false) == 0x8123);
    check(where(top + (3ul << 21) + 0x6123, true) == NOWHERE);
    check(where(top + (3ul << 21) + 0x7123, false) == NOWHERE);
    check(where(top + (4ul << 21) + 0x123456, false) == 0x600000 + 0x123456);
    check(where(top + (4ul << 21), true) == NOWHERE);
    check(where(0xffffffffffffffff, true) == 0x40000000 + 0x3fffffff);
    check(where(0, false) == NOWHERE);
    /* the same bits without their sign extension */
    check(where((top + (3ul << 21) + 0x5123) & 0xffffffffffff, true) == NOWHERE);
    check(where(0x8000000000000000, false) == NOWHERE && where(0xffff7fffffffffff, false) == NOWHERE);
}

static void a_right_is_needed_at_every_level(void)
{
    machine_up();
    mode(CR0_PE | CR0_PG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA);
    for (unsigned int without = 0; without < 8; without++) {
        unsigned int level = without / 2, bit = without & 1 ? W : P;
        for (unsigned int l = 0; l < 4; l++)
            put(0x1000 * (l + 1), (0x1000 * (l + 2)) | (l == level ? (P | W) & ~bit : P | W), 8);
        check(where(0x10, true) == NOWHERE);
        check((where(0x10, false) == 0x5010) == (bit == W));
    }
}

static void tables_outside_ram_are_a_fault(void)
{
    machine_up();
    static const uint64_t bad[] = {0x40000 /* a hole */, 0xfffffffff000, 0x000ffffffffff000};
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        mode(CR0_PE | CR0_PG, bad[i], CR4_PAE, EFER_LME | EFER_LMA);
        check(where(0, false) == NOWHERE);
        mode(CR0_PE | CR0_PG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA);
        put(0x1000, bad[i] | P | W, 8);
        check(where(0, false) == NOWHERE);
    }
    check(p2m_map(D, GFN(100), MFN(0xe0000), P2M_MMIO) == 0); /* nor are a device's registers a table */
    put(0x1000, 100ul << 12 | P | W, 8);
    check(where(0, false) == NOWHERE);
    put(0x1000, 0x1000 | P | W, 8); /* a table that is its own entry ends too */
    check(where(0, false) == 0x1000);
}

static void three_levels(void)
{
    machine_up();
    mode(CR0_PE | CR0_PG, 0x1020, CR4_PAE, 0); /* 32-byte aligned */
    put(0x1020 + 3 * 8, 0x2000 | P, 8);        /* no W bit at the top */
    put(0x2000 + 511 * 8, 0x3000 | P | W, 8);
    put(0x2000 + 1 * 8, 0x200000 | P | W | PS, 8);
    put(0x3000 + 511 * 8, 0x5000 | P | W, 8);
    check(where(0xffffffff, true) == 0x5fff);
    check(where(0xc0200000 + 0x1234, true) == 0x201234);
    check(where(0xbfffffff, false) == NOWHERE);
    check(where(0x1ffffffff, false) == NOWHERE && where(0xffffffffffffffff, false) == NOWHERE);
}

static void two_levels(void)
{
    machine_up();
    mode(CR0_PE | CR0_PG, 0x1000, CR4_PSE, 0);
    put(0x1000 + 1023 * 4, 0x2000 | P | W, 4);
    put(0x1000 + 1 * 4, 0x400000 | P | W | PS, 4);
    put(0x2000 + 1023 * 4, 0x6000 | P, 4);
    put(0x2000 + 1022 * 4, 0xffffffff & ~W, 4);
    check(where(0xfffffabc, false) == 0x6abc && where(0xfffffabc, true) == NOWHERE);
    check(where(0xffffe000, false) == 0xfffff000);
    check(where(0x412345, true) == 0x412345);
    check(where(0x800000, false) == NOWHERE && where(0x100412345, false) == NOWHERE);
}

static void without_paging_addresses_are_themselves(void)
{
    machine_up();
    mode(CR0_PE, 0x1000, CR4_PAE, EFER_LME);
    check(where(0x12345, true) == 0x12345 && where(0xffffffff, false) == 0xffffffff &&
          where(0x100000000, false) == NOWHERE);
}

/* ---- copies ---- */

static void copies_cross_pages(void)
{
    static char in[20000], out[20000];

    machine_up();
    mode(CR0_PE, 0, 0, 0);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (char)(i * 7 + i / 256);
    for (uint64_t start = 0x4ffe; start < 0x5003; start++) {
        check(copy_to_guest(&v, GUEST_PTR(start), in, sizeof(in)) == 0);
        memset(out, 0, sizeof(out));
        check(copy_from_guest(&v, out, GUEST_PTR(start), sizeof(out)) == 0 && !memcmp(in, out, sizeof(in)));
    }
    check(copy_from_guest(&v, out, GUEST_PTR(0x40000), 0) == 0); /* nothing of nowhere */
}

static void copies_end_at_the_first_page_that_is_not_there(void)
{
    char buf[64];

    machine_up();
    mode(CR0_PE, 0, 0, 0);
    check(copy_from_guest(&v, buf, GUEST_PTR(0x40000 - 32), 64) == -XEN_EFAULT);
    check(copy_from_gpa(D, buf, GPA(0x40000 - 32), 64) == -XEN_EFAULT);
    check(copy_to_gpa(D, GPA(~0ul - 5), buf, 64) == -XEN_EFAULT);
    check(copy_from_guest(&v, buf, GUEST_PTR(~0ul - 5), 64) == -XEN_EFAULT); /* around the end */
    check(copy_from_guest(&v, buf, GUEST_PTR(8), ~0ul) == -XEN_EFAULT);
    mfn_t m = frame_alloc(D, 0);
    check(p2m_map(D, GFN(62), m, P2M_RAM_RO) == 0);
    memset(memory_at(m), 0x11, PAGE_SIZE);
    check(copy_to_gpa(D, GPA(0x3e000), "x", 1) == -XEN_EFAULT && copy_from_gpa(D, buf, GPA(0x3e000), 8) == 0 &&
          buf[7] == 0x11);
    check(memory_at(m)[0] == 0x11);
}

static void fetching_code_stops_at_the_border(void)
{
    unsigned char code[15];

    machine_up();
    mode(CR0_PE, 0, 0, 0);
    check(guest_fetch(&v, 0x40000 - 4, code, 15) == 4);
    check(guest_fetch(&v, 0x3f000 - 4, code, 15) == 15);
    check(guest_fetch(&v, 0x40000, code, 15) == 0);
    check(guest_fetch(&v, ~0ul - 3, code, 15) == 0);
}

static void no_reference_is_left_behind(void)
{
    static char buf[9000];

    machine_up();
    mode(CR0_PE | CR0_PG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA);
    for (unsigned int l = 0; l < 4; l++)
        put(0x1000 * (l + 1), (0x1000 * (l + 2)) | P | W, 8);
    for (int i = 0; i < 50; i++) {
        (void)!copy_from_guest(&v, buf, GUEST_PTR(0x800), sizeof(buf)); /* its second page is missing */
        (void)!copy_to_guest(&v, GUEST_PTR(0x10), buf, 100);
    }
    for (uint64_t g = 0; g < 64; g++)
        check(*(uint32_t *)(FRAMES_BASE + p2m_lookup(D, GFN(g)).mfn.v * 20) == 1);
}

/* ---- pages that stay in sight ---- */

static unsigned int views(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < GUEST_VIEWS; i++)
        n += memory_views[i] != NULL;
    return n;
}

static void what_the_map_says_now_is_what_is_seen(void)
{
    uint64_t seen, random = 1;

    machine_up();
    mode(CR0_PE, 0, 0, 0);
    for (unsigned int n = 0; n < 20000; n++) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        gfn_t gfn = GFN(random >> 33 & 127);
        enum p2m_type type = random >> 40 & 1 ? P2M_RAM : P2M_RAM_RO;
        if ((random >> 45) % 8 == 0) {
            (void)!p2m_unmap(D, gfn);
        } else if ((random >> 45) % 8 == 1) {
            mfn_t m = frame_alloc(D, 0);
            check(m.v != MFN_NONE.v && p2m_map(D, gfn, m, type) == 0);
            *(uint64_t *)memory_at(m) = random;
        }
        struct p2m_entry e = p2m_lookup(D, gfn);
        guest_ptr_t at = GUEST_PTR(gfn.v << PAGE_SHIFT);
        check((copy_from_guest(&v, &seen, at, 8) == 0) == (e.type != P2M_HOLE));
        check(e.type == P2M_HOLE || seen == *(uint64_t *)memory_at(e.mfn));
        check((copy_to_guest(&v, at, &random, 8) == 0) == (e.type == P2M_RAM));
        check(e.type != P2M_RAM || *(uint64_t *)memory_at(e.mfn) == random);
    }
}

static void the_running_domain_is_copied_through_views_others_are_not(void)
{
    uint64_t value = 5;

    machine_up();
    mode(CR0_PE, 0, 0, 0);
    check(copy_from_gpa(D, &value, GPA(0x3000), 8) == 0 && views() == 0);
    memory_cpu.current = &v;
    check(copy_from_gpa(D, &value, GPA(0x3000), 8) == 0 && views() == 1);
    check(copy_to_gpa(D, GPA(0x3000), &value, 8) == 0 && views() == 1);
    guest_views_keep_only(D);
    check(views() == 1);
    check(p2m_create(&memory_domain[1]) == 0);
    guest_views_keep_only(&memory_domain[1]);
    check(views() == 0);
    /* as many pages as there are places, and more */
    for (uint64_t i = 0; i < 64; i++)
        check(copy_from_gpa(D, &value, GPA(i << PAGE_SHIFT), 8) == 0 && views() <= GUEST_VIEWS);
    check(views() == GUEST_VIEWS);
}

static struct cpu other_cpu;
static unsigned int waits;

/* Whoever waits for another CPU lets it run: it comes to the end of its access. */
int sched_yield(void)
{
    waits++;
    other_cpu.accessing = NULL;
    return 0;
}

static void a_frame_in_use_by_an_access_elsewhere_is_not_freed(void)
{
    machine_up();
    cpus[1] = &other_cpu;
    cpu_count = 2;
    uint64_t freed = frames_free_count();
    check(p2m_unmap(D, GFN(1)) == 0 && waits == 0 && frames_free_count() == freed + 1);
    other_cpu.accessing = D->p2m;
    check(p2m_unmap(D, GFN(2)) == 0 && waits == 1);
    check(p2m_create(&memory_domain[1]) == 0);
    other_cpu.accessing = memory_domain[1].p2m; /* that is not the memory it uses */
    check(p2m_unmap(D, GFN(3)) == 0 && waits == 1);
}

static void an_access_ends_whatever_comes_of_it(void)
{
    char buf[16];
    gpa_t at;

    machine_up();
    mode(CR0_PE | CR0_PG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA);
    check(copy_from_guest(&v, buf, GUEST_PTR(0x10), sizeof(buf)) == -XEN_EFAULT && !memory_cpu.accessing);
    check(guest_translate(&v, GUEST_PTR(0x10), false, &at) == -XEN_EFAULT && !memory_cpu.accessing);
    mode(CR0_PE, 0, 0, 0);
    check(copy_from_guest(&v, buf, GUEST_PTR(0x10), sizeof(buf)) == 0 && !memory_cpu.accessing);
    check(copy_from_guest(&v, buf, GUEST_PTR(0x40000), sizeof(buf)) == -XEN_EFAULT && !memory_cpu.accessing);
    guest_access_begin(D);
    check(memory_cpu.accessing == D->p2m);
    guest_access_end();
}

int main(void)
{
    int failed = 0;

    MEMORY_TEST(four_levels);
    MEMORY_TEST(a_right_is_needed_at_every_level);
    MEMORY_TEST(tables_outside_ram_are_a_fault);
    MEMORY_TEST(three_levels);
    MEMORY_TEST(two_levels);
    MEMORY_TEST(without_paging_addresses_are_themselves);
    MEMORY_TEST(copies_cross_pages);
    MEMORY_TEST(copies_end_at_the_first_page_that_is_not_there);
    MEMORY_TEST(fetching_code_stops_at_the_border);
    MEMORY_TEST(no_reference_is_left_behind);
    MEMORY_TEST(what_the_map_says_now_is_what_is_seen);
    MEMORY_TEST(the_running_domain_is_copied_through_views_others_are_not);
    MEMORY_TEST(a_frame_in_use_by_an_access_elsewhere_is_not_freed);
    MEMORY_TEST(an_access_ends_whatever_comes_of_it);
    return failed != 0;
}
