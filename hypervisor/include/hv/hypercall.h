/*
 * hypercall.h - the table of hypercalls (xen/hypercall.c) and what handlers share.
 * A handler copies its argument in once, validates, takes references, then does what cannot fail. It returns the value
 * for RAX. -XEN_ERESTART from a handler means "enter the guest at the same instruction again": the handler has put its
 * place into the argument registers.
 */
#pragma once
#include <hv/guestcopy.h>
#include <hv/vcpu.h>
#include <hv/xen.h>

#define HYPERCALL_RESTART (-XEN_ERESTART)

/* Called by the vendor's exit switch; reads registers, checks CPL and mode, sets RAX, skips `bytes` unless the call is
 * to be restarted. */
void xen_hypercall(struct vcpu *v, unsigned int bytes);

/* Handlers: the command is args[0] where there is one. */
long do_xen_version(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_memory_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_event_channel_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_grant_table_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg, uint64_t count);
long do_sched_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_vcpu_op(struct vcpu *v, uint64_t cmd, uint64_t vcpu_id, guest_ptr_t arg);
long do_hvm_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_physdev_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
long do_platform_op(struct vcpu *v, guest_ptr_t arg);
long do_console_io(struct vcpu *v, uint64_t cmd, uint64_t count, guest_ptr_t buffer);
long do_domctl(struct vcpu *v, guest_ptr_t arg);
long do_sysctl(struct vcpu *v, guest_ptr_t arg);
long do_set_timer_op(struct vcpu *v, uint64_t deadline);
long do_vm_assist(struct vcpu *v, uint64_t cmd, uint64_t type);

/* DOMID_SELF or an id, with a reference; NULL if there is none. Other domains only for the control domain: see
 * `control`. */
struct domain *hypercall_domain(struct vcpu *v, domid_t id);
/* True when the hypercall has used its share of time and should return HYPERCALL_RESTART at the next safe point. */
bool hypercall_preempt(struct vcpu *v);

/* The 128 stubs of the page that MSR 0x40000000 asks for: VMMCALL on AMD, else VMCALL. */
void hypercall_page_fill(uint8_t page[4096], bool amd);

/* dom0's view of the boot display: fills up to sizeof(dom0_vga_console_info_t) bytes at `buf`, returns how many are
 * valid, 0 if there is none. */
size_t machine_vga_console(void *buf);

/* The machine's console (dom0's hvc0): reading gives what came in on the serial line. */
size_t console_read(char *buf, size_t max);
void console_write(struct domain *from, const char *buf, size_t bytes);

/* The linker's build id of this hypervisor; NULL and 0 if the image has none. */
const uint8_t *build_id(size_t *bytes);
