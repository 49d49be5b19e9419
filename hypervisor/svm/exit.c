/* exit.c - why the guest stopped: every reason we allow, one line each */
#include "caps.h"
#include "vmcb.h"
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/fault.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/x86.h>

/* Past the instruction: the CPU's next RIP where it gives one, else the fixed length of the unprefixed form
 * (architecture.md, vendors). */
static void skip(struct vcpu *v, unsigned int bytes)
{
    uint64_t next = svm_caps.next_rip ? vmcb_of(v)->next_rip : 0;
    vcpu_skip(v, next > v->private->regs.rip && next - v->private->regs.rip <= 15
                     ? (unsigned int)(next - v->private->regs.rip)
                     : bytes);
}

/* Handlers with locals of their own stay functions: the switch below then needs no frame for them. */
static int write_efer(struct vcpu *v, uint64_t value)
{
    struct vcpu_regs *r = vcpu_regs(v, REGS_CONTROL);
    uint64_t allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;

    if (value & ~allowed)
        return -1;
    if (r->cr0 & CR0_PG && (value ^ r->efer) & EFER_LME)
        return -1;
    r = vcpu_regs_write(v, REGS_CONTROL);
    r->efer = (value & ~EFER_LMA) | (r->efer & EFER_LMA); /* LMA follows paging, not the write */
    return 0;
}

[[gnu::noinline]] static void msr_exit(struct vcpu *v)
{
    struct vcpu_regs *r = &v->private->regs;
    uint32_t msr = (uint32_t)r->gpr[RCX];
    uint64_t value = (r->gpr[RDX] << 32) | (uint32_t)r->gpr[RAX];
    int failed;

    if (vmcb_of(v)->exit_info1) {
        v->vendor->settled = false;
        failed = msr == MSR_EFER ? write_efer(v, value) : msr_write(v, msr, value);
    } else if (msr == MSR_EFER) {
        value = vcpu_regs(v, REGS_CONTROL)->efer;
        failed = 0;
    } else {
        failed = msr_read(v, msr, &value);
    }
    if (failed) {
        vcpu_inject_exception(v, VECTOR_GP, true, 0);
        return;
    }
    if (!vmcb_of(v)->exit_info1) {
        r->gpr[RAX] = (uint32_t)value;
        r->gpr[RDX] = value >> 32;
    }
    skip(v, 2);
}

[[gnu::noinline]] static void cpuid_exit(struct vcpu *v)
{
    cpuid_emulate(v);
    skip(v, 2);
}

[[gnu::noinline]] static void io_exit(struct vcpu *v)
{
    uint64_t info = vmcb_of(v)->exit_info1;
    struct port_access a = {
        .port = (uint16_t)(info >> 16),
        .bytes = info & BIT(4)   ? 1
                 : info & BIT(5) ? 2
                                 : 4,
        .in = info & 1,
        .string = info & BIT(2),
        .rep = info & BIT(3),
        .address_bytes = info & BIT(7)   ? 2
                         : info & BIT(8) ? 4
                                         : 8,
        .segment = (uint8_t)(info >> 10 & 7),
        .next_rip = vmcb_of(v)->exit_info2,
    };
    port_io(v, &a);
}

[[gnu::noinline]] static void xsetbv_exit(struct vcpu *v)
{
    uint64_t value = v->private->regs.gpr[RDX] << 32 | (uint32_t)v->private->regs.gpr[RAX];

    if (vcpu_cpl(v) || (uint32_t)v->private->regs.gpr[RCX] || fpu_set_xcr0(&v->vendor->fpu, value)) {
        vcpu_inject_exception(v, VECTOR_GP, true, 0);
        return;
    }
    v->private->msrs.xcr0 = value;
    skip(v, 3);
}

[[gnu::noinline]] static void nested_fault(struct vcpu *v)
{
    uint64_t info = vmcb_of(v)->exit_info1;
    struct fault_access a = {
        .gpa = GPA(vmcb_of(v)->exit_info2),
        .write = info & BIT(1),
        .fetch = info & BIT(4),
        .walk = info & BIT(33),
    };
    p2m_fault(v, &a);
}

static void halt(struct vcpu *v)
{
    skip(v, 1);
    vmcb_of(v)->interrupt_shadow = 0;
    vcpu_halt(v);
}

static void iret(struct vcpu *v)
{
    /* The NMI handler ends with this instruction, which is executed on return. */
    v->vendor->nmi_blocked = false;
    vmcb_of(v)->intercepts1 &= ~(uint32_t)I1_IRET;
    vmcb_changed(vmcb_of(v), VMCB_INTERCEPTS);
}

void svm_handle_exit(struct vcpu *v)
{
    struct vmcb *b = vmcb_of(v);

    switch (b->exit_code) {
    case EXIT_INTR: interrupt_window(); return;
    case EXIT_VMMCALL: xen_hypercall(v, 3); return;
    case EXIT_MSR: msr_exit(v); return;
    case EXIT_CPUID: cpuid_exit(v); return;
    }
    v->vendor->settled = false; /* these may change the interrupt controller */
    switch (b->exit_code) {
    case EXIT_NPF: nested_fault(v); return;
    case EXIT_IOIO: io_exit(v); return;
    case EXIT_HLT: halt(v); return;
    case EXIT_PAUSE: vcpu_yield(v); return;
    case EXIT_BUS_LOCK: svm_bus_lock_exit(v); return;
    case EXIT_XSETBV: xsetbv_exit(v); return;
    case EXIT_IRET: iret(v); return;
    case EXIT_NMI: log_warn("NMI on cpu %u ignored", this_cpu()->id); return;
    case EXIT_CR4_WRITE:
        cr4_write_emulate(v);
        v->vendor->asid_generation = 0; /* a new id: what the write would have flushed, and more */
        return;
    case EXIT_WBINVD: skip(v, MAX(insn_length_here(v), 2u)); return; /* or WBNOINVD, which has a prefix */
    case EXIT_INVD: skip(v, 2); return; /* caches are coherent and others' data is in them: nothing to throw away */
    case EXIT_RDPMC: vcpu_inject_exception(v, VECTOR_GP, true, 0); return;
    case EXIT_VMRUN:
    case EXIT_VMLOAD:
    case EXIT_VMSAVE:
    case EXIT_STGI:
    case EXIT_CLGI:
    case EXIT_SKINIT:
    case EXIT_INVLPGA:
    case EXIT_MONITOR:
    case EXIT_MWAIT: vcpu_inject_exception(v, VECTOR_UD, false, 0); return;
    case EXIT_SHUTDOWN: vcpu_triple_fault(v); return;
    case EXIT_TASK:
        domain_kill(v->domain, "task switch at rip=%lx, vcpu %u: not supported for guests", v->private->regs.rip,
                    v->id);
        return;
    case EXIT_EXCEPTION + 1:
        svm_inject_exception(v, 1, false, 0);
        return; /* DR6 says why: the CPU has put it into the VMCB */
    case EXIT_EXCEPTION + 17: svm_inject_exception(v, 17, true, 0); return;
    case EXIT_EXCEPTION + 18: panic("machine check in a guest of d%u", v->domain->id);
    case EXIT_INVALID:
        domain_kill(v->domain, "the CPU refuses the state of vcpu %u at rip=%lx", v->id, v->private->regs.rip);
        return;
    default:
        domain_kill(v->domain, "unexpected exit %#lx at rip=%lx, vcpu %u", b->exit_code, v->private->regs.rip, v->id);
        return;
    }
}
