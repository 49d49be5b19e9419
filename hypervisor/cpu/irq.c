/*
 * irq.c - the machine's interrupts: who gets which vector.
 * One table for all CPUs; a vector is the hypervisor's own, a GSI bound to dom0's I/O APIC, or one MSI of a device.
 * Where interrupts are remapped, an entry of the IOMMU goes with each vector of a device.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hostpci.h>
#include <hv/ioapic.h>
#include <hv/iommu.h>
#include <hv/irq.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/serial.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/xen.h>
#include <hv/port.h>

enum irq_kind { IRQ_FREE, IRQ_GSI, IRQ_MSI, IRQ_CONSOLE, IRQ_OURS };

struct irq {
    enum irq_kind kind;
    struct domain *domain;
    uint32_t gsi;
    bool level;
    uint64_t msi_address; /* as the guest programmed it */
    uint32_t msi_data;
    void (*handler)(void); /* IRQ_OURS */
};

static struct irq irqs[256];
static spinlock_t lock = SPINLOCK_INIT;

static int vector_alloc(void)
{
    static unsigned int next = IRQ_VECTOR_FIRST;
    for (unsigned int n = IRQ_VECTOR_FIRST; n <= IRQ_VECTOR_LAST; n++) {
        unsigned int v = next;
        next = next == IRQ_VECTOR_LAST ? IRQ_VECTOR_FIRST : next + 1;
        if (irqs[v].kind == IRQ_FREE)
            return (int)v;
    }
    return -XEN_ENOSPC;
}

static int gsi_vector(uint32_t gsi)
{
    for (unsigned int v = IRQ_VECTOR_FIRST; v <= IRQ_VECTOR_LAST; v++)
        if (irqs[v].kind == IRQ_GSI && irqs[v].gsi == gsi)
            return (int)v;
    return -1;
}

void irq_init(void)
{
    uint32_t gsi = serial_gsi();

    outb(0x21, 0xff); /* the 8259s stay masked for good */
    outb(0xa1, 0xff);
    for (unsigned int i = 0; i < machine.override_count; i++)
        if (gsi && machine.override[i].isa_irq == gsi)
            gsi = machine.override[i].gsi;
    if (gsi) {
        int v = vector_alloc();
        irqs[v] = (struct irq){.kind = IRQ_CONSOLE, .gsi = gsi};
        ioapic_route(gsi, (uint8_t)v, cpus[0]->apic_id, false, false);
        serial_irq_init();
    }
}

int irq_request(void (*handler)(void))
{
    spin_lock(&lock);
    int v = vector_alloc();
    if (v >= 0)
        irqs[v] = (struct irq){.kind = IRQ_OURS, .handler = handler};
    spin_unlock(&lock);
    return v;
}

void host_gsi_bind(struct domain *d, uint32_t gsi, bool level, bool active_low)
{
    spin_lock(&lock);
    int v = gsi_vector(gsi);
    if (v < 0)
        v = vector_alloc();
    if (v >= 0) {
        irqs[v] = (struct irq){.kind = IRQ_GSI, .domain = d, .gsi = gsi, .level = level};
        ioapic_route(gsi, (uint8_t)v, cpus[0]->apic_id, level, active_low);
    }
    spin_unlock(&lock);
    if (v < 0)
        log_warn("GSI %u: no vector left", gsi);
}

void host_gsi_mask(struct domain *d, uint32_t gsi)
{
    ioapic_mask(gsi, true);
}

void host_gsi_eoi(struct domain *d, uint32_t gsi)
{
    ioapic_mask(gsi, false);
}

int host_msi_alloc(struct domain *d, struct pci_addr from, uint64_t guest_address, uint32_t guest_data)
{
    spin_lock(&lock);
    int v = vector_alloc();
    if (v >= 0)
        irqs[v] = (struct irq){.kind = IRQ_MSI, .domain = d, .msi_address = guest_address, .msi_data = guest_data};
    spin_unlock(&lock);
    if (v >= 0 && iommu_remaps_interrupts())
        iommu_irq_set((uint8_t)v, iommu_msi_source(from), cpus[0]->apic_id, false);
    return v;
}

void host_msi_update(int handle, uint64_t guest_address, uint32_t guest_data)
{
    spin_lock(&lock);
    irqs[handle].msi_address = guest_address;
    irqs[handle].msi_data = guest_data;
    spin_unlock(&lock);
}

void host_msi_free(int handle)
{
    if (iommu_remaps_interrupts())
        iommu_irq_clear((uint8_t)handle);
    spin_lock(&lock);
    irqs[handle] = (struct irq){.kind = IRQ_FREE};
    spin_unlock(&lock);
}

void host_msi_message(int handle, uint64_t *address, uint32_t *data)
{
    if (iommu_remaps_interrupts()) {
        iommu_msi_message((uint8_t)handle, address, data);
        return;
    }
    *address = 0xfee00000ul | (uint64_t)cpus[0]->apic_id << 12;
    *data = (uint32_t)handle;
}

static void dispatch_device(unsigned int vector)
{
    spin_lock(&lock);
    struct irq irq = irqs[vector];
    spin_unlock(&lock);

    switch (irq.kind) {
    case IRQ_CONSOLE:
        apic_eoi();
        serial_receive();
        return;
    case IRQ_GSI:
        if (irq.level)
            ioapic_mask(irq.gsi, true); /* until the guest's EOI */
        apic_eoi();
        vioapic_set_gsi(irq.domain, irq.gsi, true);
        return;
    case IRQ_MSI:
        apic_eoi();
        vlapic_deliver_msi(irq.domain, irq.msi_address, irq.msi_data);
        return;
    case IRQ_OURS:
        apic_eoi();
        irq.handler();
        return;
    case IRQ_FREE:
        apic_eoi();
        log_debug("interrupt %u is nobody's", vector);
        return;
    }
}

void irq_dispatch(unsigned int vector)
{
    struct cpu *c = this_cpu();

    switch (vector) {
    case VECTOR_TIMER:
        c->timer_expired = true;
        apic_eoi();
        return;
    case VECTOR_KICK:
        apic_eoi(); /* it has done its work by making the CPU look */
        return;
    case VECTOR_SPURIOUS: return;
    default: dispatch_device(vector);
    }
}
