/* vmcb.h - the virtual machine control block (APM vol. 2, appendix B) and what svm/ keeps per vCPU */
#pragma once
#include <hv/cpu.h>
#include <hv/fpu.h>
#include <hv/types.h>
#include <hv/vcpu.h>

struct vmcb_segment {
    uint16_t selector, attr;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint16_t cr_read, cr_write, dr_read, dr_write;
    uint32_t exceptions;
    uint32_t intercepts1, intercepts2, intercepts3;
    uint8_t reserved_018[0x03c - 0x018];
    uint16_t pause_threshold, pause_count;
    uint64_t iopm_base, msrpm_base, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved_05d[3];
    uint64_t vintr;
    uint64_t interrupt_shadow;
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t nested_control;
    uint64_t avic_bar, ghcb;
    uint64_t event_inject;
    uint64_t nested_cr3;
    uint64_t lbr_control;
    uint32_t clean, reserved_0c4;
    uint64_t next_rip;
    uint8_t fetched_bytes, fetched[15];
    uint8_t reserved_0e0[0x120 - 0x0e0];
    uint16_t bus_locks; /* that may still be made before an exit */
    uint8_t reserved_122[0x400 - 0x122];
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t reserved_5e0[0x5f8 - 0x5e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t pat, debug_control;
    uint8_t reserved_678[0x1000 - 0x678];
}; /* naturally aligned throughout: the assertions below say so */
static_assert(offsetof(struct vmcb, iopm_base) == 0x40);
static_assert(offsetof(struct vmcb, vintr) == 0x60);
static_assert(offsetof(struct vmcb, event_inject) == 0xa8);
static_assert(offsetof(struct vmcb, next_rip) == 0xc8);
static_assert(offsetof(struct vmcb, bus_locks) == 0x120);
static_assert(offsetof(struct vmcb, cpl) == 0x4cb);
static_assert(offsetof(struct vmcb, efer) == 0x4d0);
static_assert(offsetof(struct vmcb, cr4) == 0x548);
static_assert(offsetof(struct vmcb, rip) == 0x578);
static_assert(offsetof(struct vmcb, rsp) == 0x5d8);
static_assert(offsetof(struct vmcb, cr2) == 0x640);
static_assert(offsetof(struct vmcb, pat) == 0x668);
static_assert(sizeof(struct vmcb) == sizeof(((struct vcpu_private *)NULL)->control_block));

enum { /* intercepts1 */
       I1_INTR = 1u << 0,
       I1_NMI = 1u << 1,
       I1_INIT = 1u << 3,
       I1_RDPMC = 1u << 15,
       I1_CPUID = 1u << 18,
       I1_IRET = 1u << 20,
       I1_INVD = 1u << 22,
       I1_PAUSE = 1u << 23,
       I1_HLT = 1u << 24,
       I1_INVLPGA = 1u << 26,
       I1_IOIO = 1u << 27,
       I1_MSR = 1u << 28,
       I1_TASK = 1u << 29,
       I1_FERR = 1u << 30,
       I1_SHUTDOWN = 1u << 31,
};
enum { /* intercepts2 */
       I2_VMRUN = 1u << 0,
       I2_VMMCALL = 1u << 1,
       I2_VMLOAD = 1u << 2,
       I2_VMSAVE = 1u << 3,
       I2_STGI = 1u << 4,
       I2_CLGI = 1u << 5,
       I2_SKINIT = 1u << 6,
       I2_WBINVD = 1u << 9,
       I2_MONITOR = 1u << 10,
       I2_MWAIT = 1u << 11,
       I2_XSETBV = 1u << 13,
};
#define CR_WRITE_CR4 (1u << 4) /* cr_write */
#define I3_BUS_LOCK  (1u << 5)
enum {
    EXIT_EXCEPTION = 0x40,
    EXIT_CR4_WRITE = 0x14,
    EXIT_INTR = 0x60,
    EXIT_NMI = 0x61,
    EXIT_INIT = 0x63,
    EXIT_RDPMC = 0x6f,
    EXIT_CPUID = 0x72,
    EXIT_IRET = 0x74,
    EXIT_INVD = 0x76,
    EXIT_PAUSE = 0x77,
    EXIT_HLT = 0x78,
    EXIT_INVLPGA = 0x7a,
    EXIT_IOIO = 0x7b,
    EXIT_MSR = 0x7c,
    EXIT_TASK = 0x7d,
    EXIT_FERR = 0x7e,
    EXIT_SHUTDOWN = 0x7f,
    EXIT_VMRUN = 0x80,
    EXIT_VMMCALL = 0x81,
    EXIT_VMLOAD = 0x82,
    EXIT_VMSAVE = 0x83,
    EXIT_STGI = 0x84,
    EXIT_CLGI = 0x85,
    EXIT_SKINIT = 0x86,
    EXIT_WBINVD = 0x89,
    EXIT_MONITOR = 0x8a,
    EXIT_MWAIT = 0x8b,
    EXIT_XSETBV = 0x8d,
    EXIT_BUS_LOCK = 0xa5,
    EXIT_NPF = 0x400,
};
#define EXIT_INVALID (~0ul)

#define EVENT_VALID     (1ul << 31)
#define EVENT_ERROR     (1ul << 11)
#define EVENT_INTR      (0ul << 8)
#define EVENT_NMI       (2ul << 8)
#define EVENT_EXCEPTION (3ul << 8)
#define EVENT_SOFTWARE  (4ul << 8)
#define EVENT_TYPE      (7ul << 8)

#define VINTR_IRQ              (1ul << 8)
#define VINTR_PRIORITY(vector) ((vector) >> 4 << 16)
#define VINTR_IGN_TPR          (1ul << 20)
#define VINTR_MASKING          (1ul << 24)
#define VINTR_VECTOR(vector)   ((vector) << 32)

/* Groups of fields (APM vol. 2, 15.15.4). The CPU that ran a VMCB last may have kept those whose bit is set in `clean`:
 * whoever changes one says so with vmcb_changed(). */
enum {
    VMCB_INTERCEPTS = 1u << 0, /* the TSC offset and the counts of PAUSE and bus locks too */
    VMCB_MAPS = 1u << 1,
    VMCB_ASID = 1u << 2,
    VMCB_VINTR = 1u << 3,
    VMCB_NESTED = 1u << 4, /* PAT too */
    VMCB_CR = 1u << 5,     /* EFER too */
    VMCB_DR = 1u << 6,
    VMCB_TABLES = 1u << 7,   /* GDTR, IDTR */
    VMCB_SEGMENTS = 1u << 8, /* CS, DS, ES, SS, CPL */
    VMCB_CR2 = 1u << 9,
    VMCB_ALL = (1u << 10) - 1, /* of what we use */
};

struct vendor_vcpu {
    uint64_t vmcb_pa;
    struct fpu_area fpu;
    uint64_t asid_generation; /* of the CPU it has an ASID on */
    unsigned int asid_cpu;
    uint64_t p2m_generation;  /* last flushed to */
    uint64_t bus_lock_refill; /* system time */
    bool nmi_pending, nmi_blocked;
    bool settled; /* nothing was to be delivered when interrupts were last looked at, nor has an exit changed that since
                   */
    uint64_t task_class; /* of the task priority, as it stands in the VMCB */
    int offered;         /* the local APIC's vector that stands in the VMCB as its virtual interrupt, or -1 */
};

static inline struct vmcb *vmcb_of(const struct vcpu *v)
{
    return (struct vmcb *)v->private->control_block;
}

static inline void vmcb_changed(struct vmcb *b, uint32_t groups)
{
    b->clean &= ~groups;
}

/* vmcb.c */
int svm_vcpu_create(struct vcpu *v);
void svm_vcpu_destroy(struct vcpu *v);
void svm_vcpu_reset(struct vcpu *v);
void svm_fetch(struct vcpu *v, unsigned int group);
void svm_write_back(struct vcpu *v); /* dirty groups of registers to the VMCB, before entry */
int svm_domain_create(struct domain *d);
void svm_domain_destroy(struct domain *d);
/* exit.c: returns false when the scheduler is wanted */
void svm_handle_exit(struct vcpu *v);
/* inject.c */
void svm_inject_prepare(struct vcpu *v);
void svm_settle_interrupt(
    struct vcpu *v); /* the one offered is in service now if the CPU took it, else requested again */
void svm_reinject(struct vcpu *v);
void svm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error);
void svm_clear_shadow(struct vcpu *v);
/* run.c */
void svm_run(struct vcpu *v);
void svm_save(struct vcpu *v);
/* bus_lock.c */
void svm_bus_lock_reset(struct vcpu *v);
void svm_bus_lock_exit(struct vcpu *v);
/* asid.c */
void svm_asid_prepare(struct vcpu *v); /* an id for the next entry; translations of the domain may have changed */
bool svm_asid_is_good(const struct vcpu *v, const struct cpu *c); /* is there nothing to prepare? */
/* Right after an exit, if a flush was asked for at the entry: it has been done. */
void svm_asid_entered(const struct vcpu *v);
/* enter.S: runs the guest once. gpr: the NR_GPRS array; RAX and RSP travel in the VMCB. Interrupts off and GIF set
 * before and after. */
void svm_enter(uint64_t vmcb_pa, uint64_t *gpr);
