/*
 * function.h - what vPCI keeps of each PCI function; private to pci/.
 * vpci.lock guards all of it but what vpci_covers() looks at, which is read without a lock (msix.table, next).
 */
#pragma once
#include <hv/hostpci.h>
#include <hv/lock.h>
#include <hv/types.h>

#define PCI_COMMAND        0x04u
#define PCI_COMMAND_MEMORY 0x02u
#define PCI_HEADER_TYPE    0x0eu
#define PCI_BAR0           0x10u
#define PCI_NO_VENDOR      0xffffu
#define PCI_NONE           0xffffffffu /* what a read gives where nothing answers */

#define NOT_DECODED (~0ul) /* in place of an address: memory decode is off, or the BAR holds none */

struct msi {
    uint8_t pos; /* of the capability; 0: none */
    uint8_t end; /* first byte behind it */
    bool wide;   /* 64-bit address */
    bool enabled;
    uint64_t address; /* as the guest wrote them */
    uint32_t data;
    int handle; /* of host_msi_alloc(), -1: none */
};

struct msix_entry {
    uint64_t address; /* as the guest wrote them */
    uint32_t data;
    int handle;     /* of host_msi_alloc(), -1: none */
    bool masked;    /* by the guest */
    bool hw_masked; /* in the device */
    bool stale;     /* what stands in the device is not for this address and data */
};

struct msix {
    uint8_t pos; /* of the capability; 0: none */
    uint8_t bir; /* which BAR holds the table */
    uint32_t offset;
    uint16_t entries;
    bool enabled;
    uint64_t table; /* machine address now, or NOT_DECODED */
    struct msix_entry *entry;
    volatile uint8_t *map; /* the page of `mapped` in our own address space */
    uint64_t mapped;
    unsigned int maps; /* how often it was mapped: mappings are never undone, so there is a limit */
};

struct vpci_fn {
    struct pci_addr addr;
    uint8_t bars;
    bool hidden;
    struct msi msi;
    struct msix msix;
    struct vpci_fn *next; /* all functions; new ones are put first */
};

struct vpci {
    spinlock_t lock;
    uint32_t cf8; /* the address latch */
    struct vpci_fn *first;
    struct vpci_fn **bus[256]; /* 256 pointers each, by devfn */
};

/* Pages whose direct mapping must go once vpci.lock is released. */
struct page_range {
    uint64_t first;
    unsigned int count;
};

/* The entry of a function; made when it is first seen to answer, so that hot-plugged ones are found too. NULL: there is
 * none. */
struct vpci_fn *fn_find(struct domain *d, struct pci_addr a);

uint32_t fn_read(const struct vpci_fn *fn, unsigned int reg, unsigned int bytes);
void fn_write(const struct vpci_fn *fn, unsigned int reg, unsigned int bytes, uint32_t value);

/* Finds the capabilities, switches off what firmware left enabled. 0 or -XEN_ENOMEM. */
[[nodiscard]] int msi_setup(struct vpci_fn *fn, uint8_t pos);
[[nodiscard]] int msix_setup(struct vpci_fn *fn, uint8_t pos);
void msi_teardown(struct vpci_fn *fn);
void msix_teardown(struct vpci_fn *fn);

/* A dword of the MSI capability as the guest sees it, and its change. */
uint32_t msi_read(const struct vpci_fn *fn, unsigned int reg);
void msi_write(struct domain *d, struct vpci_fn *fn, unsigned int reg, uint32_t value);

/* The dword with MSI-X' message control was written by the guest. */
void msix_control_write(struct domain *d, struct vpci_fn *fn, uint32_t value);
/* An access to a page of the table at a machine address. */
uint64_t msix_table_read(struct vpci_fn *fn, uint64_t at, unsigned int bytes);
void msix_table_write(struct domain *d, struct vpci_fn *fn, uint64_t at, unsigned int bytes, uint64_t value);
/* The table has moved (or decode was switched). */
void msix_moved(struct domain *d, struct vpci_fn *fn);
/* True if a page of the table, as it lies now, holds this address. No lock needed. */
bool msix_covers(const struct vpci_fn *fn, uint64_t at);

/* Command register or a BAR may have changed: looks where the MSI-X table is now and returns its pages if it moved. */
struct page_range bar_update(struct domain *d, struct vpci_fn *fn);

static inline uint64_t mmio_load(const volatile uint8_t *at, unsigned int bytes)
{
    switch (bytes) {
    case 1: return *at;
    case 2: return *(const volatile uint16_t *)at;
    case 4: return *(const volatile uint32_t *)at;
    default: return *(const volatile uint64_t *)at;
    }
}
static inline void mmio_store(volatile uint8_t *at, unsigned int bytes, uint64_t value)
{
    switch (bytes) {
    case 1: *at = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)at = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)at = (uint32_t)value; break;
    default: *(volatile uint64_t *)at = value; break;
    }
}
