/* asid.c - address space ids: a vCPU keeps its id on a CPU until that CPU has used all of them; a new id is a flush
 * (APM vol. 2, 15.16) */
#include "caps.h"
#include "vmcb.h"
#include <hv/cpu.h>
#include <hv/guestview.h>
#include <hv/lock.h>
#include <hv/p2m_impl.h>

bool svm_asid_is_good(const struct vcpu *v, const struct cpu *c)
{
    const struct vendor_vcpu *s = v->vendor;

    return s->p2m_generation == __atomic_load_n(&v->domain->p2m->generation, __ATOMIC_SEQ_CST) &&
           s->asid_generation == c->asid_generation && s->asid_cpu == c->id && !c->flush_all_asids;
}

void svm_asid_prepare(struct vcpu *v)
{
    struct vendor_vcpu *s = v->vendor;
    struct cpu *c = this_cpu();
    uint64_t p2m_generation = __atomic_load_n(&v->domain->p2m->generation, __ATOMIC_SEQ_CST);

    if (s->asid_cpu != c->id || s->asid_generation != c->asid_generation || s->p2m_generation != p2m_generation) {
        if (c->asid_next >= svm_caps.asids) {
            c->asid_next = 1;
            c->asid_generation++;
            c->flush_all_asids = true;
        }
        s->asid_cpu = c->id;
        s->asid_generation = c->asid_generation;
        s->p2m_generation = p2m_generation;
        vmcb_of(v)->asid = c->asid_next++;
        vmcb_changed(vmcb_of(v), VMCB_ASID);
        guest_views_keep_only(v->domain);
    }
    vmcb_of(v)->tlb_control = c->flush_all_asids; /* 1: flush all; owed until an entry has really happened */
}

void svm_asid_entered(const struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);

    /* Nothing was flushed if the CPU refused the VMCB. */
    if (b->exit_code == EXIT_INVALID)
        return;
    this_cpu()->flush_all_asids = false;
    b->tlb_control = 0;
}
