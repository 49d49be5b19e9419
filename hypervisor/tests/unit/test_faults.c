/* test_faults.c - what is logged of requests that a unit stopped, and how much of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "iommu/vtd.h"
#include "lib/format.h"
#include <hv/log.h>
#include <hv/timer.h>

#define SECOND  1000000000ul
#define RECORDS 2u
#define OFFSET  0x220u

static struct dmar_unit firmware = {.registers = 0xfed90000};
struct vtd_unit vtd_unit[DMAR_MAX_UNITS];
unsigned int vtd_unit_count;
static uint64_t now, record[RECORDS][2], timer_at;
static uint32_t status, control;
static struct timer *timer;
static char lines[64][200];
static unsigned int line_count;

uint64_t time_now(void)
{
    return now;
}
void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    t->fire = fire;
}
void timer_set(struct timer *t, uint64_t deadline)
{
    timer = t;
    timer_at = deadline;
}
void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    if (line_count == 64)
        fail();
    va_start(ap, fmt);
    vsnprintf(lines[line_count++], sizeof(lines[0]), fmt, ap);
    va_end(ap);
}
uint32_t host_pci_read(struct pci_addr a, unsigned int reg, unsigned int bytes)
{
    if (a.bus != 0 || a.devfn != (0x1f << 3 | 2))
        return 0xffffffff;
    return reg == 0 ? 0x29228086 : reg == 8 ? 0x01060102 : 0;
}
uint32_t vtd_read32(const struct vtd_unit *u, unsigned int reg)
{
    return reg == REG_FAULT_STATUS ? status : 0;
}
uint64_t vtd_read64(const struct vtd_unit *u, unsigned int reg)
{
    assert_in_range(reg, OFFSET, OFFSET + sizeof(record) - 8);
    return record[(reg - OFFSET) / 16][reg % 16 / 8];
}
void vtd_write32(const struct vtd_unit *u, unsigned int reg, uint32_t value)
{
    if (reg == REG_FAULT_CONTROL)
        control = value;
    else if (reg == REG_FAULT_STATUS)
        status &= ~(value & 0x71);
}
void vtd_write64(const struct vtd_unit *u, unsigned int reg, uint64_t value)
{
    uint64_t *high = record[(reg - OFFSET) / 16] + 1;
    if (value >> 63)
        *high &= ~(1ul << 63);
    if (!(record[0][1] >> 63) && !(record[1][1] >> 63))
        status &= ~2u;
}

static void fault(unsigned int slot, uint16_t id, unsigned int reason, bool read, uint64_t info)
{
    record[slot][0] = info;
    record[slot][1] = 1ul << 63 | (uint64_t)read << 62 | (uint64_t)reason << 32 | id;
    status |= 2;
}

static int unit(void **state)
{
    vtd_unit[0] = (struct vtd_unit){.firmware = &firmware, .cap = (uint64_t)OFFSET / 16 << 24 | (RECORDS - 1ul) << 40};
    vtd_unit_count = 1;
    now += 10 * SECOND; /* what earlier tests did is forgotten */
    status = 0;
    line_count = 0;
    timer = NULL;
    memset(record, 0, sizeof(record));
    vtd_faults_enable(&vtd_unit[0], 0x40, 1);
    assert_int_equal(control, 0);
    return 0;
}

#define SATA ((uint16_t)(0x1f << 3 | 2))

static void a_line_names_the_device_and_what_it_did(void **state)
{
    fault(0, SATA, 5, false, 0x12345000);
    fault(1, 0x0300, 2, true, 0xfffff000);
    vtd_faults_interrupt();
    assert_int_equal(line_count, 2);
    assert_string_equal(
        lines[0],
        "IOMMU: DMA of 00:1f.2 (SATA controller 8086:2922) stopped, writing at 12345000: it may not write there");
    assert_string_equal(lines[1],
                        "IOMMU: DMA of 03:00.0 (nothing that answers ffff:ffff) stopped, reading at fffff000: "
                        "nobody has this device");
    assert_false(record[0][1] >> 63 || record[1][1] >> 63);
    vtd_faults_interrupt(); /* nothing new */
    assert_int_equal(line_count, 2);
}

static void stopped_interrupts_are_told_too(void **state)
{
    fault(0, SATA, 0x25, false, 0);
    fault(1, SATA, 0x26, false, 0x61ul << 48);
    vtd_faults_interrupt();
    assert_string_equal(lines[0],
                        "IOMMU: interrupt of 00:1f.2 (SATA controller 8086:2922) through entry 0 stopped: it did "
                        "not go through an entry");
    assert_string_equal(lines[1],
                        "IOMMU: interrupt of 00:1f.2 (SATA controller 8086:2922) through entry 97 stopped: the "
                        "entry is not this device's");
}

static void reasons_that_are_not_known_do_no_harm(void **state)
{
    for (unsigned int reason = 0; reason < 256; reason++) {
        now += SECOND;
        fault(0, SATA, reason, true, ~0ul);
        vtd_faults_interrupt();
        assert_int_equal(line_count, 1);
        line_count = 0;
    }
}

static void a_flood_is_cut_and_counted(void **state)
{
    unsigned int raised = 0;

    for (; !timer && raised < 1000; raised++) {
        fault(0, SATA, 6, true, raised << 12);
        vtd_faults_interrupt();
    }
    assert_in_range(raised, 4, 32);
    assert_int_equal(line_count, raised);
    assert_int_equal(control, 1u << 31); /* no interrupt for a while */
    assert_in_range(timer_at, now + 1, now + SECOND);
    now = timer_at;
    fault(0, SATA, 6, true, 0x9000);
    line_count = 0;
    timer->fire(timer);
    assert_int_equal(control, 0);
    assert_int_equal(line_count, 1); /* what came meanwhile */
}

static void what_is_not_shown_is_counted(void **state)
{
    unsigned int raised = 0;

    while (!timer) {
        fault(0, SATA, 6, true, 0);
        fault(1, SATA, 6, true, 0);
        vtd_faults_interrupt();
        raised += 2;
    }
    fault(0, SATA, 6, true, 0); /* a second unit's interrupt, say */
    vtd_faults_interrupt();
    line_count = 0;
    now = timer_at;
    timer->fire(timer);
    assert_int_equal(line_count, 1);
    assert_string_equal(lines[0], "IOMMU: 1 more requests were stopped");
}

static void firmwares_faults_are_cleared(void **state)
{
    fault(0, SATA, 6, true, 0);
    fault(1, SATA, 6, true, 0);
    vtd_faults_clear(&vtd_unit[0]);
    vtd_faults_interrupt();
    assert_int_equal(line_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_names_the_device_and_what_it_did, unit),
        cmocka_unit_test_setup(stopped_interrupts_are_told_too, unit),
        cmocka_unit_test_setup(reasons_that_are_not_known_do_no_harm, unit),
        cmocka_unit_test_setup(a_flood_is_cut_and_counted, unit),
        cmocka_unit_test_setup(what_is_not_shown_is_counted, unit),
        cmocka_unit_test_setup(firmwares_faults_are_cleared, unit),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
