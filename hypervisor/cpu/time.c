/* time.c - system time from the TSC, calibrated against the PIT */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/timer.h>
#include <hv/x86.h>

#define PIT_HZ 1193182u

struct time_scale time_scale;
static uint64_t khz;

/* TSC ticks during `ms` milliseconds of PIT channel 2 (gate by port 61h, output read back there). */
static uint64_t pit_measure(unsigned int ms)
{
    uint32_t count = PIT_HZ * ms / 1000;
    uint64_t start;

    outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
    outb(0x43, 0xb0); /* channel 2, low then high byte, mode 0 */
    outb(0x42, (uint8_t)count);
    outb(0x42, (uint8_t)(count >> 8));
    start = rdtsc();
    for (uint64_t spins = 0; !(inb(0x61) & 0x20); spins++)
        if (spins > 100000000)
            panic("the PIT does not count: no time base");
    return rdtsc() - start;
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
    /* The best of three: an emulator or SMM may steal time from a single one. */
    uint64_t best = ~0ul;
    for (int i = 0; i < 3; i++)
        best = MIN(best, pit_measure(10));
    khz = best / 10;
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
