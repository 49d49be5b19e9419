/* gnttab_op.c - the grant table hypercall */
#include <hv/hypercall.h>
#include "access.h"
#include "arguments.h"
#include "grants.h"

static void granter_drop(struct granter_cache *cache)
{
    if (cache->domain)
        domain_put(cache->domain);
    cache->domain = NULL;
}

struct domain *granter_find(struct granter_cache *cache, domid_t untrusted_id)
{
    if (cache->domain && cache->domain->id == untrusted_id)
        return cache->domain;
    granter_drop(cache);
    cache->domain = domain_get(untrusted_id);
    return cache->domain;
}

typedef void grant_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n);

/*
 * Works through `count` operations of `bytes` each. When time is up, the rest is left in the argument registers. A
 * caller whose memory went away does not learn what was done: its handles go when the domain goes.
 */
static long batch(struct vcpu *v, guest_ptr_t arg, uint64_t count, size_t bytes, grant_chunk *chunk)
{
    union {
        struct gnttab_map_grant_ref map[GRANT_CHUNK];
        struct gnttab_unmap_grant_ref unmap[GRANT_CHUNK];
        struct gnttab_copy copy[GRANT_CHUNK / 2];
        struct narrow_copy narrow_copy[GRANT_CHUNK / 2];
    } ops;
    struct granter_cache cache = {0};
    long rc = 0;

    while (count && rc == 0) {
        size_t n = MIN(count, sizeof(ops) / bytes);
        if (n > GRANT_CHUNK)
            n = GRANT_CHUNK;
        if (copy_from_guest(v, &ops, arg, n * bytes)) {
            rc = -XEN_EFAULT;
            break;
        }
        chunk(v, &cache, &ops, n);
        if (copy_to_guest(v, arg, &ops, n * bytes))
            rc = -XEN_EFAULT;
        count -= n;
        arg = guest_ptr_add(arg, n * bytes);
        if (rc == 0 && count && hypercall_preempt(v)) {
            v->private->regs.gpr[RSI] = arg.v;
            v->private->regs.gpr[RDX] = count;
            rc = HYPERCALL_RESTART;
        }
    }
    granter_drop(&cache);
    return rc;
}

static int16_t size_of(struct vcpu *v, struct gnttab_query_size *query)
{
    struct domain *d;
    long rc = target_domain(v, query->dom, &d);

    if (rc)
        return rc == -XEN_EPERM ? GNTST_permission_denied : GNTST_bad_domain;
    query->nr_frames = gnttab_frame_count(d);
    query->max_nr_frames = d->grants->max_frames;
    domain_put(d);
    return GNTST_okay;
}

static long query_size(struct vcpu *v, guest_ptr_t arg, uint64_t count)
{
    struct gnttab_query_size untrusted;

    if (count != 1)
        return -XEN_EINVAL;
    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    untrusted.status = size_of(v, &untrusted);
    return copy_to_guest(v, arg, &untrusted, sizeof(untrusted)) ? -XEN_EFAULT : 0;
}

/* Version 2 is refused: its status frames are not mapped for a PVH kernel. The version in force goes back either way.
 */
static long set_version(struct vcpu *v, guest_ptr_t arg)
{
    struct gnttab_set_version untrusted;
    long rc = -XEN_EINVAL;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.version == 1)
        rc = 0;
    else if (untrusted.version == 2)
        rc = -XEN_ENOSYS;
    untrusted.version = 1;
    return copy_to_guest(v, arg, &untrusted, sizeof(untrusted)) ? -XEN_EFAULT : rc;
}

static long get_version(struct vcpu *v, guest_ptr_t arg)
{
    struct gnttab_get_version untrusted;
    struct domain *d;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = target_domain(v, untrusted.dom, &d);
    if (rc)
        return rc;
    domain_put(d);
    untrusted.version = 1;
    return copy_to_guest(v, arg, &untrusted, sizeof(untrusted)) ? -XEN_EFAULT : 0;
}

long do_grant_table_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg, uint64_t untrusted_count)
{
    uint64_t count = (uint32_t)untrusted_count; /* an unsigned int in the ABI */

    if (count > INT32_MAX)
        return -XEN_EINVAL;
    switch (cmd) {
    case GNTTABOP_map_grant_ref: return batch(v, arg, count, sizeof(struct gnttab_map_grant_ref), grant_map_chunk);
    case GNTTABOP_unmap_grant_ref:
        return batch(v, arg, count, sizeof(struct gnttab_unmap_grant_ref), grant_unmap_chunk);
    case GNTTABOP_copy:
        if (is_narrow_caller(v))
            return batch(v, arg, count, sizeof(struct narrow_copy), grant_copy_narrow_chunk);
        return batch(v, arg, count, sizeof(struct gnttab_copy), grant_copy_chunk);
    case GNTTABOP_query_size: return query_size(v, arg, count);
    case GNTTABOP_set_version: return set_version(v, arg);
    case GNTTABOP_get_version: return get_version(v, arg);
    default: return -XEN_ENOSYS;
    }
}
