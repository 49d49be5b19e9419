/* spin - a vCPU that never gives the CPU up, with interrupts off, costs another one on the same CPU no more than its
 * share */
#include "guest.h"

static volatile uint64_t turns;

static void spinner(void)
{
    for (;;) {
        turns++;
        __asm__ volatile("" ::: "memory");
    }
}

void test_main(void)
{
    struct vcpu_info *info = vcpu_info(0);

    check_eq(cpu_count(), 2);
    lapic_enable();
    cpu_start(1, spinner);
    uint64_t start = system_time(info), last = start, longest = 0, ours = 0, before = turns;
    while (last - start < 2000000000ul) {
        uint64_t t = system_time(info), gap = t - last;
        if (gap > longest)
            longest = gap;
        if (gap < 1000000) /* shorter than a time slice: we were running */
            ours += gap;
        last = t;
    }
    check(turns != before, "the other vCPU did not run");
    print("spin: %lu of %lu ms are ours, longest wait %lu us\n", ours / 1000000, (last - start) / 1000000,
          longest / 1000);
    check(longest < 500000000, "waited %lu ms for the CPU", longest / 1000000);
    check(ours * 3 > last - start, "got %lu of %lu ms", ours / 1000000, (last - start) / 1000000);
}
