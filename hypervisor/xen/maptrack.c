/* maptrack.c - the mappings that a domain holds of others' pages: handles, allocated without a lock */
#include <hv/heap.h>
#include <hv/hypercall.h>
#include "grants.h"

/* Entries looked at in one call of gnttab_release_mappings() */
#define RELEASE_STEP 4096u

/* Only handles below map_page_count, which was published after the pages. */
static struct map_entry *entry_at(struct grant_table *t, uint32_t handle)
{
    uint32_t page = handle / (uint32_t)MAPS_PER_PAGE;

    return &t->map_pages[page / POINTERS_PER_PAGE][page % POINTERS_PER_PAGE][handle % MAPS_PER_PAGE];
}

struct map_entry *map_of(struct grant_table *t, grant_handle_t untrusted_handle)
{
    size_t bound = (size_t)load_acquire(t->map_page_count) * MAPS_PER_PAGE;

    if (untrusted_handle >= bound)
        return NULL;
    return entry_at(t, (uint32_t)index_nospec(untrusted_handle, bound));
}

static void push(struct grant_table *t, grant_handle_t handle, struct map_entry *m)
{
    uint64_t head = __atomic_load_n(&t->free_maps, __ATOMIC_RELAXED), next;

    do {
        write_once(m->next_free, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | (handle + 1);
    } while (!__atomic_compare_exchange_n(&t->free_maps, &head, next, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* next_free of an entry that another CPU has just taken reads as garbage: the tag has changed then, and the exchange
 * fails. */
static struct map_entry *pop(struct grant_table *t, grant_handle_t *handle)
{
    uint64_t head = __atomic_load_n(&t->free_maps, __ATOMIC_ACQUIRE), next;
    struct map_entry *m;

    do {
        if (!(uint32_t)head)
            return NULL;
        *handle = (uint32_t)head - 1;
        m = entry_at(t, *handle);
        next = ((head >> 32) + 1) << 32 | read_once(m->next_free);
    } while (!__atomic_compare_exchange_n(&t->free_maps, &head, next, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    return m;
}

/* Lock held. */
static struct map_entry *add_page(struct grant_table *t)
{
    struct map_entry ***directory = &t->map_pages[t->map_page_count / POINTERS_PER_PAGE];

    if (!*directory)
        *directory = heap_page_alloc();
    struct map_entry *entries = *directory ? heap_page_alloc() : NULL;
    if (entries) {
        (*directory)[t->map_page_count % POINTERS_PER_PAGE] = entries;
        store_release(t->map_page_count, t->map_page_count + 1);
    }
    return entries;
}

static bool grow(struct grant_table *t)
{
    spin_lock(&t->lock);
    uint32_t first = t->map_page_count * (uint32_t)MAPS_PER_PAGE;
    struct map_entry *entries = t->map_page_count < t->max_map_pages ? add_page(t) : NULL;
    for (uint32_t i = 0; entries && i < MAPS_PER_PAGE; i++)
        push(t, first + i, &entries[i]);
    spin_unlock(&t->lock);
    return entries;
}

void maps_free(struct grant_table *t)
{
    for (unsigned int i = 0; i < t->map_page_count; i++)
        heap_page_free(t->map_pages[i / POINTERS_PER_PAGE][i % POINTERS_PER_PAGE]);
    for (unsigned int i = 0; i < DIRECTORY; i++)
        heap_page_free(t->map_pages[i]);
}

struct map_entry *map_alloc(struct grant_table *t, grant_handle_t *handle)
{
    struct map_entry *m;

    while (!(m = pop(t, handle))) {
        if (!grow(t))
            return NULL;
    }
    __atomic_store_n(&m->state, MAP_BUSY, __ATOMIC_RELAXED);
    return m;
}

void map_free(struct grant_table *t, grant_handle_t handle, struct map_entry *m)
{
    m->granter = NULL;
    __atomic_store_n(&m->state, MAP_FREE, __ATOMIC_RELEASE);
    push(t, handle, m);
}

void map_release(struct grant_table *t, grant_handle_t handle, struct map_entry *m)
{
    struct domain *granter = m->granter;

    grant_unuse(granter, m->ref, m->write);
    __atomic_fetch_sub(&granter->grants->mapped, 1, __ATOMIC_RELAXED);
    map_free(t, handle, m);
    domain_put(granter);
}

/* The vCPUs of `d` will never run again and its p2m goes with its frame references, so only the grants are given back
 * here. */
int gnttab_release_mappings(struct domain *d)
{
    struct grant_table *t = d->grants;
    uint32_t end = t->map_page_count * (uint32_t)MAPS_PER_PAGE;
    uint32_t stop = MIN(end, t->release_next + RELEASE_STEP);

    for (; t->release_next < stop; t->release_next++) {
        struct map_entry *m = entry_at(t, t->release_next);
        uint16_t active = MAP_ACTIVE;
        if (__atomic_compare_exchange_n(&m->state, &active, MAP_BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            map_release(t, t->release_next, m);
    }
    if (t->release_next < end)
        return -XEN_ERESTART;
    t->release_next = 0;
    return 0;
}
