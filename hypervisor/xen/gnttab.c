/* gnttab.c - grant tables: their frames, and using one grant */
#include <hv/frame.h>
#include <hv/heap.h>
#include <hv/log.h>
#include <hv/p2m.h>
#include "grants.h"

/* The guest may change its entry as fast as we do: a few tries are for honest races, then it is its own fault. */
#define TRIES 5

/* flags and domid are read and changed as one word. */
union combo {
    uint32_t word;
    struct {
        uint16_t flags;
        domid_t domid;
    };
};

int gnttab_create(struct domain *d, unsigned int max_grant_frames, unsigned int max_maptrack_frames)
{
    struct grant_table *t = heap_alloc(sizeof(*t));

    if (!t)
        return -XEN_ENOMEM;
    t->max_frames = (unsigned int)MAX(MIN(max_grant_frames, MAX_GRANT_FRAMES), 1ul);
    t->max_map_pages = (unsigned int)MIN(max_maptrack_frames, MAX_MAPTRACK_PAGES);
    d->grants = t;
    if (gnttab_frame(d, 0).v != MFN_NONE.v)
        return 0;
    gnttab_destroy(d);
    return -XEN_ENOMEM;
}

static void free_frames(struct grant_frame *page)
{
    for (unsigned int i = 0; page && i < FRAMES_PER_PAGE; i++) {
        if (page[i].shared)
            frame_put(heap_page_mfn(page[i].shared)); /* somebody may still have it mapped */
        heap_page_free(page[i].state);
    }
    heap_page_free(page);
}

void gnttab_destroy(struct domain *d)
{
    struct grant_table *t = d->grants;

    if (!t)
        return;
    for (unsigned int i = 0; i < DIRECTORY; i++)
        free_frames(t->frames[i]);
    maps_free(t);
    heap_free(t, sizeof(*t));
    d->grants = NULL;
}

/* NULL if that frame cannot be there, or its part of the directory is not yet. */
static struct grant_frame *frame_slot(struct grant_table *t, size_t untrusted_index)
{
    if (untrusted_index >= t->max_frames)
        return NULL;
    size_t index = index_nospec(untrusted_index, t->max_frames);
    struct grant_frame *page = load_acquire(t->frames[index / FRAMES_PER_PAGE]);
    return page ? &page[index % FRAMES_PER_PAGE] : NULL;
}

static struct grant_frame *make_slot(struct grant_table *t, unsigned int index)
{
    if (!t->frames[index / FRAMES_PER_PAGE])
        store_release(t->frames[index / FRAMES_PER_PAGE], (struct grant_frame *)heap_page_alloc());
    return frame_slot(t, index);
}

/* Frames below `index` come when somebody asks for them: Linux maps the highest first, and asks for all. Lock held. */
static bool make_frame(struct grant_table *t, unsigned int index)
{
    struct grant_frame *f = make_slot(t, index);
    uint64_t *state = f ? heap_page_alloc() : NULL;
    void *shared = state ? heap_shared_page_alloc() : NULL;

    if (!shared) {
        heap_page_free(state);
        return false;
    }
    f->state = state;
    store_release(f->shared, (struct grant_entry_v1 *)shared);
    if (index >= t->frame_count)
        write_once(t->frame_count, index + 1);
    return true;
}

mfn_t gnttab_frame(struct domain *d, unsigned int index)
{
    struct grant_table *t = d->grants;

    if (index >= t->max_frames)
        return MFN_NONE;
    spin_lock(&t->lock);
    struct grant_frame *f = frame_slot(t, index);
    bool there = (f && f->shared) || make_frame(t, index);
    spin_unlock(&t->lock);
    return there ? heap_page_mfn(frame_slot(t, index)->shared) : MFN_NONE;
}

unsigned int gnttab_frame_count(struct domain *d)
{
    return read_once(d->grants->frame_count);
}

unsigned int gnttab_frame_limit(struct domain *d)
{
    return d->grants->max_frames;
}

unsigned int gnttab_mapped_count(struct domain *d)
{
    return read_once(d->grants->mapped);
}

static struct grant_entry_v1 *entry_of(struct grant_table *t, grant_ref_t untrusted_ref, uint64_t **state)
{
    size_t frame = untrusted_ref / GRANTS_PER_FRAME, slot = untrusted_ref % GRANTS_PER_FRAME;

    struct grant_frame *f = frame_slot(t, frame);
    struct grant_entry_v1 *shared = f ? load_acquire(f->shared) : NULL;
    *state = NULL;
    if (!shared)
        return NULL;
    *state = &f->state[slot];
    return &shared[slot];
}

/* Waits only for another CPU that is between these two calls, for the same grant. */
static uint64_t state_lock(uint64_t *state)
{
    for (;;) {
        uint64_t old = __atomic_load_n(state, __ATOMIC_RELAXED) & ~STATE_BUSY;
        if (__atomic_compare_exchange_n(state, &old, old | STATE_BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return old;
        cpu_relax();
    }
}

static void state_unlock(uint64_t *state, uint64_t value)
{
    __atomic_store_n(state, value, __ATOMIC_RELEASE);
}

/* Takes the guest's flags back that no use needs any more. */
static void clear_flags(struct grant_entry_v1 *entry, uint64_t state)
{
    uint16_t unused = 0;

    if (!(state & STATE_WRITERS))
        unused |= GTF_writing;
    if (!(state & (STATE_WRITERS | STATE_READERS)))
        unused |= GTF_reading;
    if (unused)
        __atomic_fetch_and(&entry->flags, (uint16_t)~unused, __ATOMIC_SEQ_CST);
}

/* Checks flags and domid, and marks the entry as read (and written) in the same instant. */
static int mark(struct grant_entry_v1 *entry, domid_t user, bool write, bool mapping)
{
    const uint16_t type_mask = (uint16_t)(GTF_type_mask | (mapping ? GTF_sub_page : 0));
    uint32_t *word = (uint32_t *)(void *)entry;
    union combo old = {.word = __atomic_load_n(word, __ATOMIC_SEQ_CST)};

    for (int i = 0; i < TRIES; i++) {
        union combo new = old;
        if ((old.flags & type_mask) != GTF_permit_access || old.domid != user || (write && old.flags & GTF_readonly))
            return GNTST_general_error;
        new.flags |= (uint16_t)(GTF_reading | (write ? GTF_writing : 0));
        if (__atomic_compare_exchange_n(word, &old.word, new.word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

/* The frame field counts from the moment the entry is marked; an honest granter does not change it after that. */
static int find_frame(struct domain *granter, const struct grant_entry_v1 *entry, bool write, mfn_t *out)
{
    uint32_t untrusted_frame = __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);

    if (p2m_get_frame(granter, GFN(untrusted_frame), write, false, out))
        return GNTST_bad_page;
    if (frame_owner(*out) == granter->id)
        return GNTST_okay;
    frame_put(*out); /* a page of ours that it sees: shared_info, its grant table */
    return GNTST_bad_page;
}

int grant_use(struct domain *granter, domid_t user, grant_ref_t untrusted_ref, bool write, bool mapping, mfn_t *out)
{
    uint64_t *state, uses;
    struct grant_entry_v1 *entry = entry_of(granter->grants, untrusted_ref, &state);

    if (!entry)
        return GNTST_bad_gntref;
    uses = state_lock(state);
    int status = mark(entry, user, write, mapping);
    if (status == GNTST_okay) {
        status = find_frame(granter, entry, write, out);
        if (status == GNTST_okay)
            uses += write ? STATE_WRITER : STATE_READER;
        else
            clear_flags(entry, uses);
    }
    state_unlock(state, uses);
    return status;
}

void grant_unuse(struct domain *granter, grant_ref_t ref, bool write)
{
    uint64_t *state;
    struct grant_entry_v1 *entry =
        entry_of(granter->grants, ref, &state); /* there: frames never go while the domain is there */
    assert_hv(entry);
    uint64_t uses = state_lock(state) - (write ? STATE_WRITER : STATE_READER);

    clear_flags(entry, uses);
    state_unlock(state, uses);
}
