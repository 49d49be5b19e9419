/* control.c - see control.h */
#undef __XEN_INTERFACE_VERSION__ /* the control headers choose the one they belong to */
#define __XEN_TOOLS__
#include "toolstack/domain/control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include "common/xen/page.h"
#include "hypervisor/include/public/atoll.h"

enum { DATA_SIZE = 64 * 1024, SUPERPAGE_ORDER = 9, EXTENTS_PER_CALL = 256 };

int control_open(struct control *c)
{
    *c = (struct control){.privcmd = privcmd_open()};
    int rc = c->privcmd < 0 ? c->privcmd : hypercall_buffer_alloc(&c->op, sizeof(struct xen_domctl));
    if (rc >= 0)
        rc = hypercall_buffer_alloc(&c->data, DATA_SIZE);
    if (rc < 0)
        control_close(c);
    return rc;
}

void control_close(struct control *c)
{
    hypercall_buffer_free(&c->op);
    hypercall_buffer_free(&c->data);
    if (c->privcmd >= 0)
        close(c->privcmd);
    c->privcmd = -1;
}

static struct xen_domctl *domctl(struct control *c, uint32_t cmd, domid_t domid)
{
    struct xen_domctl *op = c->op.address;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return op;
}

static int call(struct control *c, unsigned long number)
{
    return (int)privcmd_hypercall(c->privcmd, number, (uintptr_t)c->op.address, 0, 0, 0, 0);
}

static int do_domctl(struct control *c)
{
    return call(c, __HYPERVISOR_domctl);
}

/* The other calls take a command beside their argument. */
static int do_op(struct control *c, unsigned long number, unsigned cmd, const void *arg, size_t size)
{
    memcpy(c->op.address, arg, size);
    return (int)privcmd_hypercall(c->privcmd, number, cmd, (uintptr_t)c->op.address, 0, 0, 0);
}

int control_create(struct control *c, const struct domain_limits *limits, domid_t *domid)
{
    struct xen_domctl *op = domctl(c, XEN_DOMCTL_createdomain, 0); /* 0: the hypervisor chooses the id */
    struct xen_domctl_createdomain *config = &op->u.createdomain;

    memcpy(config->handle, limits->uuid, sizeof(config->handle));
    config->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    config->max_vcpus = limits->vcpus;
    config->max_evtchn_port = limits->evtchn_ports;
    config->max_grant_frames = limits->grant_frames;
    config->max_maptrack_frames = limits->maptrack_frames;
    config->grant_opts = XEN_DOMCTL_GRANT_version(1);
    config->arch.emulation_flags = XEN_X86_EMU_LAPIC;
    int rc = do_domctl(c);
    if (rc == 0)
        *domid = op->domain;
    return rc;
}

static int plain_domctl(struct control *c, uint32_t cmd, domid_t domid)
{
    domctl(c, cmd, domid);
    return do_domctl(c);
}

int control_destroy(struct control *c, domid_t domid)
{
    return plain_domctl(c, XEN_DOMCTL_destroydomain, domid);
}

int control_pause(struct control *c, domid_t domid)
{
    return plain_domctl(c, XEN_DOMCTL_pausedomain, domid);
}

int control_unpause(struct control *c, domid_t domid)
{
    return plain_domctl(c, XEN_DOMCTL_unpausedomain, domid);
}

int control_set_vcpus(struct control *c, domid_t domid, uint32_t vcpus)
{
    domctl(c, XEN_DOMCTL_max_vcpus, domid)->u.max_vcpus.max = vcpus;
    return do_domctl(c);
}

int control_set_max_memory(struct control *c, domid_t domid, uint64_t kib)
{
    domctl(c, XEN_DOMCTL_max_mem, domid)->u.max_mem.max_memkb = kib;
    return do_domctl(c);
}

int control_set_paging_pool(struct control *c, domid_t domid, uint32_t mib)
{
    struct xen_domctl *op = domctl(c, XEN_DOMCTL_shadow_op, domid);

    op->u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
    op->u.shadow_op.mb = mib;
    int rc = do_domctl(c);
    return rc == -ENOSYS || rc == -EOPNOTSUPP ? 0 : rc;
}

/* One call: `extents` (at most EXTENTS_PER_CALL) pieces of 2^order pages. */
static int populate_extents(struct control *c, domid_t domid, xen_pfn_t gfn, unsigned extents, unsigned order)
{
    xen_pfn_t *list = c->data.address;
    struct xen_memory_reservation reservation = {.nr_extents = extents, .extent_order = order, .domid = domid};

    for (unsigned i = 0; i < extents; i++)
        list[i] = gfn + ((xen_pfn_t)i << order);
    set_xen_guest_handle(reservation.extent_start, list);
    return do_op(c, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &reservation, sizeof(reservation));
}

static unsigned at_most(uint64_t count)
{
    return count < EXTENTS_PER_CALL ? (unsigned)count : EXTENTS_PER_CALL;
}

int control_populate(struct control *c, domid_t domid, xen_pfn_t gfn, uint64_t count)
{
    const uint64_t super = 1u << SUPERPAGE_ORDER;

    while (count > 0) {
        bool large = gfn % super == 0 && count >= super;
        uint64_t to_boundary = super - gfn % super;
        uint64_t single = count < to_boundary ? count : to_boundary;
        int done = large ? populate_extents(c, domid, gfn, at_most(count / super), SUPERPAGE_ORDER) : 0;
        uint64_t pages = done > 0 ? (uint64_t)done * super : 0;

        /* No piece of 2 MiB is free (or none is wanted here): single pages up to the next boundary. */
        if (pages == 0) {
            done = populate_extents(c, domid, gfn, at_most(single), 0);
            pages = done > 0 ? (uint64_t)done : 0;
        }
        if (pages == 0)
            return done < 0 ? done : -ENOMEM;
        gfn += pages;
        count -= pages;
    }
    return 0;
}

int control_set_hvm_param(struct control *c, domid_t domid, uint32_t index, uint64_t value)
{
    struct xen_hvm_param param = {.domid = domid, .index = index, .value = value};

    return do_op(c, __HYPERVISOR_hvm_op, HVMOP_set_param, &param, sizeof(param));
}

int control_alloc_unbound(struct control *c, domid_t domid, domid_t remote)
{
    struct evtchn_alloc_unbound bind = {.dom = domid, .remote_dom = remote};
    int rc = do_op(c, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &bind, sizeof(bind));

    memcpy(&bind, c->op.address, sizeof(bind));
    return rc < 0 ? rc : (int)bind.port;
}

static int context_call(struct control *c, uint32_t cmd, domid_t domid, size_t size)
{
    struct xen_domctl *op = domctl(c, cmd, domid);

    op->u.hvmcontext.size = (uint32_t)size;
    set_xen_guest_handle(op->u.hvmcontext.buffer, (uint8_t *)c->data.address);
    int rc = do_domctl(c);
    return rc < 0 ? rc : (int)op->u.hvmcontext.size;
}

int control_get_context(struct control *c, domid_t domid, uint8_t *out, size_t size)
{
    int length = context_call(c, XEN_DOMCTL_gethvmcontext, domid, c->data.size);

    if (length > 0 && (size_t)length > size)
        return -ENOSPC;
    if (length > 0)
        memcpy(out, c->data.address, (size_t)length);
    return length;
}

int control_set_context(struct control *c, domid_t domid, const uint8_t *records, size_t size)
{
    if (size > c->data.size)
        return -E2BIG;
    memcpy(c->data.address, records, size);
    int rc = context_call(c, XEN_DOMCTL_sethvmcontext, domid, size);
    return rc < 0 ? rc : 0;
}

static void take_info(struct domain_info *out, const struct xen_domctl_getdomaininfo *info)
{
    *out = (struct domain_info){
        .domid = info->domain,
        .dying = info->flags & XEN_DOMINF_dying,
        .shutdown = info->flags & XEN_DOMINF_shutdown,
        .paused = info->flags & XEN_DOMINF_paused,
        .running = info->flags & XEN_DOMINF_running,
        .blocked = info->flags & XEN_DOMINF_blocked,
        .shutdown_reason = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
        .memory_kib = info->tot_pages * (XEN_PAGE / 1024),
        .cpu_time_ns = info->cpu_time,
        .vcpus_online = info->nr_online_vcpus,
    };
    memcpy(out->uuid, info->handle, sizeof(out->uuid));
}

int control_info(struct control *c, domid_t domid, struct domain_info *out)
{
    struct xen_domctl *op = domctl(c, XEN_DOMCTL_getdomaininfo, domid);
    int rc = do_domctl(c);

    if (rc < 0)
        return rc;
    /* Some hypervisors answer with the next domain if there is none of this id. */
    if (op->u.getdomaininfo.domain != domid)
        return -ESRCH;
    take_info(out, &op->u.getdomaininfo);
    return 0;
}

static struct xen_sysctl *sysctl_op(struct control *c, uint32_t cmd)
{
    struct xen_sysctl *op = c->op.address;

    static_assert(sizeof(*op) <= XEN_PAGE);
    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return op;
}

int control_list(struct control *c, domid_t first, struct domain_info out[], size_t max)
{
    struct xen_sysctl *op = sysctl_op(c, XEN_SYSCTL_getdomaininfolist);
    struct xen_domctl_getdomaininfo *list = c->data.address;
    size_t room = c->data.size / sizeof(*list);

    op->u.getdomaininfolist.first_domain = first;
    op->u.getdomaininfolist.max_domains = (uint32_t)(max < room ? max : room);
    set_xen_guest_handle(op->u.getdomaininfolist.buffer, list);
    int rc = call(c, __HYPERVISOR_sysctl);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < op->u.getdomaininfolist.num_domains; i++)
        take_info(&out[i], &list[i]);
    return (int)op->u.getdomaininfolist.num_domains;
}

int control_free_memory(struct control *c, uint64_t *kib)
{
    struct xen_sysctl *op = sysctl_op(c, XEN_SYSCTL_physinfo);
    int rc = call(c, __HYPERVISOR_sysctl);

    if (rc == 0)
        *kib = (op->u.physinfo.free_pages + op->u.physinfo.scrub_pages) * (XEN_PAGE / 1024);
    return rc;
}

int control_counts(struct control *c, domid_t domid, struct domain_counts *out)
{
    const struct atoll_info *answer = c->op.address;
    struct atoll_info question = {.domid = domid};
    int rc = do_op(c, __HYPERVISOR_arch_7, ATOLL_OP_info, &question, sizeof(question));

    if (rc == 0)
        *out = (struct domain_counts){.mapped_grants = answer->mapped_grants, .grant_frames = answer->grant_frames};
    return rc;
}

int control_machine_memory(struct control *c, uint64_t *ram_kib, uint64_t *free_kib)
{
    const struct atoll_memory *answer = c->op.address;
    struct atoll_memory question = {};
    int rc = do_op(c, __HYPERVISOR_arch_7, ATOLL_OP_memory, &question, sizeof(question));

    if (rc == 0) {
        *ram_kib = answer->ram_pages * (XEN_PAGE / 1024);
        *free_kib = answer->free_pages * (XEN_PAGE / 1024);
    }
    return rc;
}
