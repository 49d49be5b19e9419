/* cr4 - on a machine that has more than guests get: a kernel may set what its CPUID shows, and nothing else that the
 * machine may have */
#include "guest.h"

#define GP    13
#define DE    BIT(3)
#define PAE   BIT(5)
#define PGE   BIT(7)
#define LA57  BIT(12)
#define VMXE  BIT(13)
#define PCIDE BIT(17)
#define PKE   BIT(22)
#define CET   BIT(23)

static uint64_t read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static bool shows(uint32_t leaf, unsigned int reg, unsigned int bit)
{
    uint32_t r[4];
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
    return r[reg] >> bit & 1;
}

static void hidden_bits_are_refused(void)
{
    uint64_t cr4 = read_cr4();

    check(!shows(7, 2, 3) && !shows(7, 2, 16) && !shows(7, 2, 7), "CPUID shows PKU, LA57 or CET");
    check_eq(try_write_cr4(cr4 | PKE), GP);
    check_eq(try_write_cr4(cr4 | LA57), GP);
    check_eq(try_write_cr4(cr4 | CET), GP);
    check_eq(try_write_cr4(cr4 | VMXE), GP);
    check_eq(try_write_cr4(cr4 | BIT(40)), GP);
    check_eq(try_write_cr4(cr4 & ~PAE), GP); /* not in long mode */
    check_eq(read_cr4(), cr4);
}

static void shown_bits_are_taken(void)
{
    uint64_t cr4 = read_cr4();

    check_eq(try_write_cr4(cr4 ^ PGE), 0);
    check_eq(read_cr4(), cr4 ^ PGE);
    check_eq(try_write_cr4(cr4 | DE), 0);
    check_eq(read_cr4(), cr4 | DE);
    check_eq(try_write_cr4(cr4), 0);
    check_eq(read_cr4(), cr4);
    check_eq(shows(1, 2, 17) ? try_write_cr4(cr4 | PCIDE) : 0, 0);
    check_eq(try_write_cr4(cr4), 0);
    /* from another register, which the decoder must find */
    register uint64_t value __asm__("r13") = cr4 ^ PGE;
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
    check_eq(read_cr4(), cr4 ^ PGE);
    check_eq(try_write_cr4(cr4), 0);
}

void test_main(void)
{
    hidden_bits_are_refused();
    shown_bits_are_taken();
}
