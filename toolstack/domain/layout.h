/* layout.h - which guest-physical ranges of a domU hold what */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { LAYOUT_MAX_RANGES = 8 };

struct memory_range {
    uint64_t start, size; /* bytes */
    uint32_t type;        /* XEN_HVM_MEMMAP_TYPE_* */
};

struct memory_layout {
    uint64_t low_end;  /* end of the RAM that starts at 0, bytes */
    uint64_t high_end; /* end of the RAM above 4 GiB; PLATFORM_HIGH_RAM_BASE when there is none */
    struct memory_range map[LAYOUT_MAX_RANGES]; /* ascending, without overlap */
    size_t map_len;
};

/*
 * Lay out `memory_mib` MiB of RAM and `acpi_size` bytes of ACPI tables.
 * Returns 0, or -EINVAL if the memory is less than 32 MiB or more than 1 TiB.
 */
[[nodiscard]] int layout_make(struct memory_layout *layout, uint64_t memory_mib, uint64_t acpi_size);
