/*
 * ownership.c - who owns and who holds each frame, worked out anew after hypercalls and compared with the frame table.
 *
 * The image with this file is linked from the product's own objects; xen_hypercall() leads through here. After a call
 * (each n-th with the option audit=n) the model counts what refers to each frame: p2m entries of all domains, pins,
 * frames that wait for a flush, frames a direct domain has parked, private tables, and the hypervisor's own pages that
 * guests see. Then every frame's owner and count must be just that, every grant mapping must have its grant, and every
 * domain must own what it is charged for. A difference stops the machine with one line that names the frame.
 *
 * An audit needs all CPUs out of hypercalls. It does not wait for that, since a hypercall may wait for a CPU that
 * waits here: it is left out then. Work outside hypercalls (a domain's last reference going on an idle CPU) may be
 * under way: so only a difference that stays is one.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/guestcopy.h>
#include <hv/heap.h>
#include <hv/hostmap.h>
#include <hv/hypercall.h>
#include <hv/layout.h>
#include <hv/log.h>
#include <hv/options.h>
#include <hv/p2m_impl.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/window.h>
#include "mm/frame_table.h"
#include "xen/grants.h"

#define MODEL_FRAMES (256ul << 20 >> PAGE_SHIFT) /* all RAM must lie below */
#define LOOKS        1000u                       /* at a difference, before it is believed */

/* Of the test image alone: a call that takes a reference on the caller's frame `arg` and forgets it; a model that does
 * not stop at the next look sees nothing. */
#define OP_LOSE_REFERENCE 0x10000u

static struct frame *const frames = (struct frame *)FRAMES_BASE;

static struct view {
    uint16_t references;
    bool held;    /* a page of ours that its domain holds for guests to see */
    bool private; /* in a domain's private table */
    bool mapped_as_own;
    domid_t owner; /* whose RAM it is mapped as, if mapped_as_own; whose private table */
} model[MODEL_FRAMES];

static struct difference {
    const char *what; /* NULL: none */
    uint64_t frame, is, should_be;
    domid_t domain;
} difference;

static uint64_t audits, skipped;
static uint64_t top;                            /* RAM ends here, in frames */
static uint32_t owned_by[DOMID_FIRST_RESERVED]; /* frames in use, of domains that are there */
static uint64_t unused;                         /* frames that nobody has */

static void differs(const char *what, domid_t domain, uint64_t frame, uint64_t is, uint64_t should_be)
{
    if (!difference.what)
        difference = (struct difference){what, frame, is, should_be, domain};
}

static bool in_ram(uint64_t f)
{
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type == E820_RAM && f << PAGE_SHIFT >= e->start && (f + 1) << PAGE_SHIFT <= e->start + e->size)
            return true;
    }
    return false;
}

static struct view *view_of(const char *who, domid_t domain, uint64_t f)
{
    if (f < MODEL_FRAMES && in_ram(f))
        return &model[f];
    differs(who, domain, f, 0, 0);
    return NULL;
}

/* A mapping of a granted page must have its handle; several may name one place, the last of which counts. */
static bool has_handle(const struct domain *d, uint64_t gfn, const struct p2m_entry *e)
{
    const struct grant_table *t = d->grants;

    for (uint32_t h = 0; h < t->map_page_count * MAPS_PER_PAGE; h++) {
        const struct map_entry *m = map_of(d->grants, h);
        if (m->state == MAP_ACTIVE && m->gfn.v == gfn && m->mfn.v == e->mfn.v && (m->write || e->type == P2M_GRANT_RO))
            return true;
    }
    return false;
}

static void count_page(const struct domain *d, uint64_t gfn, const struct p2m_entry *e)
{
    struct view *v = view_of("is in a p2m and is no RAM", d->id, e->mfn.v);

    if (!v)
        return;
    v->references++;
    switch (e->type) {
    case P2M_RAM:
    case P2M_RAM_RO:
        if (frames[e->mfn.v].owner == DOMID_XEN)
            break; /* shared_info, grant tables */
        if (v->mapped_as_own)
            differs("is RAM at two places", d->id, e->mfn.v, gfn, 0);
        if (d->is_direct && gfn != e->mfn.v)
            differs("is not where it must be in a direct map", d->id, e->mfn.v, gfn, e->mfn.v);
        v->mapped_as_own = true;
        v->owner = d->id;
        break;
    case P2M_GRANT_RW:
    case P2M_GRANT_RO:
        if (!d->dying && !has_handle(d, gfn, e))
            differs("is mapped as granted, without a handle", d->id, e->mfn.v, gfn, 0);
        break;
    case P2M_FOREIGN:
        if (!d->is_control)
            differs("is mapped as foreign, not by the control domain", d->id, e->mfn.v, gfn, 0);
        break;
    default: differs("is mapped with a type that has no frame", d->id, e->mfn.v, (uint64_t)e->type, 0);
    }
}

/* Four levels: the depth of the recursion is bounded by `level`. Returns the number of tables below. */
static uint64_t count_table(const struct domain *d, const uint64_t *table, unsigned int level, uint64_t gfn)
{
    uint64_t tables = 0;

    for (unsigned int i = 0; i < 512; i++, gfn += 1ul << (9 * level)) {
        if (npt_is_table(table[i], level)) {
            tables += 1 + count_table(d, heap_page_of(npt_mfn(table[i])), level - 1, gfn);
            continue;
        }
        struct p2m_entry e = npt_decode(table[i], 9 * level);
        if (e.type == P2M_HOLE || e.type == P2M_MMIO)
            continue;
        uint64_t first = e.mfn.v;
        for (uint64_t n = 0; n < 1ul << e.order; n++) {
            e.mfn = MFN(first + n);
            count_page(d, gfn + n, &e);
        }
    }
    return tables;
}

static void hold(const struct domain *d, const void *page)
{
    struct view *v = page ? view_of("is a page of ours and no RAM", d->id, heap_page_mfn(page).v) : NULL;

    if (v)
        v->held = true;
}

/* The uses that the states of a domain's grants speak of, and the pages of its table. */
static void count_grants(const struct domain *d, uint64_t *readers, uint64_t *writers)
{
    const struct grant_table *t = d->grants;

    for (unsigned int i = 0; i < t->max_frames; i++) {
        const struct grant_frame *page = t->frames[i / FRAMES_PER_PAGE], *f = &page[i % FRAMES_PER_PAGE];
        if (!page || !f->shared)
            continue;
        hold(d, f->shared);
        for (unsigned int n = 0; n < GRANTS_PER_FRAME; n++) {
            *readers += f->state[n] & STATE_READERS;
            *writers += (f->state[n] & STATE_WRITERS) / STATE_WRITER;
        }
    }
}

/* Of all domains' handles those that name `granter`. */
static void count_handles(const struct domain *granter, uint64_t *readers, uint64_t *writers)
{
    struct domain *d;

    for (domid_t from = 0; (d = domain_next(from)); from = (domid_t)(d->id + 1), domain_put(d)) {
        for (uint32_t h = 0; h < d->grants->map_page_count * MAPS_PER_PAGE; h++) {
            const struct map_entry *m = map_of(d->grants, h);
            if (m->state == MAP_BUSY)
                differs("is a handle that nobody changes and that is not at rest", d->id, m->mfn.v, h, 0);
            if (m->state == MAP_ACTIVE && m->granter == granter)
                *(m->write ? writers : readers) += 1;
        }
    }
}

static void check_grants(const struct domain *d)
{
    uint64_t readers = 0, writers = 0, reading = 0, writing = 0;

    count_grants(d, &readers, &writers);
    count_handles(d, &reading, &writing);
    if (readers != reading || writers != writing)
        differs("grants: uses of its grants against handles of them", d->id, writers << 32 | writing, readers, reading);
    if (d->grants->mapped != reading + writing)
        differs("grants: mappings counted against handles", d->id, 0, d->grants->mapped, reading + writing);
}

static void count_private(const struct domain *d)
{
    for (unsigned int i = 0; d->private_ptes && i < 512; i++) {
        if (!(d->private_ptes[i] & PTE_P))
            continue;
        struct view *v = view_of("is private state and no RAM", d->id, (d->private_ptes[i] & PTE_ADDR) >> PAGE_SHIFT);
        if (!v)
            continue;
        v->references++;
        v->private = true;
        v->owner = d->id;
    }
}

static void count_domain(const struct domain *d)
{
    uint64_t tables = count_table(d, d->p2m->root, 3, 0);

    owned_by[d->id] = 0;
    if (tables != d->p2m->tables)
        differs("p2m: tables charged against tables there", d->id, 0, d->p2m->tables, tables);
    hold(d, d->shared_info);
    check_grants(d);
    count_private(d);
}

static void count_reference(const char *who, mfn_t mfn)
{
    struct view *v = mfn.v != MFN_NONE.v ? view_of(who, DOMID_XEN, mfn.v) : NULL;

    if (v)
        v->references++;
}

static void count_ours(void)
{
    for (unsigned int i = 0; i < PIN_SLOTS; i++)
        count_reference("is pinned and no RAM", pin_holds(i));
    for (unsigned int c = 0; c < cpu_count; c++)
        for (unsigned int i = 0; i < cpus[c]->deferred_count; i++)
            count_reference("waits for a flush and is no RAM", cpus[c]->deferred[i]);
}

/* A frame of a direct domain that is not mapped at home is parked: one reference more. Frames of nobody (the image)
 * look like dom0's and are not in use; that none of dom0's is lost shows in the sums. */
static bool is_parked(uint64_t f)
{
    return dom0 && frames[f].count && frames[f].owner == dom0->id &&
           !(model[f].mapped_as_own && model[f].owner == dom0->id);
}

static void check_heap_page(uint64_t f)
{
    const struct view *v = &model[f];
    uint64_t held = v->references + v->held;

    /* Pages of ours that no guest sees: in use or not, nobody else knows. */
    if (held ? frames[f].count != held : frames[f].count > 1)
        differs("is the hypervisor's: references counted against references known", DOMID_XEN, f, frames[f].count,
                held);
    if (v->private)
        differs("is private state and in the heap", v->owner, f, frames[f].count, 0);
}

static void check_frame(uint64_t f)
{
    const struct frame *is = &frames[f];
    const struct view *v = &model[f];

    if (is->owner == DOMID_XEN) {
        check_heap_page(f);
        return;
    }
    uint64_t known = v->references + is_parked(f);
    if (is->count != known)
        differs("references counted against references known", is->owner, f, is->count, known);
    if (v->held)
        differs("is a page of ours that the heap does not own", is->owner, f, is->count, known);
    if (v->mapped_as_own && v->owner != is->owner)
        differs("is mapped as RAM of another than its owner", v->owner, f, is->owner, v->owner);
    if (v->private != (is->owner == DOMID_PRIVATE && is->count) || (v->private && is->next != v->owner))
        differs("private state: owner in the frame table against owner of the table", v->owner, f, is->next, v->owner);
    if (!is->count && is->managed && is->owner != DOMID_INVALID)
        differs("is free and has an owner", is->owner, f, 0, 0);
    unused += is->managed && !is->count;
    if (is->count && is->owner < DOMID_FIRST_RESERVED)
        owned_by[is->owner]++;
}

/* How many frames each domain owns, and how many nobody has. */
static void check_sums(void)
{
    struct domain *d;

    if (unused != frames_free_count())
        differs("free frames in the lists against free frames there", DOMID_XEN, 0, frames_free_count(), unused);
    for (domid_t from = 0; (d = domain_next(from)); from = (domid_t)(d->id + 1), domain_put(d))
        if (owned_by[d->id] != d->owned_pages)
            differs("pages charged against pages owned", d->id, 0, d->owned_pages, owned_by[d->id]);
}

static void look(void)
{
    struct domain *d;

    difference.what = NULL;
    unused = 0;
    memset(model, 0, top * sizeof(*model));
    for (domid_t from = 0; (d = domain_next(from)); from = (domid_t)(d->id + 1), domain_put(d))
        count_domain(d);
    count_ours();
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (e->type != E820_RAM)
            continue;
        uint64_t end = (e->start + e->size) >> PAGE_SHIFT;
        for (uint64_t f = ALIGN_UP(e->start, PAGE_SIZE) >> PAGE_SHIFT; f < end; f++)
            check_frame(f);
    }
    check_sums();
}

static void find_top(void)
{
    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM)
            top = MAX(top, (machine.e820[i].start + machine.e820[i].size) >> PAGE_SHIFT);
    if (top > MODEL_FRAMES)
        panic("ownership: the model is for machines of up to %lu MiB", MODEL_FRAMES >> 8);
}

static void audit(void)
{
    if (!audits++)
        find_top();
    look();
    for (unsigned int i = 1; difference.what && i < LOOKS; i++) {
        cpu_relax();
        look();
    }
    if (difference.what)
        panic("ownership: frame %lx (d%u) %s: %lx, %lx; audit %lu", difference.frame, difference.domain,
              difference.what, difference.is, difference.should_be, audits);
    if (!(audits & (audits - 1)))
        log_info("ownership: %lu audits, %lu left out, all frames are as they should be", audits, skipped);
}

/* audit=n on the command line: at each n-th call; 1 if it is not there. */
static unsigned int interval(void)
{
    static unsigned int n;

    for (const char *p = options.line; !n && *p; p++)
        if (!strncmp(p, "audit=", 6))
            for (p += 6; *p >= '0' && *p <= '9'; p++)
                n = n * 10 + (unsigned int)(*p - '0');
    n = n ? n : 1;
    return n;
}

#define AUDITING BIT(31)
static uint32_t inside; /* CPUs in a hypercall; AUDITING: none may come in */

static void come_in(void)
{
    uint32_t n = read_once(inside);

    do {
        while (n & AUDITING) {
            cpu_relax();
            n = read_once(inside);
        }
    } while (!__atomic_compare_exchange_n(&inside, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

static void go_out(void)
{
    static uint32_t calls;
    uint32_t alone = 1;

    if (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % interval()) {
        __atomic_sub_fetch(&inside, 1, __ATOMIC_RELEASE);
        return;
    }
    if (__atomic_compare_exchange_n(&inside, &alone, AUDITING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        audit();
        __atomic_store_n(&inside, 0, __ATOMIC_RELEASE);
        return;
    }
    skipped++;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_RELEASE);
}

static bool loses_reference(struct vcpu *v)
{
    const uint64_t *r = v->private->regs.gpr;
    mfn_t mfn;

    if (r[RAX] != __HYPERVISOR_arch_7 || r[RDI] != OP_LOSE_REFERENCE)
        return false;
    return p2m_get_frame(v->domain, GFN(r[RSI]), false, false, &mfn) == 0;
}

/* The linker (--wrap) sends calls of xen_hypercall() here. */
void __wrap_xen_hypercall(struct vcpu *v, unsigned int bytes);
void __real_xen_hypercall(struct vcpu *v, unsigned int bytes);
void __wrap_xen_hypercall(struct vcpu *v, unsigned int bytes)
{
    come_in();
    if (loses_reference(v))
        log_warn("ownership: a reference was lost on purpose");
    __real_xen_hypercall(v, bytes);
    go_out();
}
