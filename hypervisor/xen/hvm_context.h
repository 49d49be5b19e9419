/* hvm_context.h - initial registers of a vCPU as the toolstack or a guest describes them; nothing reaches the CPU
 * unchecked */
#pragma once
#include <hv/vcpu.h>
#include <xen/hvm/hvm_vcpu.h>

/* VCPUOP_initialise: 32-bit protected mode or 64-bit mode. Returns 0 and fills `out`, or -XEN_EINVAL. */
[[nodiscard]] long hvm_context_from_public(const struct vcpu_hvm_context *untrusted, struct vcpu_regs *out);
/*
 * HVM save records (HEADER, one CPU record for vCPU 0, END; MTRR records are skipped, ours are fixed). Returns 0 and
 * fills `out`; -XEN_EINVAL if malformed or impossible, -XEN_EOPNOTSUPP for state that cannot be loaded yet (FPU,
 * system-call MSRs, descriptor tables, debug registers, pending events), -XEN_ENODATA without a CPU record.
 */
[[nodiscard]] long hvm_context_from_records(const uint8_t *untrusted, size_t bytes, struct vcpu_regs *out);
