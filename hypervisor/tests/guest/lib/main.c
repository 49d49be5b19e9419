/* main.c - what happens before and after a test */
#include <hv/string.h>
#include "guest.h"

const struct hvm_start_info *start_info;
extern uint32_t start_info_at;
void bsp_main(void);

void bsp_main(void)
{
    struct cpuid vendor = cpuid(0, 0);
    is_amd = vendor.b == 0x68747541 || vendor.b == 0x6f677948; /* Auth(enticAMD), Hygo(nGenuine) */
    start_info = (const struct hvm_start_info *)(uintptr_t)start_info_at;
    cpu_tables_load(0);
    trap_setup();
    test_main();
    print("ATOLL-TEST " TEST_NAME ": pass\n");
    shut_down(SHUTDOWN_poweroff);
}
