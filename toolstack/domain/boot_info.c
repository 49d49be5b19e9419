/* boot_info.c - hvm_start_info and what it points to, as one block of bytes for the guest's memory */
#include "toolstack/domain/boot_info.h"

#include <errno.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

struct boot_page {
    struct hvm_start_info info;
    uint64_t pad;
    struct hvm_modlist_entry initrd;
    struct hvm_memmap_table_entry memmap[LAYOUT_MAX_RANGES];
    char cmdline[BOOT_CMDLINE_MAX + 1];
};
static_assert(sizeof(struct boot_page) <= BOOT_INFO_SIZE);

int boot_info_build(uint8_t *out, const struct boot_request *request, const struct memory_layout *layout)
{
    struct boot_page page = {0};
    size_t length = strlen(request->cmdline);

    if (length > BOOT_CMDLINE_MAX)
        return -E2BIG;
    if (request->base % 4096 || request->base + BOOT_INFO_SIZE > (1ULL << 30) ||
        request->base + BOOT_INFO_SIZE > layout->low_end ||
        (request->initrd_size && request->initrd_base + request->initrd_size > layout->low_end))
        return -EINVAL;

    page.info.magic = XEN_HVM_START_MAGIC_VALUE;
    page.info.version = 1;
    page.info.cmdline_paddr = request->base + offsetof(struct boot_page, cmdline);
    page.info.rsdp_paddr = request->rsdp;
    page.info.memmap_paddr = request->base + offsetof(struct boot_page, memmap);
    page.info.memmap_entries = (uint32_t)layout->map_len;
    if (request->initrd_size) {
        page.info.nr_modules = 1;
        page.info.modlist_paddr = request->base + offsetof(struct boot_page, initrd);
        page.initrd.paddr = request->initrd_base;
        page.initrd.size = request->initrd_size;
    }
    for (size_t i = 0; i < layout->map_len; i++) {
        page.memmap[i].addr = layout->map[i].start;
        page.memmap[i].size = layout->map[i].size;
        page.memmap[i].type = layout->map[i].type;
    }
    memcpy(page.cmdline, request->cmdline, length);

    memset(out, 0, BOOT_INFO_SIZE);
    memcpy(out, &page, sizeof(page));
    return 0;
}
