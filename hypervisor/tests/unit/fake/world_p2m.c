/* world_p2m.c - address spaces: one array of entries per domain; flushes are counted, frames that leave wait for them
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"
#include "world_inside.h"

struct p2m {
    pthread_mutex_t lock;
    struct p2m_entry entry[WORLD_GFNS];
    uint64_t max_gfn;
};

static _Thread_local bool batching;
static _Thread_local mfn_t deferred[512];
static _Thread_local unsigned int deferred_count;

int p2m_create(struct domain *d)
{
    d->p2m = calloc(1, sizeof(*d->p2m));
    pthread_mutex_init(&d->p2m->lock, NULL);
    return 0;
}

void p2m_destroy(struct domain *d)
{
    free(d->p2m);
}

struct p2m_entry p2m_peek(struct domain *d, uint64_t gfn)
{
    return d->p2m->entry[gfn];
}

static bool has_frame(struct p2m_entry e)
{
    return e.type != P2M_HOLE && e.type != P2M_MMIO;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e = {.type = P2M_HOLE, .mfn = MFN_NONE};

    if (gfn.v >= WORLD_GFNS)
        return e;
    pthread_mutex_lock(&d->p2m->lock);
    if (d->p2m->entry[gfn.v].type != P2M_HOLE)
        e = d->p2m->entry[gfn.v];
    pthread_mutex_unlock(&d->p2m->lock);
    return e;
}

static void flush(void)
{
    __atomic_fetch_add(&world.flushes, 1, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < deferred_count; i++)
        frame_put(deferred[i]);
    deferred_count = 0;
}

static void release(struct p2m_entry e)
{
    if (!has_frame(e))
        return;
    deferred[deferred_count++] = e.mfn;
    if (!batching || deferred_count == ARRAY_SIZE(deferred))
        flush();
}

int p2m_map_order(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    uint64_t n = 1ul << order;
    struct p2m_entry old[512];

    if (gfn.v >= WORLD_GFNS || n > ARRAY_SIZE(old) || gfn.v + n > WORLD_GFNS || gfn.v % n)
        return -XEN_EINVAL;
    if (world.fail_heap_after == 0)
        return -XEN_ENOMEM; /* table memory */
    pthread_mutex_lock(&d->p2m->lock);
    for (uint64_t i = 0; order && i < n; i++) {
        if (d->p2m->entry[gfn.v + i].type != P2M_HOLE && d->p2m->entry[gfn.v + i].order < order) {
            pthread_mutex_unlock(&d->p2m->lock);
            return -XEN_EEXIST; /* as where a table of single pages is */
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        old[i] = d->p2m->entry[gfn.v + i];
        d->p2m->entry[gfn.v + i] = (struct p2m_entry){.type = type, .mfn = MFN(mfn.v + i), .order = order};
    }
    d->p2m->max_gfn = MAX(d->p2m->max_gfn, gfn.v + n - 1);
    pthread_mutex_unlock(&d->p2m->lock);
    for (uint64_t i = 0; i < n; i++)
        release(old[i]);
    return 0;
}

int p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    return p2m_map_order(d, gfn, mfn, 0, type);
}

int p2m_unmap(struct domain *d, gfn_t gfn)
{
    if (gfn.v >= WORLD_GFNS)
        return -XEN_ENOENT;
    pthread_mutex_lock(&d->p2m->lock);
    struct p2m_entry old = d->p2m->entry[gfn.v];
    d->p2m->entry[gfn.v] = (struct p2m_entry){0};
    pthread_mutex_unlock(&d->p2m->lock);
    release(old);
    return old.type == P2M_HOLE ? -XEN_ENOENT : 0;
}

void p2m_batch_begin(struct domain *d)
{
    if (batching)
        abort();
    batching = true;
}

void p2m_batch_end(struct domain *d)
{
    if (!batching)
        abort();
    batching = false;
    if (deferred_count)
        flush();
}

int p2m_get_frame(struct domain *d, gfn_t gfn, bool write, bool any, mfn_t *out)
{
    struct p2m_entry e = p2m_lookup(d, gfn);

    if (!has_frame(e) || (!any && e.type != P2M_RAM && e.type != P2M_RAM_RO))
        return -XEN_EINVAL;
    if (write && (e.type == P2M_RAM_RO || e.type == P2M_GRANT_RO))
        return -XEN_EACCES;
    if (!frame_get(e.mfn, NULL))
        return -XEN_EINVAL;
    if (p2m_lookup(d, gfn).mfn.v != e.mfn.v) {
        frame_put(e.mfn);
        return -XEN_EINVAL;
    }
    *out = e.mfn;
    return 0;
}

gfn_t p2m_max_gfn(struct domain *d)
{
    return GFN(d->p2m->max_gfn);
}

int p2m_teardown(struct domain *d)
{
    for (uint64_t gfn = 0; gfn < WORLD_GFNS; gfn++) {
        if (d->p2m->entry[gfn].type != P2M_HOLE)
            (void)!p2m_unmap(d, GFN(gfn));
    }
    return 0;
}

/* ---- guest memory ---- */

static int copy(struct domain *d, uint64_t at, void *buf, size_t bytes, bool write)
{
    if (at + bytes < at)
        return -XEN_EFAULT;
    for (size_t done = 0; done < bytes;) {
        uint64_t offset = (at + done) & PAGE_MASK;
        size_t n = MIN(bytes - done, PAGE_SIZE - offset);
        mfn_t mfn;
        if ((at + done) >> PAGE_SHIFT == world.unreadable ||
            p2m_get_frame(d, GFN((at + done) >> PAGE_SHIFT), write, true, &mfn))
            return -XEN_EFAULT;
        if (write)
            memcpy(frame_bytes(mfn) + offset, (uint8_t *)buf + done, n);
        else
            memcpy((uint8_t *)buf + done, frame_bytes(mfn) + offset, n);
        frame_put(mfn);
        done += n;
    }
    return 0;
}

int copy_from_guest(struct vcpu *v, void *dst, guest_ptr_t src, size_t bytes)
{
    return copy(v->domain, src.v, dst, bytes, false);
}

int copy_to_guest(struct vcpu *v, guest_ptr_t dst, const void *src, size_t bytes)
{
    return copy(v->domain, dst.v, (void *)(uintptr_t)src, bytes, true);
}

int copy_from_gpa(struct domain *d, void *dst, gpa_t src, size_t bytes)
{
    return copy(d, src.v, dst, bytes, false);
}

int copy_to_gpa(struct domain *d, gpa_t dst, const void *src, size_t bytes)
{
    return copy(d, dst.v, (void *)(uintptr_t)src, bytes, true);
}

int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    struct p2m_entry e = p2m_lookup(v->domain, GFN(va.v >> PAGE_SHIFT));

    if (e.type == P2M_HOLE || va.v >> PAGE_SHIFT == world.unreadable)
        return -XEN_EFAULT;
    *out = GPA(va.v);
    return 0;
}

void *guest_page(struct domain *d, uint64_t gfn)
{
    struct p2m_entry e = p2m_lookup(d, GFN(gfn));

    return has_frame(e) ? frame_bytes(e.mfn) : NULL;
}

void *guest_at(struct domain *d, uint64_t gpa)
{
    uint8_t *page = guest_page(d, gpa >> PAGE_SHIFT);

    return page ? page + (gpa & PAGE_MASK) : NULL;
}
