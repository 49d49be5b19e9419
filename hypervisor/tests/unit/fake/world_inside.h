/* world_inside.h - what the parts of the fake machine share */
#pragma once
#include "world.h"

uint8_t *frame_bytes(mfn_t mfn);
void frames_reset(void);
mfn_t frame_assign_fake(uint64_t number, struct domain *owner);
bool frame_is_heap(mfn_t mfn);
uint32_t pin_count(mfn_t mfn);
void domains_reset(void);                                  /* no id has been used */
unsigned int domains_all(struct domain *all[MAX_DOMAINS]); /* all that exist; no references */
/* as in hv/p2m_impl.h, whose structure is not ours */
int p2m_create(struct domain *d);
int p2m_teardown(struct domain *d);
void p2m_destroy(struct domain *d);
struct p2m_entry p2m_peek(struct domain *d, uint64_t gfn);
void timers_reset(void);
