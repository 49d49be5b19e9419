/* triple - a triple fault ends the guest, with one line of the hypervisor's; nothing after it runs */
#include "guest.h"

void test_main(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __packed none = {0, 0};
    print("about to fault three times\n");
    __asm__ volatile("lidt %0; ud2" : : "m"(none));
    fail("went on behind the fault");
}
