/*
 * tlb.h - who may still hold a translation.
 * Guest translations: p2m_flush() bumps the domain's generation and makes every CPU that is in guest mode for it leave.
 * CPUs in the hypervisor look at the generation before they enter. So nobody waits for a CPU that is in the hypervisor,
 * and two flushing CPUs cannot block each other.
 */
#pragma once
#include <hv/types.h>

struct domain;

/* On return no CPU and no device uses translations of `d` that existed before the call. */
void p2m_flush(struct domain *d);
/* A frame taken out of d's p2m: its reference is given back after the next flush (now, unless batching). */
void p2m_release_frame(struct domain *d, mfn_t mfn);

uint32_t tlb_pins_retire(void);             /* generation after which the pin just removed is gone from a CPU */
bool tlb_pins_flushed(uint32_t generation); /* have all CPUs passed it? */
void tlb_pins_check(void);                  /* each CPU, often: drops pin translations when asked */
