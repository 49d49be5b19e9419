/*
 * vpci_msi.c - the MSI capability: the guest's address and data stay in a shadow, the device gets a message of ours.
 * One vector only: the guest sees a device that can do no more.
 */
#include "function.h"
#include <hv/log.h>
#include <hv/xen.h>

/* Message control, in the upper half of the capability's first dword. */
#define CONTROL(bit)    ((uint32_t)BIT(16 + (bit)))
#define ENABLE          CONTROL(0)
#define CAPABLE_VECTORS (CONTROL(1) | CONTROL(2) | CONTROL(3))
#define ENABLED_VECTORS (CONTROL(4) | CONTROL(5) | CONTROL(6))
#define WIDE            CONTROL(7)
#define MASKABLE        CONTROL(8)
#define EXTENDED_DATA   (CONTROL(9) | CONTROL(10)) /* 32 bits of data: no message of ours needs it */
#define HIDDEN          (CAPABLE_VECTORS | ENABLED_VECTORS | EXTENDED_DATA)

#define ADDRESS_LOW  4u
#define ADDRESS_HIGH 8u /* if wide */

static unsigned int data_offset(const struct msi *m)
{
    return m->wide ? 12 : 8;
}

int msi_setup(struct vpci_fn *fn, uint8_t pos)
{
    uint32_t control = fn_read(fn, pos, 4);
    struct msi *m = &fn->msi;

    if (m->pos)
        return 0; /* a second one would be a defect of the device */
    *m = (struct msi){.pos = pos, .wide = control & WIDE, .handle = -1};
    unsigned int bytes = data_offset(m) + 4 + (control & MASKABLE ? 8 : 0);
    m->end = (uint8_t)MIN(pos + bytes, 255u);
    if (control & ENABLE)
        fn_write(fn, pos + 2u, 2, (control & ~(ENABLE | HIDDEN)) >> 16);
    return 0;
}

static void release(struct msi *m)
{
    if (m->handle >= 0)
        host_msi_free(m->handle);
    m->handle = -1;
}

void msi_teardown(struct vpci_fn *fn)
{
    struct msi *m = &fn->msi;
    if (!m->pos)
        return;
    if (m->enabled)
        fn_write(fn, m->pos + 2u, 2, (fn_read(fn, m->pos, 4) & ~(ENABLE | HIDDEN)) >> 16);
    m->enabled = false;
    release(m);
}

uint32_t msi_read(const struct vpci_fn *fn, unsigned int reg)
{
    const struct msi *m = &fn->msi;
    unsigned int off = reg - m->pos;
    if (!off)
        return fn_read(fn, reg, 4) & ~HIDDEN;
    if (off == ADDRESS_LOW)
        return (uint32_t)m->address;
    if (off == ADDRESS_HIGH && m->wide)
        return (uint32_t)(m->address >> 32);
    if (off == data_offset(m))
        return m->data;
    return fn_read(fn, reg, 4); /* mask and pending bits */
}

/* Gives the device our message for what the guest has in the shadow. False: no vector was left. */
static bool program(struct domain *d, struct vpci_fn *fn)
{
    struct msi *m = &fn->msi;
    uint64_t address;
    uint32_t data;

    if (m->handle < 0)
        m->handle = host_msi_alloc(d, fn->addr, m->address, m->data);
    else
        host_msi_update(m->handle, m->address, m->data);
    if (m->handle < 0) {
        log_warn("pci %02x:%02x.%x: no interrupt vector left for MSI", fn->addr.bus, fn->addr.devfn >> 3,
                 fn->addr.devfn & 7u);
        return false;
    }
    host_msi_message(m->handle, &address, &data);
    fn_write(fn, m->pos + ADDRESS_LOW, 4, (uint32_t)address);
    if (m->wide)
        fn_write(fn, m->pos + ADDRESS_HIGH, 4, (uint32_t)(address >> 32));
    fn_write(fn, m->pos + data_offset(m), 2, data);
    return true;
}

static void control_write(struct domain *d, struct vpci_fn *fn, uint32_t value)
{
    struct msi *m = &fn->msi;
    bool enable = (value & ENABLE) && program(d, fn);

    fn_write(fn, m->pos + 2u, 2, ((value & ~(HIDDEN | ENABLE)) | (enable ? ENABLE : 0)) >> 16);
    m->enabled = enable;
    if (!enable)
        release(m);
}

void msi_write(struct domain *d, struct vpci_fn *fn, unsigned int reg, uint32_t value)
{
    struct msi *m = &fn->msi;
    unsigned int off = reg - m->pos;

    if (!off) {
        control_write(d, fn, value);
        return;
    }
    if (off == ADDRESS_LOW)
        m->address = (m->address & ~0xfffffffful) | value;
    else if (off == ADDRESS_HIGH && m->wide)
        m->address = (m->address & 0xffffffff) | (uint64_t)value << 32;
    else if (off == data_offset(m))
        m->data = value & 0xffff;
    else {
        fn_write(fn, reg, 4, value); /* mask bits; pending ones are read-only */
        return;
    }
    if (m->enabled && !program(d, fn))
        control_write(d, fn, 0);
}
