/*
 * acpi.h - host ACPI tables: reading them, and making the set that dom0 sees.
 * Tables are read through a callback so that the same code runs in unit tests: firmware is checked (lengths, checksums)
 * but trusted not to change.
 */
#pragma once
#include <hv/machine.h>
#include <hv/types.h>

/* Copies `bytes` from machine address `from`; returns false if that is not readable. */
typedef bool (*acpi_reader)(void *dst, uint64_t from, size_t bytes);

/* Fills m's cpu, ioapic, override, ecam, pm1*, reset fields from RSDP (m->rsdp, else searched). False: no usable ACPI;
 * the reason is logged. */
bool acpi_parse(struct machine *m, acpi_reader read);

/*
 * Builds dom0's RSDP, XSDT and MADT into `buf` (which dom0 will see at guest-physical `at`, in a range its memory map
 * calls ACPI), referring to the host's allow-listed tables in place (xen-abi.md section 1.6: MADT rebuilt with `vcpus`
 * processors, DMAR, HPET, SRAT and so on dropped). Returns bytes used, 0 if `size` is too small. *rsdp receives the
 * RSDP's address.
 */
size_t acpi_build_dom0(const struct machine *m, acpi_reader read, unsigned int vcpus, uint64_t at, void *buf,
                       size_t size, uint64_t *rsdp);
