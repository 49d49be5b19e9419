/* ports - every port can be read; those of devices that are not there give ones; those that would harm the machine do
 * nothing */
#include <hv/port.h>
#include <hv/string.h>
#include "acpi/tables.h"
#include "guest.h"

static void absent_devices(void)
{
    static const uint16_t absent[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x42, 0x43, 0x61, 0x4d0, 0x4d1};
    for (unsigned int i = 0; i < ARRAY_SIZE(absent); i++)
        check(inb(absent[i]) == 0xff, "port %#x gives %#x", absent[i], inb(absent[i]));
    for (uint16_t p = 0x3f8; p < 0x400; p++)
        check(inb(p) == 0xff, "the console's port %#x gives %#x", p, inb(p));
    outb(0x21, 0x5a); /* how kernels look for an 8259 */
    check_eq(inb(0x21), 0xff);
}

/* Reading has side effects in few places only: data registers of keyboard, RTC index, PCI. None of them hurts. */
static void all_reads(void)
{
    for (uint32_t p = 0; p < 0x10000; p++)
        (void)inb((uint16_t)p);
    for (uint32_t p = 0; p < 0x10000; p += 2)
        (void)inw((uint16_t)p);
    for (uint32_t p = 0; p < 0x10000; p += 4)
        (void)inl((uint16_t)p);
}

static void harmful_writes(void)
{
    for (unsigned int value = 0; value < 256; value += 15) {
        for (uint16_t p = 0; p < 0x20; p++)
            outb(p, (uint8_t)value); /* DMA */
        for (uint16_t p = 0x80; p < 0xe0; p++)
            if (p != 0x92 && p != 0xb2 && p != 0xb3)
                outb(p, (uint8_t)value); /* pages of DMA, second 8259 */
        for (uint16_t p = 0x20; p < 0x60; p++)
            outb(p, (uint8_t)value);
        for (uint16_t p = 0x3f8; p < 0x400; p++)
            outb(p, (uint8_t)value);
    }
    outb(0x92, 1); /* fast reset */
}

static bool read_physical(void *dst, uint64_t from, size_t bytes)
{
    memcpy(dst, (const void *)from, bytes);
    return true;
}

/* The way from legacy mode to ACPI goes through firmware, by an SMI: it has to come back, with SCI_EN set. */
static void acpi_is_enabled_by_firmware(void)
{
    struct acpi_rsdp rsdp;
    struct acpi_root root;
    uint64_t at;
    check(acpi_find_rsdp(start_info->rsdp_paddr, read_physical, &at, &rsdp) &&
              acpi_find_root(&rsdp, read_physical, &root),
          "no ACPI");
    for (unsigned int i = 0; i < root.count; i++) {
        struct acpi_header h;
        const struct acpi_fadt *f;
        if (!acpi_table(&root, i, read_physical, &at, &h) || !acpi_is(&h, "FACP"))
            continue;
        f = (const struct acpi_fadt *)at;
        if (f->smi_command && f->acpi_enable)
            outb((uint16_t)f->smi_command, f->acpi_enable);
        for (unsigned int tries = 0; !(inw((uint16_t)f->pm1a_cnt) & 1); tries++)
            check(tries < 1000000, "SCI_EN stays 0");
        return;
    }
    fail("no FADT");
}

static void string_forms(void)
{
    uint8_t buf[16] = {};
    void *to = buf;
    uint64_t n = sizeof(buf);
    __asm__ volatile("cld; rep insb" : "+D"(to), "+c"(n) : "d"((uint16_t)0x21) : "memory");
    check_eq(n, 0);
    check_eq(to, buf + sizeof(buf));
    for (unsigned int i = 0; i < sizeof(buf); i++)
        check_eq(buf[i], 0xff);
    const void *from = buf;
    n = 4;
    __asm__ volatile("rep outsl" : "+S"(from), "+c"(n) : "d"((uint16_t)0x20) : "memory");
    check_eq(from, buf + 16);
    uint64_t before = 0x1122334455667788;
    __asm__ volatile("inb $0x21, %%al" : "+a"(before));
    check_eq(before, 0x11223344556677ff);
    __asm__ volatile("inl $0x20, %%eax" : "+a"(before)); /* 32 bits clear the upper half */
    check_eq(before, 0xffffffff);
}

void test_main(void)
{
    absent_devices();
    all_reads();
    string_forms();
    harmful_writes();
    acpi_is_enabled_by_firmware();
    absent_devices();
}
