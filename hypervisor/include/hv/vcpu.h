/*
 * vcpu.h - a virtual CPU as common code sees it: no VMCB, no VMCS.
 * Registers are cached here; the vendor's folder fills a group when first read after an exit (`available`) and writes
 * back at entry what was changed (`dirty`). Only the CPU that runs the vCPU touches them, or a control operation while
 * the domain is paused.
 */
#pragma once
#include <hv/domain.h>
#include <hv/guest_msrs.h>
#include <hv/timer.h>
#include <hv/types.h>

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NR_GPRS };
enum seg_name { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, NR_SEGS };

struct segment {
    uint16_t selector;
    uint16_t attr;  /* bits 0-7 descriptor byte 5, bits 8-11 descriptor byte 6's AVL, L, D/B, G (the VMCB's packing) */
    uint32_t limit; /* bytes, granularity applied */
    uint64_t base;
};

enum reg_group {
    REGS_CONTROL = 1, /* cr0 cr2 cr3 cr4 efer */
    REGS_SEGMENTS = 2,
    REGS_MODE = 4, /* cpl code64: as at the exit, not to be written */
};

struct vcpu_regs {
    uint64_t gpr[NR_GPRS]; /* always valid, RSP and RAX included */
    uint64_t rip, rflags;  /* always valid */
    uint64_t cr0, cr2, cr3, cr4, efer;
    struct segment seg[NR_SEGS];
    uint8_t cpl;
    bool code64;               /* executing 64-bit code */
    uint32_t available, dirty; /* of enum reg_group */
};

enum vcpu_state {
    VCPU_DOWN, /* never started, or after INIT, or HLT with IF=0 */
    VCPU_WAIT_SIPI,
    VCPU_BLOCKED,  /* HLT or SCHEDOP_poll: waits for an interrupt or event */
    VCPU_RUNNABLE, /* on a run queue, or `running` */
};

struct vlapic;
struct vendor_vcpu; /* svm/ or vmx/ */

/* What of a vCPU concerns its own domain only: seen by CPUs that show the domain (hv/private.h), in no shared memory.
 */
struct vcpu_private {
    alignas(PAGE_SIZE) uint8_t control_block[PAGE_SIZE]; /* the vendor's: a VMCB */
    struct vcpu_regs regs;
    struct guest_msrs msrs;
    uint64_t dr[4];            /* debug registers 0 to 3 while they are not on a CPU */
    alignas(64) uint8_t fpu[]; /* fpu_area_bytes() */
};

struct vcpu {
    unsigned int id;
    struct domain *domain;
    struct vcpu_private *private;
    struct vendor_vcpu *vendor;
    struct vlapic *lapic;
    uint64_t tsc_offset;             /* guest TSC = host TSC + this */
    bool rdtscp;                     /* its CPUID shows RDTSCP (guest_msrs_init() says so) */
    unsigned int refused_emulations; /* MMIO emulations in a row that were left to fault again (vcpu/mmio.c) */

    /* scheduling (sched/): guarded by the run queue lock of `cpu` */
    enum vcpu_state state;
    unsigned int cpu;       /* where it runs or ran last */
    bool running, queued;   /* on a CPU; on its run queue */
    bool yielding;          /* gives the CPU up but stays runnable */
    uint64_t run_ns;        /* time it has run */
    bool nmi_signal;        /* an NMI is to be delivered */
    bool init_signal;       /* INIT was received: vcpu_take_signals() resets it */
    bool wait_sipi;         /* it was reset and waits for STARTUP */
    uint32_t startup;       /* bit 8: STARTUP was received, bits 7:0 its vector */
    bool kicked;            /* something changed: look before entering the guest again */
    bool exit_to_scheduler; /* the vCPU gives the CPU up after this exit */
    uint64_t vruntime, slice_start;
    uint64_t queued_at; /* system time */
    struct list runq;

    /* Xen ABI state */
    struct vcpu_info *info; /* inside shared_info, or the registered page (pinned); published once */
    bool info_registered;
    uint8_t upcall_vector; /* HVMOP_set_evtchn_upcall_vector; 0 = use the domain's callback vector */
    gpa_t runstate_gpa[2]; /* the registered area may straddle a page: part 0 and part 1 */
    uint16_t runstate_bytes[2];
    bool runstate_narrow; /* as 32-bit kernels lay it out */
    struct vcpu_runstate_info runstate;
    gpa_t time_gpa;          /* secondary vcpu_time_info; 0 = none */
    struct timer singleshot; /* raises VIRQ_TIMER */
    uint64_t poll_deadline;
    uint64_t poll_ports_active; /* SCHEDOP_poll under way */
    evtchn_port_t poll_ports[128];
    unsigned int poll_count;
    struct timer poll_timer;
    uint64_t exits; /* synchronous exits so far */

    uint64_t hypercall_deadline; /* TSC: when the present hypercall has had its share of time; 0 = not asked yet */
    bool initialised;            /* VCPUOP_initialise put registers into `regs`: VCPUOP_up may start it */
};

/* The vCPU running on this CPU (never NULL in a hypercall or exit). */
struct vcpu *current_vcpu(void);

/* Register access for common code; groups are fetched on demand. */
void vcpu_fetch(struct vcpu *v, enum reg_group group);
static inline struct vcpu_regs *vcpu_regs(struct vcpu *v, enum reg_group group)
{
    if (!(v->private->regs.available & group))
        vcpu_fetch(v, group);
    return &v->private->regs;
}
static inline struct vcpu_regs *vcpu_regs_write(struct vcpu *v, enum reg_group group)
{
    struct vcpu_regs *r = vcpu_regs(v, group);
    r->dirty |= group;
    return r;
}
unsigned int vcpu_cpl(struct vcpu *v);
bool vcpu_long_mode(struct vcpu *v); /* executing 64-bit code */
/* Advance over the instruction just handled; clears the interrupt shadow. */
void vcpu_skip(struct vcpu *v, unsigned int bytes);

/* Raise an exception in the guest at the next entry. */
void vcpu_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error);
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_PF 14

/*
 * The state changes hands without a lock: its own CPU lets it sleep, others wake it or take it down. So a step names
 * where it comes from. False: it was not there any more, nothing has changed.
 */
static inline bool vcpu_state_change(struct vcpu *v, enum vcpu_state from, enum vcpu_state to)
{
    return __atomic_compare_exchange_n(&v->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Makes `v` look at its pending interrupts soon: wakes it if blocked, makes it exit if it runs elsewhere. Any CPU, no
 * lock needed. */
void vcpu_kick(struct vcpu *v);
/* Raises the event upcall as an interrupt: per-vCPU vector through the vLAPIC, else the callback vector. Called on the
 * 0->1 edge of evtchn_upcall_pending. */
void vcpu_raise_upcall(struct vcpu *v);
/* The guest halts (HLT with IF=1) or polls; returns at once, the scheduler does the rest. */
void vcpu_block(struct vcpu *v);
void vcpu_yield(struct vcpu *v);
/* The callback vector (HVM_PARAM_CALLBACK_IRQ type vector) if an upcall is pending and no per-vCPU vector is set, else
 * -1. */
int vcpu_callback_pending(struct vcpu *v);
/* INIT and STARTUP as the vLAPIC receives them (any CPU). */
void vcpu_init_signal(struct vcpu *v);
void vcpu_startup_signal(struct vcpu *v, uint8_t vector);
void vcpu_nmi_signal(struct vcpu *v);

/* Brings a vCPU that was never started to life with the registers in v->private (domain paused or vCPU down). */
void vcpu_online(struct vcpu *v);
void vcpu_offline(struct vcpu *v); /* takes it down soon; does not wait */
/* Acts on INIT and STARTUP; on the vCPU's own CPU, by the vendor's loop before each entry when one of them is set. */
void vcpu_take_signals(struct vcpu *v);

/* Publishes time into v->info and the secondary area (on v's own CPU or when it is not running). */
void vcpu_time_publish(struct vcpu *v);

/* The Xen ABI part of a vCPU (xen/vcpuop.c): its timers; `info` into shared_info. Called by domain_create() once
 * shared_info exists, and when the last reference to the domain goes (senders with a reference may use `info` until
 * then). */
void vcpu_abi_init(struct vcpu *v);
void vcpu_abi_destroy(struct vcpu *v);
/* Ends a SCHEDOP_poll that the vCPU came back from. Called at its next hypercall, and by whoever lets it halt. */
void vcpu_poll_finish(struct vcpu *v);
/* Copies v->runstate to where the guest registered it, if it did. By whoever changes v->runstate, on v's own CPU. */
void vcpu_runstate_publish(struct vcpu *v);

/* True if `v` should not enter HLT: an interrupt or NMI is deliverable, or an unmasked upcall. */
bool vcpu_has_work(struct vcpu *v);
