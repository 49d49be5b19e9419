/*
 * frame.h - machine frames of guests: one owner, one reference count, no page types.
 * A frame is free when its count is 0; the owner's p2m entry holds one reference, each grant or foreign mapping and
 * each access under way another.
 */
#pragma once
#include <hv/types.h>
#include <hv/xen.h>

struct domain;

/* 2^order frames for `owner`, naturally aligned, zeroed, each with count 1. MFN_NONE when memory or the domain's limit
 * (max_pages) is reached. */
mfn_t frame_alloc(struct domain *owner, unsigned int order);
/* Takes a reference if the frame is RAM of a domain and in use. `owner` NULL: any owner, and shared heap pages too
 * (heap.h). Undo with frame_put(). */
[[nodiscard]] bool frame_get(mfn_t mfn, const struct domain *owner);
/* Gives a reference back; the last one frees (and scrubs) the frame. */
void frame_put(mfn_t mfn);
/* Owner's id, or DOMID_INVALID for frames that are not RAM of a domain. */
domid_t frame_owner(mfn_t mfn);
/* A zeroed frame for the private state of the domain with this id: the hypervisor's own, in no heap, and nobody can
 * take a reference. frame_put() ends it. MFN_NONE: memory short. */
mfn_t frame_alloc_private(domid_t about);
domid_t frame_private_to(mfn_t mfn); /* the id it was allocated for; DOMID_INVALID for all other frames */
uint64_t frames_private_among(mfn_t first, uint64_t n); /* how many of these are such frames; inside a block of 2 MiB */
uint64_t frames_private_count(void);                    /* in use now, of all domains */
uint64_t frames_free_count(void);
uint64_t frames_total_count(void);
