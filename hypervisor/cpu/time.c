/* time.c - system time from the TSC, calibrated against the ACPI PM timer or the PIT */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/timer.h>
#include <hv/x86.h>

#define PIT_HZ      1193182u
#define PM_TIMER_HZ 3579545u

struct time_scale time_scale;
static uint64_t khz;

/*
 * One reading of a reference clock with the TSC around it. The tightest of several pairs counts: an emulator's host, or
 * SMM, may take the CPU away between two instructions for longer than the whole measurement.
 */
struct reading {
    uint64_t tsc;
    uint32_t reference;
};

static uint32_t pm_timer_read(void)
{
    return inl(machine.pm_timer) & 0xffffff;
}

/* PIT channel 2 counts down from 65536 in mode 0; latched, then read low byte first. */
static uint32_t pit_read(void)
{
    outb(0x43, 0x80);
    uint32_t low = inb(0x42);
    return 0x10000 - (low | (uint32_t)inb(0x42) << 8);
}

static struct reading read_pair(uint32_t (*reference)(void))
{
    struct reading best = {0};
    uint64_t narrowest = ~0ul;

    for (int i = 0; i < 16; i++) {
        uint64_t before = rdtsc();
        uint32_t value = reference();
        uint64_t after = rdtsc();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = (struct reading){before + (after - before) / 2, value};
        }
    }
    return best;
}

/* TSC frequency in kHz against a reference of `hz` that wraps at `mask` + 1, over at least `ticks` of it (well below a
 * wrap). */
static uint64_t measure(uint32_t (*reference)(void), uint64_t hz, uint32_t mask, uint32_t ticks)
{
    struct reading start = read_pair(reference), end;
    uint64_t spins = 0;

    do {
        end = read_pair(reference);
        if (spins++ > 10000000)
            panic("the reference clock does not count: no time base");
    } while (((end.reference - start.reference) & mask) < ticks);
    return (end.tsc - start.tsc) * hz / ((end.reference - start.reference) & mask) / 1000;
}

static uint64_t measure_by_pit(void)
{
    outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1)); /* gate on, speaker off */
    outb(0x43, 0xb0);                            /* channel 2, low then high byte, mode 0 */
    outb(0x42, 0);
    outb(0x42, 0);
    return measure(pit_read, PIT_HZ, 0xffff, PIT_HZ / 50);
}

/* mul and shift of the pvclock formula: ns = ((ticks << shift) * mul) >> 32. */
static void set_scale(void)
{
    uint64_t hz = khz * 1000, target = 1000000000;
    int8_t shift = 0;

    while (hz > target * 2) {
        hz >>= 1;
        shift--;
    }
    while (hz <= target / 2 || hz < BIT(31)) {
        if (hz > target)
            break;
        hz <<= 1;
        shift++;
    }
    time_scale.shift = shift;
    time_scale.mul = (uint32_t)((target << 32) / hz);
}

void time_init(void)
{
    /* The PM timer wraps after 4.7 s, the PIT after 55 ms: who is held up longer measures nonsense with the latter. */
    if (machine.pm_timer)
        khz = measure(pm_timer_read, PM_TIMER_HZ, 0xffffff, PM_TIMER_HZ / 20);
    else
        khz = measure_by_pit();
    set_scale();
    time_scale.boot_tsc = rdtsc();
}

uint64_t tsc_khz(void)
{
    return khz;
}

uint64_t tsc_now(void)
{
    return rdtsc();
}

uint64_t time_now(void)
{
    uint64_t ticks = rdtsc() - time_scale.boot_tsc;

    if (time_scale.shift < 0)
        ticks >>= -time_scale.shift;
    else
        ticks <<= time_scale.shift;
    return (uint64_t)((unsigned __int128)ticks * time_scale.mul >> 32);
}
