/* guest_msrs.h - what a vCPU's model-specific registers hold where the hypervisor keeps them (vcpu/msr_policy.c) */
#pragma once
#include <hv/types.h>

struct vcpu;

#define GUEST_MTRR_VARIABLE 8
#define GUEST_MTRR_FIXED    11

struct guest_msrs {
    uint64_t pat;     /* the vendor copies it into its guest state: vcpu_set_pat() */
    uint64_t xcr0;    /* as the guest set it by XSETBV (checked against the host's) */
    uint64_t tsc_aux; /* loaded with the vCPU if `rdtscp`; RDTSCP and RDPID read it */
    uint64_t misc_enable;
    uint64_t mcg_status;
    uint64_t mtrr_default;
    uint64_t mtrr_fixed[GUEST_MTRR_FIXED];
    uint64_t mtrr_variable[2 * GUEST_MTRR_VARIABLE]; /* base, mask, base, mask ... */
};

/* Power-on values; called when the vCPU is made, after its domain's is_control is known. INIT leaves these registers
 * alone. */
void guest_msrs_init(struct vcpu *v);
/* The guest wrote its PAT: the vendor takes msrs.pat over at the next entry (implemented beside the vendor's state).
 */
void vcpu_set_pat(struct vcpu *v, uint64_t pat);
