/* world_inside.h - what the parts of the fake machine share */
#pragma once
#include "world.h"

uint8_t *frame_bytes(mfn_t mfn);
void frames_reset(void);
mfn_t frame_assign_fake(uint64_t number, struct domain *owner);
bool frame_is_heap(mfn_t mfn);
uint32_t pin_count(mfn_t mfn);
struct domain *domain_at(unsigned int i); /* all that exist, by index; no reference */
void p2m_make(struct domain *d);
void p2m_drop_all(struct domain *d);
void p2m_free(struct domain *d);
struct p2m_entry p2m_peek(struct domain *d, uint64_t gfn);
void timers_reset(void);
