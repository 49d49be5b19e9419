/* frames_init.h - what boot code does with the frame allocator */
#pragma once
#include <hv/types.h>

struct domain;
void frames_add(uint64_t start, uint64_t end); /* machine byte range becomes free memory; frame table must cover it */
mfn_t frame_alloc_heap(unsigned int order);    /* 2^order frames for the heap (owner DOMID_XEN), not counted anywhere */
void frame_assign(
    mfn_t mfn,
    struct domain *owner); /* a frame not in the allocator becomes RAM of `owner`, count 1 (dom0's 1:1 memory) */
void heap_add(uint64_t start, uint64_t end); /* boot: a mapped chunk becomes heap */
void frame_mark_heap(mfn_t mfn);             /* frame belongs to the heap, not in use */
void frame_heap_taken(mfn_t mfn);            /* heap page is in use: count 1 */
void heap_page_released(mfn_t mfn);          /* frame.c to heap.c: the last reference on a heap page has gone */
