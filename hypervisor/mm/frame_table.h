/* frame_table.h - what the frame table holds for each machine frame: for mm/frame.c and the ownership model of tests */
#pragma once
#include <hv/types.h>
#include <hv/xen.h>

#define DOMID_PRIVATE 0x7ffeu /* owner of frames behind private slots: no domain, and not in the heap */

struct frame {
    uint32_t count;
    domid_t owner;
    uint8_t order; /* of the free block that starts here */
    bool free;     /* starts a free block */
    uint32_t next, prev;
    bool dirty;   /* not known to be zero */
    bool managed; /* belongs to the allocator (not dom0's own memory) */
};
static_assert(sizeof(struct frame) == 20);
