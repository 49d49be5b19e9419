/* hostpci.c - the machine's PCI configuration space: ports CF8/CFC, and memory-mapped (ECAM) beyond the first 256 bytes
 */
#include <hv/hostpci.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/port.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  BIT(31)
#define CONFIG_BYTES   256u  /* of a function, through the ports */
#define ECAM_BYTES     4096u /* of a function, in memory */
#define BUS_BYTES      BIT(20)
#define NO_DEVICE      0xffffffffu

/* Guards the port pair (address, then data) and the making of mappings. */
static spinlock_t lock = SPINLOCK_INIT;
/* One mapping per bus, made at the first access beyond 256 bytes to a function that exists; published once. */
static volatile uint8_t *bus_map[MAX_ECAM][256];

static bool is_access(unsigned int reg, unsigned int bytes)
{
    return (bytes == 1 || bytes == 2 || bytes == 4) && !(reg & (bytes - 1)) && reg < ECAM_BYTES;
}

static void select(struct pci_addr a, unsigned int reg)
{
    outl(CONFIG_ADDRESS, (uint32_t)(CONFIG_ENABLE | (uint32_t)a.bus << 16 | (uint32_t)a.devfn << 8 | (reg & 0xfc)));
}

static uint32_t port_read(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    uint16_t data = (uint16_t)(CONFIG_DATA + (reg & 3));
    spin_lock(&lock);
    select(a, reg);
    uint32_t value = bytes == 1 ? inb(data) : bytes == 2 ? inw(data) : inl(data);
    spin_unlock(&lock);
    return value;
}

static void port_write(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    uint16_t data = (uint16_t)(CONFIG_DATA + (reg & 3));
    spin_lock(&lock);
    select(a, reg);
    if (bytes == 1)
        outb(data, (uint8_t)value);
    else if (bytes == 2)
        outw(data, (uint16_t)value);
    else
        outl(data, value);
    spin_unlock(&lock);
}

static volatile uint8_t *map_bus(unsigned int region, uint8_t bus)
{
    const struct ecam_region *e = &machine.ecam[region];
    volatile uint8_t **slot = &bus_map[region][bus];

    spin_lock(&lock);
    if (!*slot) {
        uint64_t at =
            e->base + (uint64_t)bus * BUS_BYTES; /* the base is that of bus 0 even if the region starts later */
        store_release(*slot, (volatile uint8_t *)host_mmio_map(MADDR(at), BUS_BYTES));
        if (!*slot)
            log_warn("pci: configuration space of bus %u at %#llx cannot be mapped", bus, (unsigned long long)at);
    }
    spin_unlock(&lock);
    return *slot;
}

/* The function's 4 KiB in memory, or NULL. Only functions that answer get mapped: a guest's probing must not cost us
 * memory. */
static volatile uint8_t *ecam(struct pci_addr a)
{
    for (unsigned int i = 0; i < machine.ecam_count; i++) {
        const struct ecam_region *e = &machine.ecam[i];
        if (e->segment != a.segment || a.bus < e->bus_start || a.bus > e->bus_end)
            continue;
        volatile uint8_t *map = load_acquire(bus_map[i][a.bus]);
        if (!map && (a.segment || port_read(a, 0, 4) != NO_DEVICE))
            map = map_bus(i, a.bus);
        return map ? map + a.devfn * ECAM_BYTES : NULL;
    }
    return NULL;
}

/* Some AMD processors want these accesses to go through EAX. */
uint32_t host_pci_read(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    uint32_t value = NO_DEVICE;

    if (!is_access(reg, bytes))
        return NO_DEVICE;
    if (!a.segment && reg < CONFIG_BYTES)
        return port_read(a, reg, bytes);
    volatile uint8_t *p = ecam(a);
    if (!p)
        return NO_DEVICE;
    p += reg;
    if (bytes == 1)
        __asm__ volatile("movzbl %1, %0" : "=a"(value) : "m"(*p));
    else if (bytes == 2)
        __asm__ volatile("movzwl %1, %0" : "=a"(value) : "m"(*(volatile uint16_t *)p));
    else
        __asm__ volatile("movl %1, %0" : "=a"(value) : "m"(*(volatile uint32_t *)p));
    return value;
}

void host_pci_write(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    if (!is_access(reg, bytes))
        return;
    if (!a.segment && reg < CONFIG_BYTES) {
        port_write(a, reg, bytes, value);
        return;
    }
    volatile uint8_t *p = ecam(a);
    if (!p)
        return;
    p += reg;
    if (bytes == 1)
        __asm__ volatile("movb %b1, %0" : "=m"(*p) : "a"(value));
    else if (bytes == 2)
        __asm__ volatile("movw %w1, %0" : "=m"(*(volatile uint16_t *)p) : "a"(value));
    else
        __asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)p) : "a"(value));
}
