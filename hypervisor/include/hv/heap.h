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
/*
 * A page that guests map too (shared_info, grant tables): in use until the last reference goes, because another domain
 * may still map it when its owner is gone. The caller holds the first reference and gives it back with frame_put(); p2m
 * entries take theirs with frame_get(mfn, NULL). The last frame_put() returns it to the heap. frame_owner() is
 * DOMID_INVALID: no RAM of a domain.
 */
void *heap_shared_page_alloc(void);
mfn_t heap_page_mfn(const void *page);
/* The heap page that lives in machine frame `mfn` (which must be a heap page). */
void *heap_page_of(mfn_t mfn);

/* Objects of up to one page (rounded up to a power of two), or whole pages up to 64 KiB, physically contiguous, zeroed.
 * NULL when short. */
void *heap_alloc(size_t bytes);
void heap_free(void *object, size_t bytes); /* `bytes` as at allocation; accepts NULL */
/* Bytes the heap has taken, used or not. */
uint64_t heap_bytes(void);
