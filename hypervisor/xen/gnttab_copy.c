/* gnttab_copy.c - copying between pages, own or granted */
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/p2m.h>
#include <hv/string.h>
#include <hv/window.h>
#include "arguments.h"
#include "grants.h"

/* One side of a copy, with a reference on its frame and, if granted, one use of the grant. */
struct end {
    struct domain *granter; /* NULL: an own page; else with a reference */
    grant_ref_t ref;
    bool write;
    mfn_t mfn;
};

static int open_granted(struct vcpu *v, struct granter_cache *cache, const struct gnttab_copy_ptr *untrusted,
                        struct end *e)
{
    domid_t id =
        untrusted->domid == DOMID_SELF ? v->domain->id : untrusted->domid; /* here it is resolved, in maps not */
    struct domain *granter = granter_find(cache, id);

    if (!granter || granter->dying)
        return GNTST_bad_domain;
    int status = grant_use(granter, v->domain->id, untrusted->u.ref, e->write, false, &e->mfn);
    if (status != GNTST_okay)
        return status;
    domain_ref(granter); /* the other side may push it out of the cache */
    e->granter = granter;
    e->ref = untrusted->u.ref;
    return GNTST_okay;
}

static int open_end(struct vcpu *v, struct granter_cache *cache, const struct gnttab_copy_ptr *untrusted, bool granted,
                    struct end *e)
{
    if (granted)
        return open_granted(v, cache, untrusted, e);
    if (untrusted->domid != DOMID_SELF)
        return GNTST_permission_denied; /* others' pages only by grant */
    return p2m_get_frame(v->domain, GFN(untrusted->u.gmfn), e->write, true, &e->mfn) ? GNTST_bad_page : GNTST_okay;
}

static void close_end(const struct end *e)
{
    frame_put(e->mfn);
    if (!e->granter)
        return;
    grant_unuse(e->granter, e->ref, e->write);
    domain_put(e->granter);
}

static void copy_bytes(const struct end *source, size_t from, const struct end *dest, size_t to, size_t bytes)
{
    const uint8_t *src = window_map(source->mfn);
    uint8_t *dst = window_map(dest->mfn);

    memmove(dst + to, src + from, bytes); /* both may be the same page */
    window_unmap(dst);
    window_unmap((void *)(uintptr_t)src);
}

static int copy_one(struct vcpu *v, struct granter_cache *cache, const struct gnttab_copy *op)
{
    struct end source = {0}, dest = {.write = true};

    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    int status = open_end(v, cache, &op->source, op->flags & GNTCOPY_source_gref, &source);
    if (status != GNTST_okay)
        return status;
    status = open_end(v, cache, &op->dest, op->flags & GNTCOPY_dest_gref, &dest);
    if (status == GNTST_okay) {
        copy_bytes(&source, op->source.offset, &dest, op->dest.offset, op->len);
        close_end(&dest);
    }
    close_end(&source);
    return status;
}

void grant_copy_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n)
{
    struct gnttab_copy *op = ops;

    for (size_t i = 0; i < n; i++)
        op[i].status = (int16_t)copy_one(v, cache, &op[i]);
}

void grant_copy_narrow_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n)
{
    struct narrow_copy *op = ops;

    for (size_t i = 0; i < n; i++) {
        struct gnttab_copy wide = copy_from_narrow(&op[i]);
        op[i].status = (int16_t)copy_one(v, cache, &wide);
    }
}
