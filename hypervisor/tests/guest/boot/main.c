/* boot - the state a kernel starts with: start_info, memory map, command line, tables */
#include <hv/machine.h>
#include <hv/string.h>
#include "guest.h"

/* RAM at [from, to) as the map says; overlapping entries are refused elsewhere. */
static uint64_t ram_in(uint64_t from, uint64_t to)
{
    uint64_t sum = 0;
    if (start_info->version >= 1) {
        const struct hvm_memmap_table_entry *e = (const void *)start_info->memmap_paddr;
        for (uint32_t i = 0; i < start_info->memmap_entries; i++) {
            uint64_t a = MAX(from, e[i].addr), b = MIN(to, e[i].addr + e[i].size);
            if (e[i].type == XEN_HVM_MEMMAP_TYPE_RAM && a < b)
                sum += b - a;
        }
        return sum;
    }
    static struct {
        uint64_t addr, size;
        uint32_t type;
    } __packed map[128];
    struct xen_memory_map arg = {.nr_entries = ARRAY_SIZE(map)};
    set_xen_guest_handle(arg.buffer, (void *)map);
    check_eq(memory_op(XENMEM_memory_map, &arg), 0);
    for (unsigned int i = 0; i < arg.nr_entries; i++) {
        uint64_t a = MAX(from, map[i].addr), b = MIN(to, map[i].addr + map[i].size);
        if (map[i].type == E820_RAM && a < b)
            sum += b - a;
    }
    return sum;
}

void test_main(void)
{
    check_eq(start_info->magic, XEN_HVM_START_MAGIC_VALUE);
    check(start_info->version <= 1, "start_info version %u", start_info->version);
    check_eq(start_info->flags, SIF_PRIVILEGED | SIF_INITDOMAIN);
    check(cmdline_has("hello"), "the command line has no 'hello'");
    check(start_info->rsdp_paddr, "there is no RSDP");

    uint64_t ram = ram_in(0, ~0ul), low = ram_in(0, 0xa0000), image = ram_in(16ul << 20, 32ul << 20);
    check(ram >= (240ul << 20) && ram <= (256ul << 20), "RAM is %lu KiB of 256 MiB", ram >> 10);
    check(low >= 0x80000, "only %lu bytes of RAM below 640 KiB", low);
    check_eq(image, 16ul << 20);

    unsigned int cpus = cpu_count();
    check(cpus >= 1, "no CPU in the MADT");
    print("boot: %lu MiB of RAM, %u CPUs, Xen ABI %#lx\n", ram >> 20, cpus, xen_version(XENVER_version, NULL));
}
