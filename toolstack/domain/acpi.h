/* acpi.h - the ACPI tables of a domU: hardware-reduced FADT, MADT with one local APIC per vCPU, DSDT with _S5 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { ACPI_MAX_SIZE = 4096 }; /* enough for PLATFORM_MAX_VCPUS; checked when the tables are built */

/*
 * Write the tables for `vcpus` vCPUs, to be placed at guest-physical `base`, into `out` (ACPI_MAX_SIZE bytes).
 * The RSDP is at offset 0. Returns the bytes used, or -EINVAL if vcpus is 0 or above PLATFORM_MAX_VCPUS.
 */
[[nodiscard]] int acpi_build(uint8_t *out, uint64_t base, unsigned vcpus);
