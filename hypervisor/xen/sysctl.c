/* sysctl.c - questions about the whole machine, in Xen 4.20's layouts */
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/machine.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/timer.h>
#include "access.h"
#include "domain_info.h"

#define CHUNK 256u

static unsigned int host_cpus(void)
{
    unsigned int usable = 0;

    for (unsigned int i = 0; i < machine.cpu_count; i++)
        usable += machine.cpu[i].usable;
    return MAX(usable, 1u);
}

static long physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *p = &op->u.physinfo;

    memset(p, 0, sizeof(*p));
    p->threads_per_core = 1;
    p->nr_cpus = p->cores_per_socket = host_cpus();
    p->max_cpu_id = p->nr_cpus - 1;
    p->nr_nodes = 1;
    p->cpu_khz = (uint32_t)tsc_khz();
    p->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    p->total_pages = frames_total_count();
    p->free_pages = frames_free_count();
    return 0;
}

/* One structure at a time: they are large, and there are at most MAX_DOMAINS of them. */
static long list_domains(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    uint32_t n = 0;
    long rc = 0;

    struct domain *d = domain_next(list->first_domain);
    while (d && n < list->max_domains && rc == 0) {
        domid_t id = d->id;
        domain_info_fill(d, &info);
        domain_put(d);
        if (copy_to_guest(v, guest_item(list->buffer, n), &info, sizeof(info)))
            rc = -XEN_EFAULT;
        n++;
        d = domain_next((domid_t)(id + 1));
    }
    if (d)
        domain_put(d);
    list->num_domains = n;
    return rc;
}

/*
 * `index` is a position in all that was ever logged (its low 32 bits); with `incremental` the caller goes on from
 * there. `clear` means: later calls without `incremental` start after what was read now.
 */
static long read_console(struct vcpu *v, struct xen_sysctl *op)
{
    static uint64_t cleared;
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    uint64_t position = r->incremental ? r->index : read_once(cleared);
    uint32_t done = 0;
    char chunk[CHUNK];

    while (done < r->count) {
        size_t n = log_read(chunk, MIN(r->count - done, CHUNK), &position);
        if (!n)
            break;
        if (copy_to_guest(v, guest_item(r->buffer, done), chunk, n))
            return -XEN_EFAULT;
        done += (uint32_t)n;
    }
    if (r->clear)
        write_once(cleared, position);
    r->count = done;
    r->index = (uint32_t)position;
    return 0;
}

static long avail_heap(struct xen_sysctl *op)
{
    op->u.availheap.avail_bytes = frames_free_count() << PAGE_SHIFT;
    return 0;
}

long do_sysctl(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_sysctl untrusted;
    long rc;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    switch (untrusted.cmd) {
    case XEN_SYSCTL_physinfo: rc = physinfo(&untrusted); break;
    case XEN_SYSCTL_getdomaininfolist: rc = list_domains(v, &untrusted); break;
    case XEN_SYSCTL_readconsole: rc = read_console(v, &untrusted); break;
    case XEN_SYSCTL_availheap: rc = avail_heap(&untrusted); break;
    default: return -XEN_ENOSYS;
    }
    if (rc == 0 && copy_to_guest(v, arg, &untrusted, sizeof(untrusted)))
        rc = -XEN_EFAULT;
    return rc;
}
