/* fault.h - a guest access that the nested tables did not allow: one path for all of them */
#pragma once
#include <hv/types.h>

struct vcpu;

struct fault_access {
    gpa_t gpa;
    bool write, fetch;
    bool walk; /* while walking the guest's page tables */
};

/* Maps, emulates, drops the access or kills the domain, by the type of the p2m entry. */
void p2m_fault(struct vcpu *v, const struct fault_access *a);
/* HLT: with interrupts off the vCPU is gone (all gone: the domain has powered off), else it waits. */
void vcpu_halt(struct vcpu *v);
void vcpu_triple_fault(struct vcpu *v);
