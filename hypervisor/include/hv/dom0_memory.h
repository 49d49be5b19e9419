/* dom0_memory.h - dom0's 1:1 memory: which machine ranges, and the memory map its kernel is given */
#pragma once
#include <hv/types.h>

struct domain;
struct hvm_memmap_table_entry;

/* True if [start, end) is wholly in dom0's RAM. */
bool dom0_ram_holds(uint64_t start, uint64_t end);
/* The highest 64 KiB aligned place of `bytes` in dom0's RAM below `below`, clear of [avoid, avoid_end) and of the first
 * MiB; 0 if there is none. What it returned before counts as used. */
uint64_t dom0_ram_find(uint64_t below, uint64_t bytes, uint64_t avoid, uint64_t avoid_end);
void dom0_map_ram(struct domain *d);
/* Fills at most 127 entries; [acpi, +acpi_bytes) of dom0's RAM is typed ACPI. Returns how many. */
uint32_t dom0_memmap(struct hvm_memmap_table_entry *map, uint64_t acpi, uint64_t acpi_bytes);
