/* platform.h - the guest-physical world of a PVH domU, shared by its builder and by the hypervisor that traps it */
#pragma once

/* Registers of the hardware-reduced ACPI platform: one byte each in I/O port space (FADT of acpi.c). */
#define PLATFORM_SLEEP_CONTROL_PORT 0x404 /* write SLP_TYP << 2 | SLP_EN: with type 5 the domain powers off */
#define PLATFORM_SLEEP_STATUS_PORT  0x405 /* reads with bit 7 (WAK_STS) set; writes are ignored */
#define PLATFORM_RESET_PORT         0x406 /* write PLATFORM_RESET_VALUE: the domain reboots */
#define PLATFORM_RESET_VALUE        1
#define PLATFORM_SLP_TYP_S5         5
#define PLATFORM_SLP_EN             0x20

/* Guest-physical addresses. Between the end of low RAM and the ACPI tables nothing is declared: the kernel takes its
 * scratch space for grants of other domains there, and finds at least 512 MiB of it. */
#define PLATFORM_LOW_RAM_MAX   0xC0000000ULL
#define PLATFORM_LEGACY_HOLE   0x000A0000ULL /* populated but declared RESERVED up to 1 MiB, as on a PC */
#define PLATFORM_LEGACY_END    0x00100000ULL
#define PLATFORM_ACPI_BASE     0xFC000000ULL
#define PLATFORM_LAPIC_BASE    0xFEE00000ULL
#define PLATFORM_SPECIAL_BASE  0xFEFF8000ULL /* the eight pages of Xen's special region, RESERVED */
#define PLATFORM_SPECIAL_END   0xFF000000ULL
#define PLATFORM_XENSTORE_GFN  0xFEFFCULL
#define PLATFORM_CONSOLE_GFN   0xFEFFFULL
#define PLATFORM_HIGH_RAM_BASE 0x100000000ULL

#define PLATFORM_MAX_VCPUS 32 /* as many as shared_info has vcpu_info for */
/* APIC id of a vCPU, as Xen numbers them; CPUID and the local APIC have to agree. */
#define PLATFORM_APIC_ID(vcpu) (2u * (vcpu))
