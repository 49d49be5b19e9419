/* rtc.c - wall clock from the CMOS clock at boot, afterwards as dom0 sets it */
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/port.h>
#include <hv/pvtime.h>
#include <hv/rtc.h>
#include <hv/timer.h>

static spinlock_t lock = SPINLOCK_INIT;
static uint64_t base_sec; /* seconds since 1970 at system time 0 */
static uint32_t base_nsec;

static uint8_t cmos(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static unsigned int from_bcd(uint8_t v, bool binary)
{
    return binary ? v : (v & 15u) + (v >> 4) * 10u;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (years from March, so that the leap day comes last). */
static uint64_t days_since_epoch(unsigned int year, unsigned int month, unsigned int day)
{
    if (month <= 2)
        year--;
    unsigned int era_year = year % 400, shifted = (month + 9) % 12;
    uint64_t day_of_era = era_year * 365ul + era_year / 4 - era_year / 100 + (153 * shifted + 2) / 5 + day - 1;
    return year / 400 * 146097ul + day_of_era - 719468;
}

void rtc_init(void)
{
    uint8_t first[6], again[6];
    static const uint8_t regs[6] = {0, 2, 4, 7, 8, 9};

    /* Read until two readings agree: the clock may tick in between. */
    for (int tries = 0; tries < 10; tries++) {
        bool same = true;
        for (int i = 0; i < 6; i++)
            first[i] = cmos(regs[i]);
        for (int i = 0; i < 6; i++)
            same &= (again[i] = cmos(regs[i])) == first[i];
        if (same)
            break;
    }
    bool binary = cmos(0xb) & 4;
    unsigned int hour = from_bcd(again[2] & 0x7f, binary);
    uint64_t days =
        days_since_epoch(2000 + from_bcd(again[5], binary), from_bcd(again[4], binary), from_bcd(again[3], binary));
    uint64_t sec = days * 86400 + hour * 3600ul + from_bcd(again[1], binary) * 60ul + from_bcd(again[0], binary);
    base_sec = sec - time_now() / 1000000000;
}

void wallclock_get(uint64_t *sec, uint32_t *nsec)
{
    spin_lock(&lock);
    *sec = base_sec;
    *nsec = base_nsec;
    spin_unlock(&lock);
}

void wallclock_set(uint64_t sec, uint32_t nsec)
{
    struct domain *d;

    spin_lock(&lock);
    base_sec = sec;
    base_nsec = nsec;
    spin_unlock(&lock);
    for (domid_t id = 0; (d = domain_next(id)); domain_put(d)) {
        id = (domid_t)(d->id + 1);
        wallclock_publish(d);
    }
}
