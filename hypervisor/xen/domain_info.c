/* domain_info.c - what domctl and sysctl both tell about a domain */
#include <hv/heap.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include "domain_info.h"

/* The states are read without stopping anything: a snapshot, each field true at its own moment. */
static uint32_t vcpu_flags(struct domain *d, struct xen_domctl_getdomaininfo *out)
{
    uint32_t running = 0, awake = 0;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];
        enum vcpu_state state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);
        out->cpu_time += sched_runtime(v);
        if (state == VCPU_DOWN || state == VCPU_WAIT_SIPI)
            continue;
        out->nr_online_vcpus++;
        running |= read_once(v->running) ? XEN_DOMINF_running : 0;
        awake |= state != VCPU_BLOCKED;
    }
    return running | (awake ? 0 : XEN_DOMINF_blocked);
}

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *out)
{
    memset(out, 0, sizeof(*out));
    out->domain = d->id;
    out->flags = vcpu_flags(d, out) | XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
    if (read_once(d->dying))
        out->flags |= XEN_DOMINF_dying;
    if (read_once(d->pause_count))
        out->flags |= XEN_DOMINF_paused;
    if (load_acquire(d->shut_down))
        out->flags |= XEN_DOMINF_shutdown | ((uint32_t)d->shutdown_code & XEN_DOMINF_shutdownmask)
                                                << XEN_DOMINF_shutdownshift;
    out->tot_pages = __atomic_load_n(&d->owned_pages, __ATOMIC_RELAXED);
    out->max_pages = read_once(d->max_pages);
    out->shared_info_frame = heap_page_mfn(d->shared_info).v;
    out->max_vcpu_id = d->max_vcpus - 1;
    memcpy(out->handle, d->handle, sizeof(out->handle));
    out->gpaddr_bits = 40;
    out->arch_config.emulation_flags = XEN_X86_EMU_LAPIC;
}
