/* layout.c - which guest-physical ranges of a domU hold what */
#include "toolstack/domain/layout.h"

#include <errno.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "toolstack/domain/platform.h"

static void declare(struct memory_layout *layout, uint64_t start, uint64_t end, uint32_t type)
{
    if (end > start)
        layout->map[layout->map_len++] = (struct memory_range){start, end - start, type};
}

int layout_make(struct memory_layout *layout, uint64_t memory_mib, uint64_t acpi_size)
{
    if (memory_mib < 32 || memory_mib > 1024 * 1024)
        return -EINVAL;

    uint64_t bytes = memory_mib << 20;
    uint64_t low = bytes < PLATFORM_LOW_RAM_MAX ? bytes : PLATFORM_LOW_RAM_MAX;
    uint64_t acpi_end = PLATFORM_ACPI_BASE + ((acpi_size + 0xfff) & ~0xfffULL);

    *layout = (struct memory_layout){.low_end = low, .high_end = PLATFORM_HIGH_RAM_BASE + (bytes - low)};
    declare(layout, 0, PLATFORM_LEGACY_HOLE, XEN_HVM_MEMMAP_TYPE_RAM);
    declare(layout, PLATFORM_LEGACY_HOLE, PLATFORM_LEGACY_END, XEN_HVM_MEMMAP_TYPE_RESERVED);
    declare(layout, PLATFORM_LEGACY_END, low, XEN_HVM_MEMMAP_TYPE_RAM);
    declare(layout, PLATFORM_ACPI_BASE, acpi_end, XEN_HVM_MEMMAP_TYPE_ACPI);
    declare(layout, PLATFORM_SPECIAL_BASE, PLATFORM_SPECIAL_END, XEN_HVM_MEMMAP_TYPE_RESERVED);
    declare(layout, PLATFORM_HIGH_RAM_BASE, layout->high_end, XEN_HVM_MEMMAP_TYPE_RAM);
    return 0;
}
