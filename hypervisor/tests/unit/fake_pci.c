/* fake_pci.c - see fake_pci.h */
#include <stdlib.h>
#include <string.h>
#include <hv/heap.h>
#include <hv/iommu.h>
#include <hv/machine.h>
#include <hv/p2m.h>
#include <hv/xen.h>
#include "fake_pci.h"

#define FUNCTIONS 8
#define PAGES     16
#define VECTORS   64

struct machine machine;

static struct function {
    struct pci_addr addr;
    uint8_t config[4096];
    uint8_t fixed[256]; /* bits that writes do not change */
} functions[FUNCTIONS];
static unsigned int function_count;
static struct {
    uint64_t at;
    uint8_t bytes[4096];
} pages[PAGES];
static unsigned int page_count;
static struct fake_msi vectors[VECTORS];
static unsigned int vector_limit, messages, heap_live;
static uint64_t direct[PAGES];
static struct pci_addr attached[FUNCTIONS];
static unsigned int attached_count;

void fake_pci_reset(void)
{
    memset(functions, 0, sizeof(functions));
    memset(pages, 0, sizeof(pages));
    memset(vectors, 0, sizeof(vectors));
    memset(direct, 0, sizeof(direct));
    function_count = page_count = messages = heap_live = attached_count = 0;
    vector_limit = VECTORS;
}

static struct function *find(struct pci_addr a)
{
    for (unsigned int i = 0; i < function_count; i++)
        if (functions[i].addr.bus == a.bus && functions[i].addr.devfn == a.devfn && !a.segment)
            return &functions[i];
    return NULL;
}

void fake_pci_add(struct pci_addr a)
{
    if (function_count == FUNCTIONS)
        abort();
    struct function *f = &functions[function_count++];
    f->addr = a;
    memset(f->fixed, 0xff, 4); /* vendor and device */
}

uint8_t *fake_pci_config(struct pci_addr a)
{
    struct function *f = find(a);
    if (!f)
        abort();
    return f->config;
}

void fake_pci_fixed(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t bits)
{
    struct function *f = find(a);
    if (!f)
        abort();
    memcpy(f->fixed + reg, &bits, bytes);
}

void fake_pci_bar(struct pci_addr a, unsigned int n, uint32_t size, bool wide)
{
    fake_pci_fixed(a, 0x10 + 4 * n, 4, size - 1);
    fake_pci_config(a)[0x10 + 4 * n] = wide ? 4 : 0;
}

uint32_t host_pci_read(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    struct function *f = find(a);
    uint32_t value = 0xffffffff;
    if (reg + bytes > 4096 || reg % bytes)
        return value;
    if (!f)
        return value;
    value = 0;
    memcpy(&value, f->config + reg, bytes);
    return value;
}

void host_pci_write(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    struct function *f = find(a);
    if (!f || reg + bytes > 4096 || reg % bytes)
        return;
    for (unsigned int i = 0; i < bytes; i++) {
        uint8_t keep = reg + i < 256 ? f->fixed[reg + i] : 0, byte = (uint8_t)(value >> 8 * i);
        f->config[reg + i] = (uint8_t)((f->config[reg + i] & keep) | (byte & ~keep));
    }
}

void *fake_mmio(uint64_t at)
{
    for (unsigned int i = 0; i < page_count; i++)
        if (pages[i].at == (at & ~0xffful))
            return pages[i].bytes + (at & 0xfff);
    if (page_count == PAGES)
        abort();
    pages[page_count].at = at & ~0xffful;
    return pages[page_count++].bytes + (at & 0xfff);
}

volatile void *host_mmio_map(maddr_t address, size_t bytes)
{
    return bytes == PAGE_SIZE ? fake_mmio(address.v) : NULL;
}

int host_msi_alloc(struct domain *d, struct pci_addr from, uint64_t guest_address, uint32_t guest_data)
{
    for (unsigned int i = 0; i < vector_limit; i++)
        if (!vectors[i].used) {
            vectors[i] = (struct fake_msi){true, guest_address, guest_data, from};
            return (int)i;
        }
    return -XEN_ENOSPC;
}

int iommu_attach(struct domain *d, struct pci_addr a)
{
    if (attached_count == FUNCTIONS)
        abort();
    attached[attached_count++] = a;
    return 0;
}

bool fake_iommu_has(struct pci_addr a)
{
    for (unsigned int i = 0; i < attached_count; i++)
        if (attached[i].bus == a.bus && attached[i].devfn == a.devfn)
            return true;
    return false;
}

static struct fake_msi *vector(int handle)
{
    if (handle < 0 || handle >= VECTORS || !vectors[handle].used)
        abort();
    return &vectors[handle];
}

void host_msi_update(int handle, uint64_t guest_address, uint32_t guest_data)
{
    struct fake_msi *m = vector(handle);
    *m = (struct fake_msi){true, guest_address, guest_data, m->from};
}

void host_msi_free(int handle)
{
    vector(handle)->used = false;
}

void host_msi_message(int handle, uint64_t *address, uint32_t *data)
{
    vector(handle);
    messages++;
    *address = 0xfee0f000;
    *data = 0x80 + (uint32_t)handle;
}

const struct fake_msi *fake_msi_of(uint64_t address, uint32_t data)
{
    if (address != 0xfee0f000 || data < 0x80 || data >= 0x80 + VECTORS || !vectors[data - 0x80].used)
        return NULL;
    return &vectors[data - 0x80];
}

unsigned int fake_msi_live(void)
{
    unsigned int n = 0;
    for (unsigned int i = 0; i < VECTORS; i++)
        n += vectors[i].used;
    return n;
}

unsigned int fake_msi_messages(void)
{
    return messages;
}

void fake_msi_limit(unsigned int limit)
{
    vector_limit = limit;
}

void fake_p2m_direct(uint64_t at, bool is)
{
    for (unsigned int i = 0; i < PAGES; i++)
        if (direct[i] == (is ? 0 : at)) {
            direct[i] = is ? at : 0;
            return;
        }
}

bool fake_p2m_is_direct(uint64_t at)
{
    for (unsigned int i = 0; i < PAGES; i++)
        if (at && direct[i] == at)
            return true;
    return false;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    if (fake_p2m_is_direct(gfn.v << PAGE_SHIFT))
        return (struct p2m_entry){.type = P2M_MMIO, .mfn = MFN(gfn.v)};
    return (struct p2m_entry){.type = P2M_HOLE};
}

int p2m_unmap(struct domain *d, gfn_t gfn)
{
    fake_p2m_direct(gfn.v << PAGE_SHIFT, false);
    return 0;
}

void *heap_alloc(size_t bytes)
{
    heap_live++;
    return calloc(1, bytes);
}

void heap_free(void *object, size_t bytes)
{
    if (object)
        heap_live--;
    free(object);
}

unsigned int fake_heap_live(void)
{
    return heap_live;
}
