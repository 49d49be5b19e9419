/*
 * emulate.h - what the hypervisor does on behalf of an instruction: MMIO, port I/O, CPUID, MSRs.
 * Deny by default; tables say what is allowed (vcpu/cpuid_policy.c, vcpu/msr_policy.c, vcpu/port_policy.c).
 */
#pragma once
#include <hv/types.h>

struct domain;
struct vcpu;

/* A nested page fault on a trapped page: fetch, decode, check segment and mode, read operands, emulate, write back,
 * skip. MOV-class instructions only (see vcpu/decode.c); anything else kills the domain with one line. */
void mmio_emulate(struct vcpu *v, gpa_t gpa, bool write);
/* One aligned or unaligned access of 1, 2, 4 or 8 bytes to an emulated device page. Unclaimed reads give all ones. */
uint64_t mmio_read(struct vcpu *v, gpa_t gpa, unsigned int bytes);
void mmio_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value);
/* True if the page is one that only emulation may touch (LAPIC in xAPIC mode, I/O APIC, ECAM, MSI-X table). */
bool mmio_is_trapped(struct vcpu *v, gpa_t gpa);

struct port_access {
    uint16_t port;
    uint8_t bytes; /* 1, 2, 4 */
    bool in;
    bool string, rep;
    uint8_t address_bytes; /* of a string access: 2, 4, 8 */
    uint8_t segment;       /* enum seg_name, of OUTS */
    uint64_t next_rip;
};
/* An intercepted IN/OUT (also string forms): performs it, advances the vCPU. */
void port_io(struct vcpu *v, const struct port_access *a);
/* Ports dom0 may use directly (clear = direct): fills the 8 KiB permission map. Other domains: everything intercepted.
 */
void port_policy_fill(struct domain *d, uint8_t iopm[8192]);

/* The sleep request dom0 last wrote to its ACPI PM1 control registers (already shut down with SHUTDOWN_poweroff when
 * `requested`): the machine's own shutdown writes these values to the real ports. */
struct sleep_request {
    bool requested;
    uint16_t pm1a, pm1b;
};
extern struct sleep_request dom0_sleep;

/* Length of the instruction at CS:RIP if it is one whose intercept leaves RIP alone (moves to and from control and
 * debug registers, CLTS, the 0F 01 group, CPUID, RDMSR, WRMSR, RDTSC, RDPMC, HLT, INVD, WBINVD), 0 if it is not or
 * cannot be read. For CPUs without next-RIP. */
unsigned int insn_length_here(struct vcpu *v);

/* CPUID with the vCPU's RAX/RCX; writes RAX..RDX. */
void cpuid_emulate(struct vcpu *v);
/* The values without a vCPU's registers (also for control operations): out is EAX, EBX, ECX, EDX. */
void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* CR4 bits that the guest may set: those whose feature its CPUID shows. */
uint64_t cpuid_allowed_cr4(void);
/* CR4 bits that the machine has and no guest may set. While there are none, the CPU itself refuses what is not allowed.
 */
uint64_t cpuid_hidden_cr4(void);
/* Performs the MOV to CR4 at CS:RIP, or raises #GP. The caller has the guest's translations flushed. */
void cr4_write_emulate(struct vcpu *v);
/* Return 0, or -1: #GP. */
[[nodiscard]] int msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
[[nodiscard]] int msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
