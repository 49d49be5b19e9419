/* msrs - every MSR gives a value or #GP; the host's own cannot be reached */
#include "guest.h"

#define GP 13

struct range {
    uint32_t from, to;
};
static const struct range ranges[] = {
    {0, 0x2000},
    {0x40000000, 0x40000200},
    {0x4b564d00, 0x4b564d10},
    {0xc0000000, 0xc0002000},
    {0xc0010000, 0xc0012000},
    {0xfffffff0, 0xfffffffe},
};

static void needed_ones_are_there(void)
{
    static const uint32_t needed[] = {0x10,       0x1b,       0x174,      0x175,      0x176,
                                      0x277,      0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
                                      0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102};
    uint64_t value;
    for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
        check(!try_rdmsr(needed[i], &value), "MSR %#x cannot be read", needed[i]);
    check_eq(try_rdmsr(0x1b, &value), 0);
    check_eq(value & ~0xffful, 0xfee00000);
    check(value & BIT(8), "the first CPU is not the boot processor");
}

static void the_hosts_are_not(void)
{
    static const uint32_t hosts[] = {0xc0010117 /* VM_HSAVE_PA */,
                                     0xc0010015 /* HWCR */,
                                     0x3a /* FEATURE_CONTROL */,
                                     0x480,
                                     0x9e /* SMBASE */,
                                     0xc0010111,
                                     0xc0010112,
                                     0x38f,
                                     0x1a4};
    uint64_t efer, value;
    for (unsigned int i = 0; i < ARRAY_SIZE(hosts); i++) {
        try_wrmsr(hosts[i], ~0ul);
        check(try_rdmsr(hosts[i], &value) || value != ~0ul, "MSR %#x took a value", hosts[i]);
    }
    check_eq(try_rdmsr(0xc0000080, &efer), 0);
    check(!(efer & BIT(12)), "EFER.SVME is visible");
    check_eq(try_wrmsr(0xc0000080, efer | BIT(12)), GP);
    check_eq(try_wrmsr(0xc0000080, efer | BIT(40)), GP);
    check_eq(try_wrmsr(0xc0000080, efer), 0);
    check_eq(try_wrmsr(0x1b, 0xfed00000 | BIT(11)), GP); /* the LAPIC stays where it is */
}

static void any_can_be_tried(void)
{
    unsigned int readable = 0;
    for (unsigned int r = 0; r < ARRAY_SIZE(ranges); r++)
        for (uint32_t msr = ranges[r].from; msr < ranges[r].to; msr++) {
            uint64_t value;
            int vector = try_rdmsr(msr, &value);
            check(!vector || vector == GP, "reading MSR %#x raises %d", msr, vector);
            readable += !vector;
        }
    print("msrs: %u can be read\n", readable);
    check(readable >= 14 && readable < 400, "%u can be read", readable);
}

/* Those that change how this very code runs are left out; of the others some fail, none may do harm. */
static bool is_ours(uint32_t msr)
{
    return msr == 0x1b || msr == 0x10 || msr == 0xc0000080 || (msr >= 0xc0000100 && msr <= 0xc0000102) ||
           (msr >= 0x800 && msr < 0x900) || (msr >= 0x40000000 && msr < 0x40000200);
}

static void writes_do_no_harm(void)
{
    for (unsigned int r = 0; r < ARRAY_SIZE(ranges); r++)
        for (uint32_t msr = ranges[r].from; msr < ranges[r].to; msr++) {
            uint64_t before;
            if (is_ours(msr))
                continue;
            bool readable = !try_rdmsr(msr, &before);
            int vector = try_wrmsr(msr, ~0ul);
            check(!vector || vector == GP, "writing MSR %#x raises %d", msr, vector);
            vector = try_wrmsr(msr, 0x5555);
            check(!vector || vector == GP, "writing MSR %#x raises %d", msr, vector);
            if (readable)
                try_wrmsr(msr, before);
        }
}

void test_main(void)
{
    needed_ones_are_there();
    the_hosts_are_not();
    any_can_be_tried();
    writes_do_no_harm();
    needed_ones_are_there();
}
