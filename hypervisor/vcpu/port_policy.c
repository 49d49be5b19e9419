/*
 * port_policy.c - who may use which I/O port.
 * dom0 drives the machine: a port is its own unless it stands here. Other domains have none but the few of a PVH
 * platform.
 */
#include "host.h"
#include "ports.h"
#include <hv/domain.h>
#include <hv/emulate.h>
#include <hv/lock.h>
#include <hv/hypercall.h>
#include <hv/machine.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/vpci.h>

struct sleep_request dom0_sleep;

struct port_range {
    uint16_t first, last;
    uint32_t (*read)(struct vcpu *v, uint16_t port, unsigned int bytes);              /* NULL: all ones */
    void (*write)(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value); /* NULL: ignored */
};

#define SLP_EN_BYTE 0x20u /* bit 13 of a PM1 control register, in its second byte */
#define RESET_CPU   0x04u /* of port 0xCF9 */

/* ---- handlers ---- */

static uint32_t read_zero(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    return 0;
}

/* Port 0xE9: what a kernel prints before it has a console. It comes out where its hypercalls would print it, and counts
 * against the same limit. */
static void write_debug(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    char c = (char)value;

    console_write(v->domain, &c, 1);
}

static void write_cf9(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    if (value & RESET_CPU)
        domain_shutdown(v->domain, SHUTDOWN_reboot);
}

/* The clock: one index for two accesses, so they are put together here and no one else gets in between. */
static spinlock_t cmos_lock = SPINLOCK_INIT;
static uint8_t cmos_index;

static uint32_t read_cmos(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    uint32_t value;

    if (port == 0x70)
        return 0xff; /* cannot be read back on real ones either */
    spin_lock(&cmos_lock);
    host_port_write(0x70, 1, cmos_index);
    value = host_port_read(0x71, 1);
    spin_unlock(&cmos_lock);
    return value;
}

static void write_cmos(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    spin_lock(&cmos_lock);
    if (port == 0x70) {
        cmos_index = value & 0x7f; /* bit 7 would mask the machine's NMIs */
    } else {
        host_port_write(0x70, 1, cmos_index);
        host_port_write(0x71, 1, value & 0xff);
    }
    spin_unlock(&cmos_lock);
}

/*
 * ACPI PM1 control, two bytes each. dom0 writes the sleep type first and then, once more, with SLP_EN set: that write
 * does not reach the hardware, it asks the hypervisor to stop the machine, which uses the remembered values. Everything
 * else (SCI_EN, bus master reload) is dom0's.
 */
static uint16_t *pm1_value(uint16_t port)
{
    return machine.pm1b_cnt && (uint16_t)(port - machine.pm1b_cnt) < 2 ? &dom0_sleep.pm1b : &dom0_sleep.pm1a;
}

static uint16_t pm1_base(uint16_t port)
{
    return pm1_value(port) == &dom0_sleep.pm1b ? machine.pm1b_cnt : machine.pm1a_cnt;
}

static uint32_t read_pm1(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    return host_port_read(port, bytes);
}

static void write_pm1(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    unsigned int shift = 8u * (unsigned int)(port - pm1_base(port)); /* 0 or 8 */
    uint16_t *kept = pm1_value(port), mask = (uint16_t)((bytes == 1 ? 0xffu : 0xffffu) << shift);

    *kept = (uint16_t)((*kept & ~mask) | (value << shift & mask));
    if ((mask >> 8) && (*kept >> 8 & SLP_EN_BYTE)) {
        dom0_sleep.requested = true;
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
    } else {
        host_port_write(port, bytes, value);
    }
}

static void write_reset_register(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    if ((value & 0xff) == machine.reset_value)
        domain_shutdown(v->domain, SHUTDOWN_reboot);
}

/* Firmware's door: the SMI is raised by a write of our own, as one that a guest's OUT raises comes while the CPU is in
 * guest mode. */
static uint32_t read_through(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    return host_port_read(port, bytes);
}

static void write_through(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    host_port_write(port, bytes, value);
}

/*
 * The keyboard controller can pulse the CPU's reset line: by a command that pulses output bits, bit 0 low, or by the
 * command that sets the output port, its data with bit 0 clear. Both are the wish to reboot.
 */
#define KBC_PULSE        0xf0u
#define KBC_WRITE_OUTPUT 0xd1u
static bool kbc_output_follows;

static void write_kbc_command(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    write_once(kbc_output_follows, value == KBC_WRITE_OUTPUT);
    if ((value & KBC_PULSE) == KBC_PULSE && !(value & 1))
        domain_shutdown(v->domain, SHUTDOWN_reboot);
    else
        host_port_write(port, bytes, value);
}

static void write_kbc_data(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    if (__atomic_exchange_n(&kbc_output_follows, false, __ATOMIC_RELAXED) && !(value & 1))
        domain_shutdown(v->domain, SHUTDOWN_reboot);
    else
        host_port_write(port, bytes, value);
}

static void write_domu_sleep(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    if (value & SLP_EN_BYTE)
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

static void write_domu_reset(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    if (value & 1)
        domain_shutdown(v->domain, SHUTDOWN_reboot);
}

/* ---- tables ---- */

/* Found in this order: CF9 before the configuration ports around it. */
/* clang-format off */
static const struct port_range dom0_ports[] = {
    {0x0cf9, 0x0cf9, read_zero, write_cf9},
    {0x0cf8, 0x0cff, vpci_port_read, vpci_port_write},
    {0x0000, 0x000f, NULL, NULL}, /* DMA controllers: their addresses know no nested paging */
    {0x0020, 0x0021, NULL, NULL}, /* interrupt controllers: Linux must find none */
    {0x0040, 0x0043, NULL, NULL}, /* timer and its gate at 61: 61 must read FF or calibration waits for ever */
    {0x0060, 0x0060, read_through, write_kbc_data},
    {0x0061, 0x0061, NULL, NULL},
    {0x0064, 0x0064, read_through, write_kbc_command},
    {0x0070, 0x0071, read_cmos, write_cmos},
    {0x0081, 0x008f, NULL, NULL}, /* DMA pages (80 is the delay port) */
    {0x0092, 0x0092, NULL, NULL}, /* A20 and fast reset */
    {0x00a0, 0x00a1, NULL, NULL},
    {0x00c0, 0x00df, NULL, NULL},
    {0x00e9, 0x00e9, NULL, write_debug},
    {0x00f0, 0x00f1, NULL, NULL}, /* coprocessor error */
    {0x04d0, 0x04d1, NULL, NULL},
};
/* clang-format on */

/* As the toolstack's tables for PVH guests say. */
static const struct port_range domu_ports[] = {
    {0x00e9, 0x00e9, NULL, write_debug},
    {0x0404, 0x0404, NULL, write_domu_sleep},
    {0x0405, 0x0405, read_zero, NULL},
    {0x0406, 0x0406, NULL, write_domu_reset},
};

static const struct port_range denied = {0, 0xffff, NULL, NULL};

/* Where the machine says its ports are. */
static bool dom0_machine_port(uint16_t port, struct port_range *out)
{
    if ((machine.pm1a_cnt && (uint16_t)(port - machine.pm1a_cnt) < 2) ||
        (machine.pm1b_cnt && (uint16_t)(port - machine.pm1b_cnt) < 2)) {
        uint16_t base = pm1_base(port);
        *out = (struct port_range){base, (uint16_t)(base + 1), read_pm1, write_pm1};
        return true;
    }
    if (machine.reset_space == 1 && port == machine.reset_address && port != 0xcf9) {
        *out = (struct port_range){port, port, read_zero, write_reset_register};
        return true;
    }
    if (machine.smi_command && (uint16_t)(port - machine.smi_command) < 2) {
        *out =
            (struct port_range){machine.smi_command, (uint16_t)(machine.smi_command + 1), read_through, write_through};
        return true;
    }
    if (console_uses_port(port)) {
        *out = (struct port_range){port, port, NULL, NULL};
        return true;
    }
    return false;
}

static bool in_table(const struct port_range *table, size_t n, uint16_t port, struct port_range *out)
{
    for (size_t i = 0; i < n; i++) {
        if (port < table[i].first || port > table[i].last)
            continue;
        *out = table[i];
        return true;
    }
    return false;
}

/* False: the port is the domain's own to use directly. */
static bool find_range(const struct domain *d, uint16_t port, struct port_range *out)
{
    if (d->is_control)
        return in_table(dom0_ports, ARRAY_SIZE(dom0_ports), port, out) || dom0_machine_port(port, out);
    if (!in_table(domu_ports, ARRAY_SIZE(domu_ports), port, out))
        *out = denied;
    return true;
}

static uint32_t all_ones(unsigned int bytes)
{
    return bytes == 4 ? 0xffffffffu : (1u << (8 * bytes)) - 1;
}

/* An access that reaches beyond one range is made byte by byte. */
static bool fits(const struct port_range *r, uint16_t port, unsigned int bytes)
{
    return bytes == 1 || (uint32_t)port + bytes - 1 <= r->last;
}

/* All bytes of a direct access must be the domain's own. */
static bool all_direct(const struct domain *d, uint16_t port, unsigned int bytes)
{
    struct port_range unused;

    for (unsigned int i = 0; i < bytes; i++)
        if (find_range(d, (uint16_t)(port + i), &unused))
            return false;
    return true;
}

uint32_t port_read(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    struct port_range r;
    uint32_t value = 0;

    if (all_direct(v->domain, port, bytes))
        return host_port_read(port, bytes);
    if (find_range(v->domain, port, &r) && fits(&r, port, bytes))
        return (r.read ? r.read(v, port, bytes) : ~0u) & all_ones(bytes);
    if (bytes == 1) /* direct, and so not reached */
        return 0xff;
    for (unsigned int i = 0; i < bytes; i++)
        value |= port_read(v, (uint16_t)(port + i), 1) << (8 * i);
    return value;
}

void port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    struct port_range r;

    if (all_direct(v->domain, port, bytes)) {
        host_port_write(port, bytes, value);
        return;
    }
    if (find_range(v->domain, port, &r) && fits(&r, port, bytes)) {
        if (r.write)
            r.write(v, port, bytes, value & all_ones(bytes));
        return;
    }
    for (unsigned int i = 0; bytes > 1 && i < bytes; i++)
        port_write(v, (uint16_t)(port + i), 1, value >> (8 * i) & 0xff);
}

void port_policy_fill(struct domain *d, uint8_t iopm[8192])
{
    struct port_range unused;

    memset(iopm, 0xff, 8192);
    if (!d->is_control)
        return;
    for (unsigned int port = 0; port < 0x10000; port++)
        if (!find_range(d, (uint16_t)port, &unused))
            iopm[port / 8] &= (uint8_t)~(1u << (port % 8));
}
