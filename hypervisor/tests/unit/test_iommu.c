/*
 * test_iommu.c - what devices reach: the real iommu/, p2m, frame allocator and heap, against units made of software
 * that walk the tables and remember what they found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/memory.h"
#include "fake_vtd.h"
#include <hv/iommu_impl.h>
#include <hv/machine.h>
#include <hv/options.h>
#include <hv/p2m.h>
#include <hv/tlb.h>
#include <hv/vcpu.h>
#include <hv/xen.h>

#define D   (&memory_domain[0])
#define E   (&memory_domain[1])
#define NIC ((struct pci_addr){0, 0, 3 << 3})
#define ID  ((uint16_t)(3 << 3))

/* ---- configuration space: a few functions, by id ---- */

static struct function {
    uint16_t id;
    uint8_t header, secondary, subordinate;
    bool express;
} functions[16];
static unsigned int function_count;

static void add_function(struct function f)
{
    functions[function_count++] = f;
}

uint32_t host_pci_read(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    for (unsigned int i = 0; i < function_count; i++) {
        const struct function *f = &functions[i];
        if (f->id != (a.bus << 8 | a.devfn) || a.segment)
            continue;
        switch (reg) {
        case 0: return 0x12348086;
        case 6: return f->express ? 0x10 : 0;
        case 8: return 0x02000000;
        case 0xe: return f->header;
        case 0x19: return f->secondary;
        case 0x1a: return f->subordinate;
        case 0x34: return 0x40;
        case 0x40: return 0x0010;
        default: return 0;
        }
    }
    return bytes == 4 ? 0xffffffff : bytes == 2 ? 0xffff : 0xff;
}

/* ---- helpers ---- */

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

static void is_in_use(mfn_t m)
{
    check(count(m) > 0 && frame_owner(m) != DOMID_INVALID);
}

/* No unit may remember, at any moment, a way to a frame that is free. */
static void nothing_stale(void)
{
    fake_each_remembered(is_in_use);
}

static void start(unsigned int units)
{
    fake_vtd_reset(units);
    fake_before_forgetting = nothing_stale;
    cpus[0]->apic_id = 0x123;
}

static void create(struct domain *d)
{
    check(p2m_create(d) == 0 && iommu_domain_create(d) == 0);
}

static void with_device(unsigned int units)
{
    start(units);
    iommu_init();
    check(iommu_active());
    create(D);
    check(iommu_attach(D, NIC) == 0);
}

static bool reaches(gfn_t gfn, bool write, mfn_t m)
{
    uint64_t machine_at;
    return fake_dma(0, ID, (gfn.v << PAGE_SHIFT) + 0x123, write, &machine_at) == FAKE_DONE &&
           machine_at == (m.v << PAGE_SHIFT) + 0x123;
}

static bool stopped(gfn_t gfn)
{
    uint64_t machine_at;
    return fake_dma(0, ID, gfn.v << PAGE_SHIFT, false, &machine_at) != FAKE_DONE &&
           fake_dma(0, ID, gfn.v << PAGE_SHIFT, true, &machine_at) != FAKE_DONE;
}

/* ---- what is on, and what is not ---- */

static void without_a_table_it_is_off(void)
{
    start(1);
    machine.dmar.unusable = "it has no DMAR table";
    iommu_init();
    check(!iommu_active() && !iommu_remaps_interrupts() && fake_vtd[0].status == 0);
    create(D);
    check(D->iommu == NULL && iommu_attach(D, NIC) == 0);
    check(p2m_map(D, GFN(1), page(D), P2M_RAM) == 0 && p2m_unmap(D, GFN(1)) == 0);
}

static void iommu_off_leaves_the_hardware_alone(void)
{
    start(1);
    options.iommu = false;
    iommu_init();
    check(!iommu_active() && fake_vtd[0].status == 0);
}

static void units_that_cannot_do_it_are_left_alone(void)
{
    static const struct {
        uint64_t cap, ecap;
    } lacking[] = {
        {FAKE_CAP, FAKE_ECAP & ~BIT(1)},                     /* no queue */
        {FAKE_CAP & ~(0x1ful << 8), FAKE_ECAP},              /* no table depth */
        {~0ul, ~0ul},                                        /* nothing answers */
        {(FAKE_CAP & ~(0x1ful << 8)) | 2ul << 8, FAKE_ECAP}, /* another depth than unit 0 */
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(lacking); i++) {
        start(2);
        fake_vtd[1].cap = lacking[i].cap;
        fake_vtd[1].ecap = lacking[i].ecap;
        iommu_init();
        check(!iommu_active() && fake_vtd[0].status == 0 && fake_vtd[1].status == 0);
    }
}

static void all_units_are_on_before_any_device_is_attached(void)
{
    uint64_t m;
    start(2);
    iommu_init();
    for (unsigned int i = 0; i < 2; i++) {
        check((fake_vtd[i].status & 0xc7000000) == 0xc7000000 && !(fake_vtd[i].status & BIT(23)));
        check(fake_vtd[i].flushes && fake_vtd[i].context_flushes && fake_vtd[i].irq_flushes);
        for (unsigned int id = 0; id < 0x10000; id += 7)
            check(fake_dma(i, (uint16_t)id, 0x1000, true, &m) == FAKE_NO_CONTEXT);
    }
    check(iommu_covers(0xfed91fff, 0xfed92000) && !iommu_covers(0xfed92000, 0xfed93000));
    check(!iommu_covers(0xfed8f000, 0xfed90000) && iommu_covers(0xfed00000, 0xfee00000));
}

/* Translation with tables of the firmware's stays on until ours are there; tables of another kind cannot be exchanged
 * like that. */
static void what_the_firmware_left_on_is_taken_over(void)
{
    uint64_t m;
    for (unsigned int kind = 0; kind < 2; kind++) {
        start(1);
        fake_vtd[0].status = 0xc7000000;
        fake_vtd[0].root = 0x3000 | kind << 10;
        fake_vtd[0].queue = 0x5000;
        fake_vtd[0].head = 0x40;
        iommu_init();
        check(iommu_active() && fake_dma(0, ID, 0x1000, true, &m) == FAKE_NO_CONTEXT);
        check(fake_vtd[0].gaps == kind);
    }
}

static void one_unit_that_cannot_remap_switches_remapping_off(void)
{
    start(2);
    fake_vtd[1].ecap &= ~BIT(3);
    iommu_init();
    check(iommu_active() && !iommu_remaps_interrupts() && !(fake_vtd[0].status & BIT(25)));
}

static void an_ioapic_behind_no_unit_switches_remapping_off(void)
{
    start(1);
    machine.dmar.scope[0].id = 9;
    iommu_init();
    check(iommu_active() && !iommu_remaps_interrupts());
}

/* ---- who has a device ---- */

static void a_device_reaches_memory_while_it_is_attached(void)
{
    uint64_t at;
    with_device(1);
    mfn_t m = page(D);
    check(p2m_map(D, GFN(0x700), m, P2M_RAM) == 0);
    check(reaches(GFN(0x700), true, m) && reaches(GFN(0x700), false, m));
    check(fake_dma(0, ID + 1, 0x700000, false, &at) == FAKE_NO_CONTEXT);
    iommu_detach(D, NIC);
    check(fake_dma(0, ID, 0x700000, false, &at) == FAKE_NO_CONTEXT);
    check(iommu_attach(D, NIC) == 0 && reaches(GFN(0x700), true, m));
}

static void another_domains_device_is_not_given_away(void)
{
    with_device(1);
    create(E);
    mfn_t m = page(E);
    check(p2m_map(E, GFN(0x800), m, P2M_RAM) == 0);
    check(iommu_attach(E, NIC) == -XEN_EBUSY && stopped(GFN(0x800)));
    check(iommu_attach(D, NIC) == 0); /* again: nothing to do */
    iommu_detach(E, NIC);             /* not E's */
    check(stopped(GFN(0x800)));
    iommu_detach(D, NIC);
    check(iommu_attach(E, NIC) == 0 && reaches(GFN(0x800), true, m));
}

static void each_device_belongs_to_the_unit_that_names_it(void)
{
    const struct pci_addr graphics = {0, 0, 2 << 3}, behind = {0, 7, 0}, elsewhere = {1, 0, 0};
    uint64_t at;

    add_function((struct function){.id = 5 << 3, .header = 1, .secondary = 6, .subordinate = 8, .express = true});
    add_function((struct function){.id = 0x700, .express = true});
    with_device(2);
    check(p2m_map(D, GFN(0x700), page(D), P2M_RAM) == 0);
    check(iommu_attach(D, graphics) == 0 && iommu_attach(D, behind) == 0);
    check(fake_dma(1, 2 << 3, 0x700000, true, &at) == FAKE_DONE &&
          fake_dma(0, 2 << 3, 0x700000, true, &at) != FAKE_DONE);
    check(fake_dma(1, 0x700, 0x700000, true, &at) == FAKE_DONE && fake_dma(0, 0x700, 0x700000, true, &at) != FAKE_DONE);
    check(fake_dma(0, ID, 0x700000, true, &at) == FAKE_DONE && fake_dma(1, ID, 0x700000, true, &at) != FAKE_DONE);
    check(iommu_attach(D, elsewhere) == -XEN_ENODEV);
    unsigned int before = fake_vtd[1].flushes;
    check(p2m_unmap(D, GFN(0x700)) == 0 && fake_vtd[1].flushes == before + 1); /* both are asked to forget */
    check(fake_dma(1, 0x700, 0x700000, true, &at) != FAKE_DONE);
}

/* A PCI Express bridge to conventional PCI at 00:04.0 with bus 1, a conventional bridge at 00:06.0 with bus 2. */
static void old_devices_come_under_their_bridges_ids(void)
{
    const struct pci_addr a = {0, 1, 3 << 3}, b = {0, 2, 4 << 3}, modern = {0, 1, 7 << 3};
    uint64_t at;

    add_function((struct function){.id = 4 << 3, .header = 1, .secondary = 1, .subordinate = 1, .express = true});
    add_function((struct function){.id = 6 << 3, .header = 1, .secondary = 2, .subordinate = 2});
    add_function((struct function){.id = 0x118});
    add_function((struct function){.id = 0x220});
    add_function((struct function){.id = 0x138, .express = true});
    with_device(1);
    check(p2m_map(D, GFN(0x700), page(D), P2M_RAM) == 0);
    check(iommu_attach(D, a) == 0 && iommu_attach(D, b) == 0);
    check(fake_dma(0, 0x100, 0x700000, true, &at) == FAKE_DONE && fake_dma(0, 0x118, 0x700000, true, &at) == FAKE_DONE);
    check(fake_dma(0, 6 << 3, 0x700000, true, &at) == FAKE_DONE &&
          fake_dma(0, 0x200, 0x700000, true, &at) != FAKE_DONE);
    struct irq_source s = iommu_msi_source(a);
    check(s.whole_bus && s.id == 0x100);
    s = iommu_msi_source(b);
    check(!s.whole_bus && s.id == 6 << 3);
    s = iommu_msi_source(modern);
    check(!s.whole_bus && s.id == 0x138);
}

/* ---- what it reaches ---- */

static void rights_follow_the_type(void)
{
    static const struct {
        enum p2m_type type;
        bool of_other, read, write;
    } rules[] = {
        {P2M_RAM, false, true, true},      {P2M_RAM_RO, false, true, false},  {P2M_GRANT_RW, true, true, true},
        {P2M_GRANT_RO, true, true, false}, {P2M_FOREIGN, true, false, false}, {P2M_RAM, true, false, false},
    };
    with_device(1);
    for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++) {
        mfn_t m = page(rules[i].of_other ? E : D);
        gfn_t g = GFN(0x900 + i);
        check(p2m_map(D, g, m, rules[i].type) == 0);
        check(reaches(g, false, m) == rules[i].read && reaches(g, true, m) == rules[i].write);
        check(p2m_unmap(D, g) == 0 && stopped(g));
    }
    check(p2m_map(D, GFN(0xe0000), MFN(0xe0000), P2M_MMIO) == 0 && stopped(GFN(0xe0000)));
}

/* shared_info and grant tables stand in a guest's address space, but are the hypervisor's. */
static void pages_of_ours_are_not_reached(void)
{
    with_device(1);
    void *ours = heap_shared_page_alloc();
    check(frame_get(heap_page_mfn(ours), NULL));
    check(p2m_map(D, GFN(0x33), heap_page_mfn(ours), P2M_RAM) == 0);
    check(p2m_lookup(D, GFN(0x33)).type == P2M_RAM && stopped(GFN(0x33)));
}

static void large_pages_are_split_like_the_cpus(void)
{
    static const uint64_t caps[] = {FAKE_CAP, FAKE_CAP & ~(3ul << 34), (FAKE_CAP & ~(0x1ful << 8)) | 2ul << 8};

    start(1);
    fake_vtd[0].cap = caps[atoi(getenv("WHICH") ?: "0")];
    iommu_init();
    create(D);
    check(iommu_attach(D, NIC) == 0);
    mfn_t m = frame_alloc(D, 9);
    check(p2m_map_order(D, GFN(0x400), m, 9, P2M_RAM) == 0);
    check(reaches(GFN(0x400), true, m) && reaches(GFN(0x5ff), true, MFN(m.v + 511)) && stopped(GFN(0x600)));
    check(p2m_unmap(D, GFN(0x433)) == 0 && stopped(GFN(0x433)));
    for (uint64_t i = 0; i < 512; i++)
        check(i == 0x33 || reaches(GFN(0x400 + i), true, MFN(m.v + i)));
    mfn_t other = page(D);
    check(p2m_map(D, GFN(0x433), other, P2M_RAM) == 0 && reaches(GFN(0x433), false, other));
}
static void without_large_pages_too(void)
{
    setenv("WHICH", "1", 1);
    large_pages_are_split_like_the_cpus();
}
static void with_three_levels_too(void)
{
    setenv("WHICH", "2", 1);
    large_pages_are_split_like_the_cpus();
}

static void what_a_device_cannot_name_is_mapped_for_the_cpus(void)
{
    start(1);
    fake_vtd[0].cap = (FAKE_CAP & ~(0x1ful << 8)) | 2ul << 8; /* three levels: 512 GiB */
    iommu_init();
    create(D);
    check(iommu_attach(D, NIC) == 0);
    mfn_t m = page(D);
    gfn_t far = GFN(1ul << 27);
    check(p2m_map(D, far, m, P2M_RAM) == 0 && p2m_lookup(D, far).mfn.v == m.v && stopped(far));
    check(p2m_unmap(D, far) == 0 && count(m) == 0);
}

/* ---- when a frame is free ---- */

static void a_frame_is_free_only_when_the_unit_has_forgotten_it(void)
{
    with_device(1);
    mfn_t a = page(D), b = page(D);
    check(p2m_map(D, GFN(5), a, P2M_RAM) == 0 && reaches(GFN(5), true, a));
    check(p2m_map(D, GFN(5), b, P2M_RAM) == 0); /* nothing_stale() looks while the unit forgets */
    check(count(a) == 0 && reaches(GFN(5), true, b));
    check(p2m_unmap(D, GFN(5)) == 0 && count(b) == 0 && stopped(GFN(5)));
    nothing_stale();
}

static void a_batch_flushes_once(void)
{
    with_device(1);
    for (uint64_t i = 0; i < 100; i++) {
        mfn_t m = page(D);
        check(p2m_map(D, GFN(i), m, P2M_RAM) == 0 && reaches(GFN(i), true, m));
    }
    unsigned int before = fake_vtd[0].flushes;
    p2m_batch_begin(D);
    for (uint64_t i = 0; i < 100; i++)
        check(p2m_unmap(D, GFN(i)) == 0);
    p2m_batch_end(D);
    check(fake_vtd[0].flushes == before + 1 && D->owned_pages == 0);
    nothing_stale();
}

static void new_pages_need_no_flush(void)
{
    with_device(1);
    unsigned int before = fake_vtd[0].flushes;
    for (uint64_t i = 0; i < 100; i++)
        check(p2m_map(D, GFN(i), page(D), P2M_RAM) == 0);
    check(fake_vtd[0].flushes == before);
}

static void a_unit_that_remembers_what_was_not_there_is_told(void)
{
    start(1);
    fake_vtd[0].cap |= BIT(7);
    iommu_init();
    create(D);
    check(iommu_attach(D, NIC) == 0 && stopped(GFN(7)));
    mfn_t m = page(D);
    check(p2m_map(D, GFN(7), m, P2M_RAM) == 0 && reaches(GFN(7), true, m));
}

/* The tables say what the p2m says, whatever happened before. */
static void tables_follow_a_random_history(void)
{
    enum { GFNS = 1024 };
    static const enum p2m_type types[] = {P2M_RAM, P2M_RAM_RO, P2M_GRANT_RW, P2M_GRANT_RO, P2M_FOREIGN};

    with_device(1);
    srandom(7);
    for (unsigned int n = 0; n < 6000; n++) {
        gfn_t g = GFN((uint64_t)random() % GFNS);
        if (random() % 64 == 0) {
            mfn_t m = frame_alloc(D, 9);
            if (m.v != MFN_NONE.v && p2m_map_order(D, GFN(g.v & ~511ul), m, 9, P2M_RAM))
                for (uint64_t i = 0; i < 512; i++)
                    frame_put(MFN(m.v + i));
        } else if (random() % 3) {
            enum p2m_type type = types[(unsigned int)random() % ARRAY_SIZE(types)];
            check(p2m_map(D, g, page(type == P2M_RAM || type == P2M_RAM_RO ? D : E), type) == 0);
        } else {
            (void)p2m_unmap(D, g);
        }
        uint64_t at;
        (void)fake_dma(0, ID, ((uint64_t)random() % GFNS) << PAGE_SHIFT, random() & 1, &at);
        nothing_stale();
    }
    for (uint64_t i = 0; i < GFNS; i++) {
        struct p2m_entry e = p2m_lookup(D, GFN(i));
        bool read = e.type == P2M_RAM || e.type == P2M_RAM_RO || e.type == P2M_GRANT_RW || e.type == P2M_GRANT_RO;
        bool write = e.type == P2M_RAM || e.type == P2M_GRANT_RW;
        uint64_t at;
        check((fake_walk(0, ID, i << PAGE_SHIFT, false, &at) == FAKE_DONE) == read);
        check((fake_walk(0, ID, i << PAGE_SHIFT, true, &at) == FAKE_DONE) == write);
        check(!read || (fake_walk(0, ID, i << PAGE_SHIFT, false, &at) == FAKE_DONE && at == e.mfn.v << PAGE_SHIFT));
    }
}

static void a_unit_that_does_not_answer_stops_the_machine(void)
{
    int status;

    with_device(1);
    mfn_t m = page(D);
    check(p2m_map(D, GFN(5), m, P2M_RAM) == 0 && reaches(GFN(5), true, m));
    fake_vtd[0].stuck = true;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)p2m_unmap(D, GFN(5));
        _exit(0);
    }
    check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3); /* panic() */
}

/* ---- memory ---- */

static void tables_have_a_limit(void)
{
    with_device(1);
    D->max_pages = ~0ul;
    uint64_t limit = D->iommu->max_tables, n = 0;
    check(limit >= 1024 && limit <= 2048);
    mfn_t m = page(D);
    for (;; n++) {
        check(frame_get(m, D));
        if (p2m_map(D, GFN(n << 9), m, P2M_RAM))
            break;
    }
    check(D->iommu->tables <= limit && n > limit / 2);
    check(p2m_lookup(D, GFN(n << 9)).type == P2M_HOLE && stopped(GFN(n << 9)));
    check(p2m_unmap(D, GFN(0)) == 0);
}

static void no_memory_changes_nothing(void)
{
    with_device(1);
    mfn_t m = frame_alloc(D, 9), other = page(D);
    check(p2m_map_order(D, GFN(0x400), m, 9, P2M_RAM) == 0 && p2m_map(D, GFN(0x800), other, P2M_RAM) == 0);
    D->iommu->max_tables = D->iommu->tables;
    check(p2m_unmap(D, GFN(0x433)) == -XEN_ENOMEM); /* the CPUs' tables could be split */
    check(p2m_lookup(D, GFN(0x433)).mfn.v == m.v + 0x33 && reaches(GFN(0x433), true, MFN(m.v + 0x33)));
    mfn_t n = page(D);
    check(p2m_map(D, GFN(0x100000), n, P2M_RAM) == -XEN_ENOMEM && count(n) == 1);
    check(p2m_lookup(D, GFN(0x100000)).type == P2M_HOLE && stopped(GFN(0x100000)));
    check(p2m_map(D, GFN(0x801), n, P2M_RAM) == 0 && reaches(GFN(0x801), true, n));
}

static void the_end_of_a_domain_gives_everything_back(void)
{
    uint64_t at;
    int rc;

    with_device(1);
    for (uint64_t i = 0; i < 600; i++)
        check(p2m_map(D, GFN(i << 9), page(D), P2M_RAM) == 0);
    check(reaches(GFN(0), true, p2m_lookup(D, GFN(0)).mfn));
    uint16_t number = D->iommu->number;
    unsigned int calls = 0;
    while ((rc = p2m_teardown(D)))
        check(rc == -XEN_ERESTART && ++calls < 100);
    check(calls >= 2); /* in steps */
    check(D->iommu == NULL && D->owned_pages == 0);
    check(fake_dma(0, ID, 0, true, &at) == FAKE_NO_CONTEXT);
    nothing_stale();
    p2m_destroy(D);
    create(E);
    check(E->iommu->number == number && iommu_attach(E, NIC) == 0 && stopped(GFN(0)));
}

static void numbers_run_out_at_the_units_limit(void)
{
    start(1);
    fake_vtd[0].cap &= ~7ul; /* 16 numbers; 0 is not used, 1 is dom0's */
    iommu_init();
    for (unsigned int i = 0; i < 14; i++)
        check(iommu_domain_create(&(struct domain){.id = 9}) == 0);
    check(iommu_domain_create(&(struct domain){.id = 9}) == -XEN_ENOMEM);
}

/* ---- the firmware's regions ---- */

static void region(uint64_t at, uint64_t end)
{
    struct dmar *d = &machine.dmar;
    d->region[d->regions++] = (struct dmar_region){.start = at, .end = end, .scopes = {d->scopes, 1}};
    d->scope[d->scopes++] = (struct dmar_scope){.type = DMAR_ENDPOINT, .steps = 1, .devfn[0] = ID};
}

static void regions_are_reached_from_the_start_and_stay(void)
{
    gfn_t kept = GFN(MEMORY_GAP >> PAGE_SHIFT);

    add_function((struct function){.id = ID});
    start(1);
    fake_vtd[0].cap |= BIT(7);     /* it remembers what was not there: a flush is owed before there is a queue */
    fake_before_forgetting = NULL; /* these are no frames */
    region(MEMORY_GAP, MEMORY_GAP + 0x4000); /* what the firmware has reserved */
    region(0x100000, 0x104000);              /* RAM: refused */
    region(0xfed90000, 0xfed91000);          /* a unit's registers: refused */
    iommu_init();
    check(reaches(kept, true, MFN(kept.v)) && reaches(GFN(kept.v + 3), true, MFN(kept.v + 3)));
    check(stopped(GFN(kept.v + 4)) && stopped(GFN(0x100)) && stopped(GFN(0xfed90)));
    D->is_direct = true;
    create(D);
    check(p2m_map(D, kept, MFN(kept.v), P2M_MMIO) == 0 && reaches(kept, true, MFN(kept.v)));
    check(p2m_unmap(D, kept) == 0 && reaches(kept, true, MFN(kept.v)));
    create(E); /* others do not get them */
    iommu_detach(D, NIC);
    check(iommu_attach(E, NIC) == 0 && stopped(kept));
}

/* ---- interrupts ---- */

static bool message_works(uint16_t id, uint8_t vector)
{
    uint64_t address;
    uint32_t data, apic;
    uint8_t got;
    bool level;

    iommu_msi_message(vector, &address, &data);
    return fake_interrupt(0, id, address, data, &got, &apic, &level) && got == vector && apic == 0x123 && !level;
}

static void a_message_works_for_its_device_only(void)
{
    with_device(1);
    check(!message_works(ID, 0x61));
    iommu_irq_set(0x61, iommu_msi_source(NIC), 0x123, false);
    check(message_works(ID, 0x61) && !message_works(ID + 1, 0x61) && !message_works(ID, 0x62));
    unsigned int before = fake_vtd[0].irq_flushes;
    iommu_irq_clear(0x61);
    check(!message_works(ID, 0x61) && fake_vtd[0].irq_flushes == before + 1);
    iommu_irq_set(0x61, (struct irq_source){0x100, true}, 0x123, false);
    check(message_works(0x1ff, 0x61) && message_works(0x100, 0x61) && !message_works(0x200, 0x61));
}

static void messages_that_name_a_cpu_are_stopped(void)
{
    uint32_t apic;
    uint8_t vector;
    bool level;
    with_device(1);
    check(!fake_interrupt(0, ID, 0xfee00000, 0x61, &vector, &apic, &level));
    check(!(fake_vtd[0].status & BIT(23)));
}

static void pins_go_through_entries(void)
{
    uint32_t apic;
    uint8_t vector;
    bool level;

    with_device(1);
    uint64_t pin = iommu_ioapic_entry(0, 0x45, 0x123, true, true);
    check((pin & 0xff) == 0x45 && pin & BIT(13) && pin & BIT(15) && pin & BIT(48) && !(pin & BIT(16)));
    check(!(pin & 0x700)); /* reserved in this form */
    uint64_t index = pin >> 49 | (pin >> 11 & 1) << 15;
    uint64_t message = 0xfee00000 | BIT(4) | (index & 0x7fff) << 5 | (index >> 15) << 2;
    check(fake_interrupt(0, 0xff, message, 0, &vector, &apic, &level) && vector == 0x45 && apic == 0x123 && level);
    check(!fake_interrupt(0, ID, message, 0, &vector, &apic, &level));
    (void)iommu_ioapic_entry(0, 0x45, 0x123, false, false);
    check(fake_interrupt(0, 0xff, message, 0, &vector, &apic, &level) && !level);
}

static void eight_bit_destinations_without_x2apic(void)
{
    uint64_t address;
    uint32_t data, apic;
    uint8_t vector;
    bool level;

    start(1);
    fake_vtd[0].ecap &= ~BIT(4);
    iommu_init();
    check(iommu_remaps_interrupts());
    iommu_irq_set(0x50, (struct irq_source){ID, false}, 7, false);
    iommu_msi_message(0x50, &address, &data);
    check(fake_interrupt(0, ID, address, data, &vector, &apic, &level) && apic == 7);
}

int main(void)
{
    int failed = 0;
    MEMORY_TEST(without_a_table_it_is_off);
    MEMORY_TEST(iommu_off_leaves_the_hardware_alone);
    MEMORY_TEST(units_that_cannot_do_it_are_left_alone);
    MEMORY_TEST(all_units_are_on_before_any_device_is_attached);
    MEMORY_TEST(what_the_firmware_left_on_is_taken_over);
    MEMORY_TEST(one_unit_that_cannot_remap_switches_remapping_off);
    MEMORY_TEST(an_ioapic_behind_no_unit_switches_remapping_off);
    MEMORY_TEST(a_device_reaches_memory_while_it_is_attached);
    MEMORY_TEST(another_domains_device_is_not_given_away);
    MEMORY_TEST(each_device_belongs_to_the_unit_that_names_it);
    MEMORY_TEST(old_devices_come_under_their_bridges_ids);
    MEMORY_TEST(rights_follow_the_type);
    MEMORY_TEST(pages_of_ours_are_not_reached);
    MEMORY_TEST(large_pages_are_split_like_the_cpus);
    MEMORY_TEST(without_large_pages_too);
    MEMORY_TEST(with_three_levels_too);
    MEMORY_TEST(what_a_device_cannot_name_is_mapped_for_the_cpus);
    MEMORY_TEST(a_frame_is_free_only_when_the_unit_has_forgotten_it);
    MEMORY_TEST(a_batch_flushes_once);
    MEMORY_TEST(new_pages_need_no_flush);
    MEMORY_TEST(a_unit_that_remembers_what_was_not_there_is_told);
    MEMORY_TEST(tables_follow_a_random_history);
    MEMORY_TEST(a_unit_that_does_not_answer_stops_the_machine);
    MEMORY_TEST(tables_have_a_limit);
    MEMORY_TEST(no_memory_changes_nothing);
    MEMORY_TEST(the_end_of_a_domain_gives_everything_back);
    MEMORY_TEST(numbers_run_out_at_the_units_limit);
    MEMORY_TEST(regions_are_reached_from_the_start_and_stay);
    MEMORY_TEST(a_message_works_for_its_device_only);
    MEMORY_TEST(messages_that_name_a_cpu_are_stopped);
    MEMORY_TEST(pins_go_through_entries);
    MEMORY_TEST(eight_bit_destinations_without_x2apic);
    return failed;
}
