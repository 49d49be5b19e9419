/* run.c - the AMD-V run loop: enter, exit, handle, until the scheduler is wanted */
#include "vmcb.h"
#include <hv/cpu.h>
#include <hv/evtchn.h>
#include <hv/guestview.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/tlb.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

/* What one domain taught the branch predictors shall not steer another. */
static void forget_branches(const struct vcpu *v)
{
    struct cpu *c = this_cpu();

    if (host.ibpb && c->branches_of != v->domain->id)
        wrmsr(MSR_PRED_CMD, 1);
    c->branches_of = v->domain->id;
}

static void load(struct vcpu *v)
{
    struct vendor_vcpu *s = v->vendor;
    const uint64_t *dr = v->private->dr;

    assert_hv(this_cpu()->shown == v->domain); /* else all that `private` points to is somebody else's */
    this_cpu()->loaded = v;
    vmcb_of(v)->clean = 0; /* another CPU ran it meanwhile, or this one something else */
    guest_views_keep_only(v->domain);
    forget_branches(v);
    __asm__ volatile("vmload %0" : : "a"(s->vmcb_pa) : "memory");
    fpu_load(&s->fpu);
    __asm__ volatile("mov %0, %%dr0" : : "r"(dr[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(dr[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(dr[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(dr[3]));
    if (v->rdtscp)
        wrmsr(MSR_TSC_AUX, v->private->msrs.tsc_aux);
}

void svm_save(struct vcpu *v)
{
    struct vendor_vcpu *s = v->vendor;
    uint64_t *dr = v->private->dr;

    __asm__ volatile("vmsave %0" : : "a"(s->vmcb_pa) : "memory");
    fpu_save(&s->fpu);
    __asm__ volatile("mov %%dr0, %0" : "=r"(dr[0]));
    __asm__ volatile("mov %%dr1, %0" : "=r"(dr[1]));
    __asm__ volatile("mov %%dr2, %0" : "=r"(dr[2]));
    __asm__ volatile("mov %%dr3, %0" : "=r"(dr[3]));
    this_cpu()->loaded = NULL;
}

/* What every exit needs. Other groups are fetched by those who ask. */
static void after_exit(struct vcpu *v, struct vmcb *b)
{
    struct vcpu_regs *r = &v->private->regs;
    struct vendor_vcpu *s = v->vendor;

    r->gpr[RAX] = b->rax;
    r->gpr[RSP] = b->rsp;
    r->rip = b->rip;
    r->rflags = b->rflags;
    r->available = 0;
    v->exits++;
    /* CR8 is the guest's own: what it wrote there is the APIC's task priority too. */
    if ((b->vintr & 15) != s->task_class) {
        s->task_class = b->vintr & 15;
        vlapic_set_tpr(v, (uint8_t)(s->task_class << 4));
    }
    if (s->offered >= 0)
        svm_settle_interrupt(v);
    if (b->exit_int_info & EVENT_VALID)
        svm_reinject(v);
    else
        b->event_inject = 0;
}

static void before_entry(struct vcpu *v, struct vmcb *b)
{
    struct vcpu_regs *r = &v->private->regs;

    b->rax = r->gpr[RAX];
    b->rsp = r->gpr[RSP];
    b->rip = r->rip;
    b->rflags = r->rflags;
    if (r->dirty)
        svm_write_back(v);
}

/*
 * Is there a reason to look at interrupts again? Whatever asks for one kicks (locking.md), and exits that may change
 * the interrupt controller say so. The upcall byte is the guest's memory: it may set it without telling anybody.
 */
static bool unsettled(const struct vcpu *v)
{
    return read_once(v->kicked) || !v->vendor->settled ||
           (!v->upcall_vector && read_once(v->info->evtchn_upcall_pending));
}

static void enter(struct vcpu *v, struct cpu *c)
{
    struct vmcb *b = vmcb_of(v);

    before_entry(v, b);
    c->guest_entries++;
    __atomic_store_n(&c->in_guest, v, __ATOMIC_SEQ_CST);
    if (!svm_asid_is_good(v, c))
        svm_asid_prepare(v);
    if (__atomic_load_n(&v->kicked, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->in_guest, NULL, __ATOMIC_RELEASE);
        svm_settle_interrupt(v); /* an injection prepared stays in the VMCB for the next entry */
        return;
    }
    svm_enter(v->vendor->vmcb_pa, v->private->regs.gpr);
    b->clean = VMCB_ALL;
    __atomic_store_n(&c->in_guest, NULL, __ATOMIC_RELEASE);
    if (b->tlb_control)
        svm_asid_entered(v);
    after_exit(v, b);
    svm_handle_exit(v);
}

void svm_run(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    for (;;) {
        if (c->timer_expired)
            timers_run();
        if (read_once(v->init_signal) || v->wait_sipi)
            vcpu_take_signals(v);
        if (c->loaded != v)
            load(v); /* a reset threw away what was on the CPU */
        if (read_once(c->slice_wanted))
            sched_start_slice();
        tlb_pins_check();
        if (read_once(c->resched) || v->exit_to_scheduler)
            return; /* with `kicked` as it is: the scheduler must see it */
        if (unsettled(v)) {
            write_once(v->kicked, false);
            mb(); /* the flag first, then what it stands for */
            svm_inject_prepare(v);
        }
        enter(v, c);
    }
}
