/* test_vpci.c - what dom0 sees of three devices, and what reaches them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/machine.h>
#include <hv/vcpu.h>
#include <hv/vpci.h>
#include "fake_pci.h"

static struct domain domain;
static struct vcpu vcpu = {.domain = &domain};

/* Two functions in slot 3 (one with MSI, one with MSI-X), a bridge in slot 4 and a device with 64-bit MSI behind it. */
#define AHCI   ((struct pci_addr){0, 0, 3 << 3})
#define NVME   ((struct pci_addr){0, 0, 3 << 3 | 1})
#define BRIDGE ((struct pci_addr){0, 0, 4 << 3})
#define SOUND  ((struct pci_addr){0, 1, 0})

#define MSI_AT     0x50u
#define MSIX_AT    0x60u
#define NVME_BAR   0xfe000000ul
#define TABLE      (NVME_BAR + 0x2000)
#define ENTRIES    16u
#define PLAIN_CTRL 0x018fu /* 128 vectors possible, 64 bit, maskable, one enabled by firmware */

static void put(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    memcpy(fake_pci_config(a) + reg, &value, bytes);
}

static int machine_with_devices(void **state)
{
    fake_pci_reset();
    memset(&domain, 0, sizeof(domain));
    machine = (struct machine){.ecam_count = 1, .ecam[0] = {0xb0000000, 0, 0, 255}};

    fake_pci_add(AHCI);
    put(AHCI, 0, 4, 0x29228086);
    put(AHCI, 0x0e, 1, 0x80);
    put(AHCI, 0x06, 2, 0x10);
    put(AHCI, 0x34, 1, MSI_AT);
    put(AHCI, MSI_AT, 4, 0x05 | 1u << 16); /* 32 bit, not maskable; firmware left it on */
    put(AHCI, 0x70, 4, 0x12345678);

    fake_pci_add(NVME);
    put(NVME, 0, 4, 0x00101b36);
    put(NVME, 0x06, 2, 0x10);
    put(NVME, 0x34, 1, MSIX_AT);
    put(NVME, MSIX_AT, 4, 0x11 | (ENTRIES - 1) << 16);
    fake_pci_fixed(NVME, MSIX_AT + 2, 2, 0x07ff);
    put(NVME, MSIX_AT + 4, 4, 0x2000);
    put(NVME, MSIX_AT + 8, 4, 0x3000);
    fake_pci_bar(NVME, 0, 0x4000, true);
    put(NVME, 0x10, 4, NVME_BAR | 4);

    fake_pci_add(BRIDGE);
    put(BRIDGE, 0, 4, 0x000c1b36);
    put(BRIDGE, 0x0e, 1, 1);

    fake_pci_add(SOUND);
    put(SOUND, 0, 4, 0x26688086);
    put(SOUND, 0x06, 2, 0x10);
    put(SOUND, 0x34, 1, MSI_AT);
    put(SOUND, MSI_AT, 4, 0x05 | PLAIN_CTRL << 16);
    return vpci_create_dom0(&domain);
}

static int gone(void **state)
{
    vpci_destroy(&domain);
    assert_null(domain.vpci);
    assert_int_equal(fake_msi_live(), 0);
    assert_int_equal(fake_heap_live(), 0);
    return 0;
}

static uint32_t cf8(struct pci_addr a, unsigned int reg)
{
    return 0x80000000u | (uint32_t)a.bus << 16 | (uint32_t)a.devfn << 8 | (reg & 0xfc) | (reg & 0xf00) << 16;
}

static uint32_t rd(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    vpci_port_write(&vcpu, 0xcf8, 4, cf8(a, reg));
    return vpci_port_read(&vcpu, (uint16_t)(0xcfc + (reg & 3)), bytes);
}

static void wr(struct pci_addr a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    vpci_port_write(&vcpu, 0xcf8, 4, cf8(a, reg));
    vpci_port_write(&vcpu, (uint16_t)(0xcfc + (reg & 3)), bytes, value);
}

static gpa_t ecam(struct pci_addr a, unsigned int reg)
{
    return GPA(0xb0000000 + ((uint64_t)a.bus << 20 | (uint64_t)a.devfn << 12 | reg));
}

static uint32_t hw(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    uint32_t value = 0;
    memcpy(&value, fake_pci_config(a) + reg, bytes);
    return value;
}

static void everything_else_passes_through(void **state)
{
    assert_int_equal(rd(AHCI, 0, 4), 0x29228086);
    assert_int_equal(rd(AHCI, 2, 2), 0x2922);
    assert_int_equal(rd(AHCI, 0x72, 1), 0x34);
    wr(AHCI, 0x72, 2, 0xabcd);
    wr(AHCI, 0x70, 1, 0xef);
    assert_int_equal(hw(AHCI, 0x70, 4), 0xabcd56ef);
    assert_int_equal(rd(SOUND, 0, 2), 0x8086);
    vpci_mmio_write(&vcpu, ecam(NVME, 0x104), 4, 0xfeedface);
    assert_int_equal(hw(NVME, 0x104, 4), 0xfeedface);
    assert_int_equal(rd(NVME, 0x104, 4), 0xfeedface); /* AMD's extended bits of CF8 */
    assert_int_equal(vpci_mmio_read(&vcpu, ecam(NVME, 0x106), 2), 0xfeed);
    vpci_mmio_write(&vcpu, ecam(NVME, 0x108), 8, 0x1122334455667788);
    assert_int_equal(vpci_mmio_read(&vcpu, ecam(NVME, 0x108), 8), 0x1122334455667788);
}

static void nothing_answers_where_nothing_is(void **state)
{
    assert_int_equal(rd((struct pci_addr){0, 0, 9 << 3}, 0, 4), 0xffffffff);
    assert_int_equal(rd((struct pci_addr){0, 7, 0}, 0, 2), 0xffff);
    wr((struct pci_addr){0, 7, 0}, 4, 4, 7);
    vpci_port_write(&vcpu, 0xcf8, 4, 0x1800); /* no enable bit */
    assert_int_equal(vpci_port_read(&vcpu, 0xcfc, 4), 0xffffffff);
    assert_int_equal(rd(AHCI, 2, 4), 0xffffffff); /* would cross a dword */
    assert_int_equal(vpci_mmio_read(&vcpu, ecam(AHCI, 1), 2), 0xffff);
    wr(AHCI, 0x71, 2, 0);
    vpci_mmio_write(&vcpu, ecam(AHCI, 0x6e), 4, 0);
    assert_int_equal(hw(AHCI, 0x70, 4), 0x12345678);
}

static void every_function_may_use_its_domains_memory(void **state)
{
    static const struct pci_addr late = {0, 2, 9 << 3};
    assert_true(fake_iommu_has(AHCI) && fake_iommu_has(NVME) && fake_iommu_has(BRIDGE) && fake_iommu_has(SOUND));
    fake_pci_add(late);
    put(late, 0, 4, 0x12345678);
    assert_false(fake_iommu_has(late));
    assert_int_equal(rd(late, 0, 4), 0x12345678);
    assert_true(fake_iommu_has(late));
}

static void latch_reads_back_only_as_a_whole(void **state)
{
    vpci_port_write(&vcpu, 0xcf8, 4, 0x80000000);
    vpci_port_write(&vcpu, 0xcfb, 1, 1); /* how kernels ask for the old mechanism */
    vpci_port_write(&vcpu, 0xcf9, 1, 6); /* would be a reset */
    assert_int_equal(vpci_port_read(&vcpu, 0xcf8, 4), 0x80000000);
    assert_int_equal(vpci_port_read(&vcpu, 0xcf9, 1), 0xff);
}

static void hot_plugged_function_is_found_later(void **state)
{
    struct pci_addr late = {0, 1, 1 << 3};
    assert_int_equal(rd(late, 0, 4), 0xffffffff);
    fake_pci_add(late);
    put(late, 0, 4, 0x11112222);
    assert_int_equal(rd(late, 0, 4), 0x11112222);
}

static void hidden_function_is_not_there(void **state)
{
    vpci_hide(&domain, AHCI);
    assert_int_equal(rd(AHCI, 0, 4), 0xffffffff);
    wr(AHCI, 0x70, 4, 0);
    assert_int_equal(hw(AHCI, 0x70, 4), 0x12345678);
    assert_int_equal(rd(NVME, 0, 2), 0x1b36);
}

static void firmware_leaves_no_msi_on(void **state)
{
    assert_int_equal(hw(AHCI, MSI_AT + 2, 2) & 1, 0);
    assert_int_equal(hw(SOUND, MSI_AT + 2, 2) & 1, 0);
}

static void msi_message_is_ours(void **state)
{
    wr(AHCI, MSI_AT + 4, 4, 0xfee01000);
    wr(AHCI, MSI_AT + 8, 2, 0x4031);
    assert_int_equal(fake_msi_live(), 0);
    wr(AHCI, MSI_AT + 2, 2, 1);
    assert_int_equal(fake_msi_live(), 1);
    assert_int_equal(hw(AHCI, MSI_AT + 2, 2), 1);
    const struct fake_msi *m = fake_msi_of(hw(AHCI, MSI_AT + 4, 4), hw(AHCI, MSI_AT + 8, 2));
    assert_non_null(m);
    assert_int_equal(m->guest_address, 0xfee01000);
    assert_int_equal(m->guest_data, 0x4031);
    assert_true(m->from.bus == AHCI.bus && m->from.devfn == AHCI.devfn);
    /* dom0 reads back what it wrote */
    assert_int_equal(rd(AHCI, MSI_AT + 4, 4), 0xfee01000);
    assert_int_equal(rd(AHCI, MSI_AT + 8, 2), 0x4031);
    assert_int_equal(rd(AHCI, MSI_AT + 9, 1), 0x40);

    wr(AHCI, MSI_AT + 8, 2, 0x4055); /* moved to another vector while on */
    assert_int_equal(m->guest_data, 0x4055);
    assert_int_equal(fake_msi_live(), 1);
    wr(AHCI, MSI_AT + 2, 2, 0);
    assert_int_equal(hw(AHCI, MSI_AT + 2, 2), 0);
    assert_int_equal(fake_msi_live(), 0);
}

static void only_one_vector_is_offered(void **state)
{
    assert_int_equal(rd(SOUND, MSI_AT + 2, 2), 0x0180); /* 64 bit, maskable; no multiple messages */
    wr(SOUND, MSI_AT + 4, 4, 0xfee00000);
    wr(SOUND, MSI_AT + 8, 4, 1);
    wr(SOUND, MSI_AT + 12, 2, 0x31);
    wr(SOUND, MSI_AT + 2, 2, 0x71); /* asks for 128 */
    assert_int_equal(hw(SOUND, MSI_AT + 2, 2) & 0x71, 1);
    const struct fake_msi *m =
        fake_msi_of(hw(SOUND, MSI_AT + 4, 4) | (uint64_t)hw(SOUND, MSI_AT + 8, 4) << 32, hw(SOUND, MSI_AT + 12, 2));
    assert_non_null(m);
    assert_int_equal(m->guest_address, 0x1fee00000);
    wr(SOUND, MSI_AT + 16, 4, 1); /* mask register is the device's */
    assert_int_equal(hw(SOUND, MSI_AT + 16, 4), 1);
}

static void msi_stays_off_when_vectors_run_out(void **state)
{
    fake_msi_limit(0);
    wr(AHCI, MSI_AT + 2, 2, 1);
    assert_int_equal(hw(AHCI, MSI_AT + 2, 2), 0);
    assert_int_equal(rd(AHCI, MSI_AT + 2, 2), 0);
}

/* A driver's way of setting an entry up. */
static void entry_write(unsigned int i, uint64_t address, uint32_t data, bool masked)
{
    gpa_t at = GPA(TABLE + i * 16);
    vpci_mmio_write(&vcpu, at, 4, (uint32_t)address);
    vpci_mmio_write(&vcpu, GPA(at.v + 4), 4, address >> 32);
    vpci_mmio_write(&vcpu, GPA(at.v + 8), 4, data);
    vpci_mmio_write(&vcpu, GPA(at.v + 12), 4, masked);
}

static uint32_t table_hw(unsigned int i, unsigned int field)
{
    uint32_t value;
    memcpy(&value, fake_mmio(TABLE + i * 16 + field), 4);
    return value;
}

static const struct fake_msi *entry_msi(unsigned int i)
{
    return fake_msi_of(table_hw(i, 0) | (uint64_t)table_hw(i, 4) << 32, table_hw(i, 8));
}

static void table_is_trapped_where_the_bar_is(void **state)
{
    assert_false(vpci_covers(&domain, GPA(TABLE))); /* decode is off */
    wr(NVME, 4, 2, 6);
    assert_true(vpci_covers(&domain, GPA(TABLE)));
    assert_true(vpci_covers(&domain, GPA(TABLE + 0xfff)));
    assert_false(vpci_covers(&domain, GPA(TABLE - 1)));
    assert_false(vpci_covers(&domain, GPA(TABLE + 0x1000)));
    assert_true(vpci_covers(&domain, ecam(AHCI, 0)));

    wr(NVME, 4, 2, 0);
    wr(NVME, 0x10, 4, 0xffffffff); /* sizing, then a new place above 4 GiB */
    wr(NVME, 0x14, 4, 0xffffffff);
    assert_int_equal(rd(NVME, 0x10, 4), 0xffffc004);
    wr(NVME, 0x10, 4, 0x40000000);
    wr(NVME, 0x14, 4, 0x8);
    fake_p2m_direct(0x840002000, true);
    fake_p2m_direct(0x840003000, true);
    wr(NVME, 4, 2, 6);
    assert_false(vpci_covers(&domain, GPA(TABLE)));
    assert_true(vpci_covers(&domain, GPA(0x840002000)));
    assert_false(fake_p2m_is_direct(0x840002000)); /* dom0 had the page mapped: no more */
    assert_true(fake_p2m_is_direct(0x840003000));
}

static void msix_entry_gets_a_message_when_unmasked(void **state)
{
    wr(NVME, 4, 2, 6);
    wr(NVME, MSIX_AT + 2, 2, 0xc000); /* on, all masked, as drivers start */
    assert_int_equal(hw(NVME, MSIX_AT + 2, 2), 0xc000 | (ENTRIES - 1));
    entry_write(3, 0xfee02000, 0x41, true);
    assert_int_equal(fake_msi_live(), 0);
    assert_int_equal(table_hw(3, 12), 1);
    vpci_mmio_write(&vcpu, GPA(TABLE + 3 * 16 + 12), 4, 0);
    assert_int_equal(fake_msi_live(), 1);
    assert_int_equal(table_hw(3, 12), 0);
    assert_non_null(entry_msi(3));
    assert_int_equal(entry_msi(3)->guest_address, 0xfee02000);
    assert_int_equal(entry_msi(3)->guest_data, 0x41);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    assert_int_equal(hw(NVME, MSIX_AT + 2, 2), 0x8000 | (ENTRIES - 1));
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(TABLE + 3 * 16), 8), 0xfee02000);
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(TABLE + 3 * 16 + 8), 8), 0x41);
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(TABLE + 4 * 16 + 12), 4), 1);
}

static void masking_alone_touches_only_the_mask(void **state)
{
    wr(NVME, 4, 2, 6);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    entry_write(0, 0xfee00000, 0x30, false);
    const struct fake_msi *m = entry_msi(0);
    unsigned int messages = fake_msi_messages();
    assert_non_null(m);
    vpci_mmio_write(&vcpu, GPA(TABLE + 12), 4, 1);
    assert_int_equal(table_hw(0, 12), 1);
    vpci_mmio_write(&vcpu, GPA(TABLE + 12), 4, 0);
    assert_int_equal(table_hw(0, 12), 0);
    assert_int_equal(fake_msi_messages(), messages);
    /* an affinity change: masked, rewritten, unmasked; same vector of ours */
    vpci_mmio_write(&vcpu, GPA(TABLE + 12), 4, 1);
    entry_write(0, 0xfee04000, 0x32, false);
    assert_ptr_equal(entry_msi(0), m);
    assert_int_equal(m->guest_address, 0xfee04000);
    assert_int_equal(fake_msi_live(), 1);
}

static void disabling_msix_gives_vectors_back(void **state)
{
    wr(NVME, 4, 2, 6);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    for (unsigned int i = 0; i < ENTRIES; i++)
        entry_write(i, 0xfee00000, 0x30 + i, false);
    assert_int_equal(fake_msi_live(), ENTRIES);
    wr(NVME, MSIX_AT + 2, 2, 0);
    assert_int_equal(fake_msi_live(), 0);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    assert_int_equal(fake_msi_live(), ENTRIES); /* the entries were left unmasked */
    assert_int_equal(entry_msi(5)->guest_data, 0x35);
}

static void entries_come_back_after_a_device_reset(void **state)
{
    wr(NVME, 4, 2, 6);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    entry_write(2, 0xfee00000, 0x44, false);
    put(NVME, MSIX_AT + 2, 2, ENTRIES - 1); /* reset: control and table lose what was in them */
    memset(fake_mmio(TABLE), 0xee, ENTRIES * 16);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    assert_non_null(entry_msi(2));
    assert_int_equal(table_hw(2, 12), 0);
    assert_int_equal(table_hw(1, 12), 1);
    assert_int_equal(fake_msi_live(), 1);
}

static void entry_stays_masked_when_vectors_run_out(void **state)
{
    fake_msi_limit(1);
    wr(NVME, 4, 2, 6);
    wr(NVME, MSIX_AT + 2, 2, 0x8000);
    entry_write(0, 0xfee00000, 0x30, false);
    entry_write(1, 0xfee00000, 0x31, false);
    assert_int_equal(table_hw(0, 12), 0);
    assert_int_equal(table_hw(1, 12), 1);
}

static void other_registers_in_the_page_are_forwarded(void **state)
{
    gpa_t behind = GPA(TABLE + ENTRIES * 16);
    wr(NVME, 4, 2, 6);
    vpci_mmio_write(&vcpu, behind, 8, 0x1122334455667788);
    assert_memory_equal(fake_mmio(behind.v), "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    assert_int_equal(vpci_mmio_read(&vcpu, behind, 2), 0x7788);
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(behind.v + 1), 4), 0xffffffff); /* unaligned */
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(TABLE + 4), 2), 0xffff);        /* part of an entry's field */
    vpci_mmio_write(&vcpu, GPA(TABLE + 1), 1, 0x12);
    assert_int_equal(vpci_mmio_read(&vcpu, GPA(TABLE), 4), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, machine_with_devices, gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(everything_else_passes_through),
        CASE(nothing_answers_where_nothing_is),
        CASE(latch_reads_back_only_as_a_whole),
        CASE(every_function_may_use_its_domains_memory),
        CASE(hot_plugged_function_is_found_later),
        CASE(hidden_function_is_not_there),
        CASE(firmware_leaves_no_msi_on),
        CASE(msi_message_is_ours),
        CASE(only_one_vector_is_offered),
        CASE(msi_stays_off_when_vectors_run_out),
        CASE(table_is_trapped_where_the_bar_is),
        CASE(msix_entry_gets_a_message_when_unmasked),
        CASE(masking_alone_touches_only_the_mask),
        CASE(disabling_msix_gives_vectors_back),
        CASE(entries_come_back_after_a_device_reset),
        CASE(entry_stays_masked_when_vectors_run_out),
        CASE(other_registers_in_the_page_are_forwarded),
    };
    return cmocka_run_group_tests_name("vpci", tests, NULL, NULL);
}
