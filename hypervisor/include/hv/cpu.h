/*
 * cpu.h - a machine CPU. Its structure stands at a constant address in its own address space (this_cpu()) and has an
 * alias in the heap, through which others see it (cpus[]).
 */
#pragma once
#include <hv/layout.h>
#include <hv/list.h>
#include <hv/lock.h>
#include <hv/machine.h>
#include <hv/types.h>
#include <hv/xen.h>

struct vcpu;
struct domain;
struct p2m;
struct timer;

#define DEFERRED_FRAMES 256u

/* A window on a page of the domain that runs here, kept for the next look (mm/guestview.c). */
struct guest_view {
    uint64_t key; /* which page, and may it be written; 0: none */
    void *page;
};

struct cpu {
    unsigned int id;
    uint32_t apic_id;
    struct vcpu *current;   /* whose exit is being handled, or NULL when idle */
    struct vcpu *loaded;    /* whose FPU and hidden state is on this CPU */
    struct vcpu *in_guest;  /* set just before entry, cleared right after exit; others read it */
    uint64_t guest_entries; /* counts entries, so that a waiter sees a new one */
    uint32_t flush_seen;    /* generation of hypervisor pins this CPU has dropped */

    /* run queue (sched/sched.c) */
    spinlock_t runq_lock;
    struct list runq;
    struct vcpu *running_vcpu; /* taken from the queue and not yet put back */
    unsigned int runq_length;
    uint64_t min_vruntime;
    bool idle;
    bool resched;
    bool slice_wanted; /* others wait: the one that runs gets a slice from now on */

    /* timers (cpu/timer.c) */
    spinlock_t timer_lock;
    struct list timers;
    uint64_t timer_programmed; /* deadline the hardware is set to; 0 none */
    bool timer_expired;
    struct timer *timer_firing; /* whose function is being called; it may not go before that has returned */

    /* windows (mm/window.c) */
    uint64_t *window_ptes; /* heap alias of the page table of the local area */
    unsigned int windows_used;
    struct guest_view views[GUEST_VIEWS];
    uint32_t views_used;       /* one bit each */
    domid_t views_of;          /* whose they are */
    uint64_t views_generation; /* of its p2m, when they were made */
    struct p2m *accessing;     /* in whose memory this CPU is at the moment; others wait for the end */
    uint64_t root;             /* CR3 */

    /* private slot (mm/private.c) */
    struct domain *shown;    /* whose private state this CPU sees, with a reference; NULL: nobody's */
    domid_t stack_of;        /* the last one that it showed: whose numbers may lie about on the stack; at first dom0 */
    uint64_t *private_entry; /* heap alias of the slot's entry in the root */

    /* frames waiting for a flush (mm/tlb.c) */
    unsigned int deferred_count;
    bool batching;
    mfn_t deferred[DEFERRED_FRAMES];

    /* vendor */
    uint64_t hsave_mfn;
    uint32_t asid_next;
    uint64_t asid_generation;
    bool flush_all_asids;

    uint32_t branches_of; /* id of the domain that ran here last, whose branches the predictors know; 0 at first, which
                             is dom0's */
    uint64_t xcr0;        /* value in the register now */
    bool online;
};

static_assert(sizeof(struct cpu) <= PAGE_SIZE);
static_assert(GUEST_VIEWS == 32); /* views_used */

static inline struct cpu *this_cpu(void)
{
    return (struct cpu *)LOCAL_BASE;
}
extern struct cpu *cpus[MAX_HOST_CPUS];
extern unsigned int cpu_count; /* online */

/* Interrupt vectors of the hypervisor itself; devices get the ones from IRQ_VECTOR_FIRST to IRQ_VECTOR_LAST. */
#define IRQ_VECTOR_FIRST 0x30u
#define IRQ_VECTOR_LAST  0xefu
#define VECTOR_TIMER     0xf0u
#define VECTOR_KICK      0xf1u
#define VECTOR_SPURIOUS  0xffu

/* Host CPU features found at boot. */
struct host_features {
    bool x2apic, rdtscp, xsave, smep, smap, umip, pdpe1gb, nx, invariant_tsc, is_amd;
    bool ibpb;         /* PRED_CMD can make the CPU forget what it learnt of branches */
    bool fpu_pointers; /* the x87 instruction and data pointers are always saved and restored */
    unsigned int phys_bits;
    uint64_t xcr0_mask;
    uint32_t xsave_bytes;
};
extern struct host_features host;

void cpu_detect(void);            /* fills `host` */
void cpu_forget_stack(void);      /* zeroes what calls that have returned left on this CPU's stack */
void cpu_init_this(void);         /* control registers, GDT, IDT of the CPU it runs on */
void smp_start_all(void);         /* brings up the application processors; returns when all are online or given up */
[[noreturn]] void cpu_loop(void); /* sched/sched.c: runs vCPUs for ever */
void cpu_send_kick(unsigned int cpu); /* IPI that makes it leave guest mode or wake from idle */

/* LAPIC of this CPU */
void apic_init_this(void);
void apic_eoi(void);
uint32_t apic_id_this(void);
void apic_send_ipi(uint32_t apic_id, uint32_t icr_low);
void apic_timer_set(uint64_t deadline_ns, uint64_t now_ns); /* one shot */
void apic_timer_calibrate(void);

/* Time base */
void time_init(void);
extern struct time_scale {
    uint64_t boot_tsc;
    uint32_t mul;
    int8_t shift;
} time_scale;

/* Interrupts */
void irq_dispatch(unsigned int vector); /* called by traps.c */
void ioapic_init(void);
void irq_init(void);
void serial_irq_init(void);
void timers_run(void);
[[noreturn]] void machine_reboot(void);
[[noreturn]] void machine_poweroff(void);
[[noreturn]] void machine_halt(void);
void fpu_init_this(void);
