/*
 * window.h - short looks at guest memory: a few slots per CPU, each for one operation, and long-lived pins.
 * Nothing of a guest is mapped in the hypervisor outside these. The caller holds a reference on the frame.
 */
#pragma once
#include <hv/types.h>

/* Maps one frame on this CPU; at most 8 at a time; give back in reverse order. Never fails. */
void *window_map(mfn_t mfn);
void window_unmap(void *va);
/* Window `i` of the GUEST_VIEWS that stay until they are taken for another frame or given back: mm/guestview.c. */
void *view_map(unsigned int i, mfn_t mfn, bool writable);
void view_unmap(unsigned int i);
/* A mapping that all CPUs see and that lives long (vcpu_info pages). NULL when the region is full. Takes over the
 * caller's frame reference, which pin_unmap() gives back after every CPU has dropped the translation. */
void *pin_map(mfn_t mfn);
void pin_unmap(void *va); /* accepts NULL; `va` may point into the page */
/* Gives back frames of pins that all CPUs have dropped; called when a domain is torn down. */
void pins_reap(void);
/* The frame that slot i of PIN_SLOTS holds a reference on, MFN_NONE: none. Without the lock: for tests, at rest. */
mfn_t pin_holds(unsigned int i);
