/* boot_info.h - hvm_start_info and what it points to, as one block of bytes for the guest's memory */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "toolstack/domain/layout.h"

enum { BOOT_CMDLINE_MAX = 2047 }; /* Linux' COMMAND_LINE_SIZE is 2048 with the NUL */
enum { BOOT_INFO_SIZE = 4096 };   /* everything below fits in one page */

struct boot_request {
    uint64_t base;        /* guest-physical address of the block; below 1 GiB (early page tables reach no further) */
    uint64_t initrd_base; /* guest-physical; ignored if initrd_size is 0 */
    uint64_t initrd_size; /* bytes */
    uint64_t rsdp;        /* guest-physical */
    const char *cmdline;
};

/*
 * Fill the page at `out` (BOOT_INFO_SIZE bytes); hvm_start_info is at its start.
 * Returns 0, -E2BIG if the command line is too long, -EINVAL if the block does not lie where the kernel can see it.
 */
[[nodiscard]] int boot_info_build(uint8_t *out, const struct boot_request *request, const struct memory_layout *layout);
