/* portio.c - IN, OUT, INS and OUTS */
#include "memop.h"
#include "ports.h"
#include <hv/emulate.h>
#include <hv/guestcopy.h>

static void advance(struct vcpu *v, const struct port_access *a)
{
    vcpu_skip(v, (unsigned int)(a->next_rip - v->private->regs.rip));
}

static void copy_failed(struct vcpu *v, uint64_t linear, bool write)
{
    vcpu_regs_write(v, REGS_CONTROL)->cr2 = linear;
    vcpu_inject_exception(v, VECTOR_PF, true, write ? 2 : 0);
}

/* INS: the memory is looked at before the port is read, as reading may change the device. False: an exception is
 * injected. */
static bool string_in(struct vcpu *v, const struct port_access *a)
{
    uint64_t linear;
    uint32_t value;
    gpa_t unused;

    if (!segment_access(v, SEG_ES, address_cut(v->private->regs.gpr[RDI], a->address_bytes), a->bytes, true, &linear))
        return false;
    for (unsigned int i = 0; i < a->bytes; i += MAX(a->bytes - 1u, 1u)) {
        if (guest_translate(v, GUEST_PTR(linear + i), true, &unused)) {
            copy_failed(v, linear + i, true);
            return false;
        }
    }
    value = port_read(v, a->port, a->bytes);
    if (copy_to_guest(v, GUEST_PTR(linear), &value, a->bytes)) {
        copy_failed(v, linear, true);
        return false;
    }
    address_register_set(v, RDI, a->address_bytes, v->private->regs.gpr[RDI] + (uint64_t)string_step(v, a->bytes));
    return true;
}

static bool string_out(struct vcpu *v, const struct port_access *a)
{
    uint64_t linear;
    uint32_t value = 0;

    if (!segment_access(v, (enum seg_name)a->segment, address_cut(v->private->regs.gpr[RSI], a->address_bytes),
                        a->bytes, false, &linear))
        return false;
    if (copy_from_guest(v, &value, GUEST_PTR(linear), a->bytes)) {
        copy_failed(v, linear, false);
        return false;
    }
    port_write(v, a->port, a->bytes, value);
    address_register_set(v, RSI, a->address_bytes, v->private->regs.gpr[RSI] + (uint64_t)string_step(v, a->bytes));
    return true;
}

/* One element per call; the instruction stays where it is until the count is used up, so that interrupts get in
 * between. */
static void port_string(struct vcpu *v, const struct port_access *a)
{
    uint64_t left = address_cut(v->private->regs.gpr[RCX], a->address_bytes);

    /* Our copies are supervisor accesses: a process with I/O rights must not reach its kernel's memory through them. */
    if (vcpu_cpl(v) == 3) {
        vcpu_inject_exception(v, VECTOR_GP, true, 0);
        return;
    }
    if (a->rep && left == 0) {
        advance(v, a);
        return;
    }
    if (!(a->in ? string_in(v, a) : string_out(v, a)))
        return;
    if (a->rep)
        address_register_set(v, RCX, a->address_bytes, --left);
    if (!a->rep || left == 0)
        advance(v, a);
}

void port_io(struct vcpu *v, const struct port_access *a)
{
    if (a->string) {
        port_string(v, a);
        return;
    }
    if (a->in)
        register_write(v, RAX, false, a->bytes, port_read(v, a->port, a->bytes));
    else
        port_write(v, a->port, a->bytes, (uint32_t)register_read(v, RAX, false, a->bytes));
    advance(v, a);
}
