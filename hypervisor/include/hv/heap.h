/*
 * heap.h - memory of the hypervisor itself, mapped on every CPU.
 * The heap takes frames from the frame allocator and never gives them back, so its mappings never change and need no
 * TLB shoot-down. All memory comes zeroed and is zeroed again when freed.
 */
#pragma once
#include <hv/types.h>

/* One page, zeroed; NULL when memory is short. */
void *heap_page_alloc(void);
void heap_page_free(void *page); /* accepts NULL */
mfn_t heap_page_mfn(const void *page);
/* The heap page that lives in machine frame `mfn` (which must be a heap page). */
void *heap_page_of(mfn_t mfn);

/* Objects of up to one page (rounded up to a power of two), or whole pages up to 64 KiB, physically contiguous, zeroed. NULL when short. */
void *heap_alloc(size_t bytes);
void heap_free(void *object, size_t bytes); /* `bytes` as at allocation; accepts NULL */
