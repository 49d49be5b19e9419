/* vcpu.c - life, signals and sleep of a virtual CPU */
#include <hv/cpu.h>
#include <hv/fault.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/vcpu.h>
#include <hv/vendor.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

#define CALLBACK_TYPE(p)   ((p) >> 56)
#define CALLBACK_VECTOR(p) ((uint8_t)(p))
#define CALLBACK_BY_VECTOR 2
#define STARTUP_VALID      0x100u

const struct hvm_vendor *vendor;

struct vcpu *current_vcpu(void)
{
    return this_cpu()->current;
}

void vcpu_fetch(struct vcpu *v, enum reg_group group)
{
    vendor->fetch(v, group);
}

unsigned int vcpu_cpl(struct vcpu *v)
{
    return vcpu_regs(v, REGS_MODE)->cpl;
}

bool vcpu_long_mode(struct vcpu *v)
{
    return vcpu_regs(v, REGS_MODE)->code64;
}

void vcpu_skip(struct vcpu *v, unsigned int bytes)
{
    v->private->regs.rip += bytes;
    /* Below 64-bit mode the instruction pointer wraps at 4 GiB. */
    if (v->private->regs.rip >> 32 && !vcpu_long_mode(v))
        v->private->regs.rip = (uint32_t)v->private->regs.rip;
    v->private->regs.rflags &= ~RFLAGS_RF;
    vendor->clear_shadow(v);
}

void vcpu_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
{
    vendor->inject_exception(v, vector, has_error, error);
}

void vcpu_kick(struct vcpu *v)
{
    __atomic_store_n(&v->kicked, true, __ATOMIC_SEQ_CST);
    if (v == current_vcpu())
        return; /* it is in the hypervisor and looks before it goes back */
    unsigned int cpu = read_once(v->cpu);
    if (__atomic_load_n(&cpus[cpu]->in_guest, __ATOMIC_SEQ_CST) == v)
        cpu_send_kick(cpu);
    else
        sched_wake(v);
}

int vcpu_callback_pending(struct vcpu *v)
{
    uint64_t p = v->domain->params[HVM_PARAM_CALLBACK_IRQ];

    if (v->upcall_vector || CALLBACK_TYPE(p) != CALLBACK_BY_VECTOR || !read_once(v->info->evtchn_upcall_pending))
        return -1;
    return CALLBACK_VECTOR(p);
}

void vcpu_raise_upcall(struct vcpu *v)
{
    if (v->upcall_vector)
        vlapic_set_irq(v, v->upcall_vector, false);
    else
        vcpu_kick(v);
}

bool vcpu_has_work(struct vcpu *v)
{
    return vlapic_pending(v) >= 0 || vcpu_callback_pending(v) >= 0 || read_once(v->nmi_signal) ||
           read_once(v->init_signal);
}

void vcpu_block(struct vcpu *v)
{
    if (vcpu_has_work(v))
        return;
    vcpu_state_change(v, VCPU_RUNNABLE, VCPU_BLOCKED); /* unless it was just taken down */
    v->exit_to_scheduler = true; /* which looks for work again once nobody can miss that it sleeps */
}

void vcpu_yield(struct vcpu *v)
{
    if (!read_once(this_cpu()->runq_length))
        return; /* nobody waits for this CPU */
    v->yielding = true;
    v->exit_to_scheduler = true;
}

static bool all_down(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i] && d->vcpus[i]->state != VCPU_DOWN && d->vcpus[i]->state != VCPU_WAIT_SIPI)
            return false;
    return true;
}

void vcpu_halt(struct vcpu *v)
{
    if (v->private->regs.rflags & RFLAGS_IF || read_once(v->nmi_signal)) {
        vcpu_block(v);
        return;
    }
    v->state = VCPU_DOWN;
    v->exit_to_scheduler = true;
    if (all_down(v->domain))
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

void vcpu_triple_fault(struct vcpu *v)
{
    domain_kill(v->domain, "triple fault at rip=%lx, vcpu %u (cr0=%lx cr3=%lx cr4=%lx)", v->private->regs.rip, v->id,
                vcpu_regs(v, REGS_CONTROL)->cr0, v->private->regs.cr3, v->private->regs.cr4);
}

/*
 * INIT and STARTUP only leave word: the vCPU's own CPU acts on it before it next enters the guest. Whoever signals
 * never waits, so two vCPUs that signal each other cannot lock two CPUs up.
 */
void vcpu_init_signal(struct vcpu *v)
{
    if (v == current_vcpu())
        return; /* a reset of itself that nobody sends */
    __atomic_store_n(&v->startup, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->init_signal, true, __ATOMIC_SEQ_CST);
    sched_rouse(v);
}

void vcpu_startup_signal(struct vcpu *v, uint8_t vector)
{
    if (v == current_vcpu() || !(read_once(v->init_signal) || read_once(v->wait_sipi)))
        return; /* the second STARTUP of a pair finds it running */
    __atomic_store_n(&v->startup, STARTUP_VALID | vector, __ATOMIC_SEQ_CST);
    sched_rouse(v);
}

static void reset(struct vcpu *v)
{
    vlapic_reset(v);
    vendor->vcpu_reset(v);
    v->private->msrs.xcr0 = 1;
}

static void start(struct vcpu *v, uint8_t vector)
{
    struct vcpu_regs *r = vcpu_regs_write(v, REGS_SEGMENTS);

    r->seg[SEG_CS].selector = (uint16_t)(vector << 8);
    r->seg[SEG_CS].base = (uint64_t)vector << 12;
    r->rip = 0;
    write_once(v->wait_sipi, false);
    v->state = VCPU_RUNNABLE;
}

void vcpu_take_signals(struct vcpu *v)
{
    if (read_once(v->init_signal)) {
        __atomic_store_n(
            &v->wait_sipi, true,
            __ATOMIC_SEQ_CST); /* before the word is taken back: the STARTUP behind it must find one of the two */
        __atomic_store_n(&v->init_signal, false, __ATOMIC_SEQ_CST);
        reset(v);
    }
    if (!v->wait_sipi)
        return;
    uint32_t startup = __atomic_exchange_n(&v->startup, 0, __ATOMIC_SEQ_CST);
    if (startup & STARTUP_VALID) {
        start(v, (uint8_t)startup);
        return;
    }
    v->state = VCPU_WAIT_SIPI;
    v->exit_to_scheduler = true;
}

void vcpu_nmi_signal(struct vcpu *v)
{
    store_release(v->nmi_signal, true);
    vcpu_kick(v);
}

void vcpu_online(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    sched_update(v);
}

void vcpu_offline(struct vcpu *v)
{
    __atomic_store_n(&v->state, VCPU_DOWN, __ATOMIC_SEQ_CST);
    sched_update(v);
}
