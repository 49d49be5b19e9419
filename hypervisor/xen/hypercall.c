/* hypercall.c - the table of hypercalls, and the register ABI around it */
#include <hv/string.h>
#include <hv/timer.h>
#include <hv/x86.h>
#include "access.h"
#include "atoll_op.h"

/* A call may hold the CPU this long before it looks for a place to stop: far below a frame of the display. */
#define SHARE_US 500u

/* Arguments: the registers that they come in. */
enum { ARG0 = RDI, ARG1 = RSI, ARG2 = RDX };

static guest_ptr_t pointer(const uint64_t *r, unsigned int i)
{
    return GUEST_PTR(r[i]);
}

static long call_control_domain(struct vcpu *v, const uint64_t *r)
{
    switch (r[RAX]) {
    case __HYPERVISOR_platform_op: return do_platform_op(v, pointer(r, ARG0));
    case __HYPERVISOR_physdev_op: return do_physdev_op(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_sysctl: return do_sysctl(v, pointer(r, ARG0));
    case __HYPERVISOR_domctl: return do_domctl(v, pointer(r, ARG0));
    case __HYPERVISOR_arch_7: return do_atoll_op(v, r[ARG0], pointer(r, ARG1));
    default: return -XEN_ENOSYS;
    }
}

/* `r`: the caller's registers, which stand still while it is here. */
static long call_anybody(struct vcpu *v, const uint64_t *r)
{
    switch (r[RAX]) {
    case __HYPERVISOR_event_channel_op: return do_event_channel_op(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_vcpu_op: return do_vcpu_op(v, r[ARG0], r[ARG1], pointer(r, ARG2));
    case __HYPERVISOR_sched_op: return do_sched_op(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_grant_table_op: return do_grant_table_op(v, r[ARG0], pointer(r, ARG1), r[ARG2]);
    case __HYPERVISOR_memory_op: return do_memory_op(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_set_timer_op: return do_set_timer_op(v, r[ARG0]);
    case __HYPERVISOR_xen_version: return do_xen_version(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_console_io: return do_console_io(v, r[ARG0], r[ARG1], pointer(r, ARG2));
    case __HYPERVISOR_hvm_op: return do_hvm_op(v, r[ARG0], pointer(r, ARG1));
    case __HYPERVISOR_vm_assist: return do_vm_assist(v, r[ARG0], r[ARG1]);

    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_arch_7: return v->domain->is_control ? call_control_domain(v, r) : -XEN_EPERM;
    case __HYPERVISOR_physdev_op: return v->domain->is_control ? call_control_domain(v, r) : -XEN_ENOSYS;
    default: return -XEN_ENOSYS;
    }
}

/*
 * 32-bit callers: arguments in EBX, ECX, EDX. Handlers find them, and leave their progress, where those of 64-bit
 * callers are.
 */
[[gnu::noinline]] static long call_narrow(struct vcpu *v, uint64_t *r)
{
    const uint64_t b = r[RBX], c = r[RCX], d = r[RDX], si = r[RSI], di = r[RDI];
    long result;

    if (!(vcpu_regs(v, REGS_CONTROL)->cr0 & CR0_PE))
        return -XEN_EPERM; /* real mode has no privilege levels: Xen takes it for none */
    r[RAX] = (uint32_t)r[RAX];
    r[ARG0] = (uint32_t)b;
    r[ARG1] = (uint32_t)c;
    r[ARG2] = (uint32_t)d;
    if (r[RAX] == __HYPERVISOR_set_timer_op)
        result = do_set_timer_op(v, (uint64_t)(uint32_t)c << 32 | (uint32_t)b);
    else
        result = call_anybody(v, r);
    if (result == HYPERCALL_RESTART) {
        r[RBX] = r[ARG0];
        r[RCX] = r[ARG1];
    } else {
        r[RDX] = d;
    }
    r[RSI] = si;
    r[RDI] = di;
    return result;
}

void xen_hypercall(struct vcpu *v, unsigned int bytes)
{
    struct vcpu_regs *r = &v->private->regs;
    bool long_mode = vcpu_long_mode(v);
    long result;

    v->hypercall_deadline = 0;
    if (v->poll_ports_active)
        vcpu_poll_finish(v);
    if (vcpu_cpl(v) != 0) {
        result = -XEN_EPERM;
    } else if (!long_mode) {
        result = call_narrow(v, r->gpr);
    } else {
        result = call_anybody(v, r->gpr);
    }
    /* The handler left its progress in the argument registers, so even another hypercall in between (from an interrupt)
     * is harmless. */
    if (result == HYPERCALL_RESTART)
        return;
    r->gpr[RAX] = long_mode ? (uint64_t)result : (uint32_t)result;
    vcpu_skip(v, bytes);
}

bool hypercall_preempt(struct vcpu *v)
{
    if (read_once(v->kicked))
        return true;
    uint64_t now = tsc_now();
    if (!v->hypercall_deadline)
        v->hypercall_deadline = now + SHARE_US * tsc_khz() / 1000;
    return now >= v->hypercall_deadline;
}

struct domain *hypercall_domain(struct vcpu *v, domid_t id)
{
    if (id != DOMID_SELF)
        return domain_get(id);
    domain_ref(v->domain);
    return v->domain;
}

/* mov $nr, %eax; vmcall or vmmcall; ret. Slot 23 (iret) is for PV guests only: ud2. */
void hypercall_page_fill(uint8_t page[4096], bool amd)
{
    for (unsigned int nr = 0; nr < 128; nr++) {
        uint8_t *stub = page + nr * 32;
        const uint8_t code[] = {0xb8, (uint8_t)nr, 0, 0, 0, 0x0f, 0x01, amd ? 0xd9 : 0xc1, 0xc3};

        memset(stub, 0xcc, 32);
        memcpy(stub, code, sizeof(code));
        if (nr == __HYPERVISOR_iret)
            memcpy(stub, (const uint8_t[]){0x0f, 0x0b}, 2);
    }
}
