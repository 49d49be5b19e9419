/*
 * fuzz_vpci.c - any sequence of configuration and table accesses: nothing but memory of the fakes is touched, vectors
 * are neither leaked nor freed twice (the fakes abort), and a device never holds a message that is not ours while
 * enabled.
 */
#include <stdlib.h>
#include <string.h>
#include <hv/domain.h>
#include <hv/machine.h>
#include <hv/vcpu.h>
#include <hv/vpci.h>
#include "tests/unit/fake_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define DEVICE ((struct pci_addr){0, 0, 8})
#define MSI    0x50u
#define MSIX   0x70u
#define BAR    0xfe000000u

static struct domain domain;
static struct vcpu vcpu = {.domain = &domain};

struct step {
    uint8_t what, reg, size, pad;
    uint32_t value;
};

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void start(void)
{
    uint32_t head = 0x12348086, bar = BAR, msix = 0x11 | 31u << 16, table = 0x800;
    fake_pci_reset();
    memset(&domain, 0, sizeof(domain));
    machine = (struct machine){.ecam_count = 1, .ecam[0] = {0xb0000000, 0, 0, 255}};
    fake_pci_add(DEVICE);
    uint8_t *config = fake_pci_config(DEVICE);
    memcpy(config, &head, 4);
    config[6] = 0x10;
    config[0x34] = MSI;
    memcpy(config + MSI, "\x05\x70\x8a\x01", 4);
    memcpy(config + MSIX, &msix, 4);
    memcpy(config + MSIX + 4, &table, 4);
    fake_pci_bar(DEVICE, 0, 0x4000, false);
    fake_pci_fixed(DEVICE, 0x14, 4, ~0u);
    fake_pci_fixed(DEVICE, 4, 2, 0xfff8);
    fake_pci_fixed(DEVICE, MSI, 2, 0xffff);
    fake_pci_fixed(DEVICE, MSIX, 4, 0x3fffffff);
    fake_pci_fixed(DEVICE, MSIX + 4, 4, ~0u);
    memcpy(config + 0x10, &bar, 4);
    require(vpci_create_dom0(&domain) == 0);
}

static void take(const struct step *s)
{
    unsigned int size = 1u << (s->size & 3);
    gpa_t at = GPA(s->what & 8 ? 0xb0008000ul + s->reg : BAR + 0x800ul + s->reg * 2u);

    switch (s->what & 7) {
    case 0: vpci_port_write(&vcpu, 0xcf8, 4, 0x80000000u | 8u << 8 | (s->reg & 0xfcu)); break;
    case 1: vpci_port_write(&vcpu, (uint16_t)(0xcf8 + (s->reg & 7)), size & 7, s->value); break;
    case 2: vpci_port_read(&vcpu, (uint16_t)(0xcf8 + (s->reg & 7)), size & 7); break;
    case 3:
        if (vpci_covers(&domain, at))
            vpci_mmio_read(&vcpu, at, size);
        break;
    default:
        if (vpci_covers(&domain, at))
            vpci_mmio_write(&vcpu, at, size, (uint64_t)s->value << 32 | s->value);
        break;
    }
}

static void check_device(void)
{
    const uint8_t *config = fake_pci_config(DEVICE);
    uint64_t address;
    uint16_t data;
    if (!(config[MSI + 2] & 1))
        return;
    memcpy(&address, config + MSI + 4, 8);
    memcpy(&data, config + MSI + 12, 2);
    require(fake_msi_of(address, data));
    require(!(config[MSI + 2] & 0x70)); /* one vector */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    start();
    for (; bytes >= sizeof(struct step); data += sizeof(struct step), bytes -= sizeof(struct step)) {
        struct step s;
        memcpy(&s, data, sizeof(s));
        take(&s);
        check_device();
    }
    vpci_destroy(&domain);
    require(fake_msi_live() == 0 && fake_heap_live() == 0);
    return 0;
}
