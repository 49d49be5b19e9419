/*
 * vtd_queue.c - invalidations: descriptors in a ring, and behind them one that makes the unit write a number to memory
 * when it has done all before it (VT-d specification, 6.5.2). Each request is waited for at once, with the ring locked:
 * the ring never fills, and what a waiter took out is gone when its call returns.
 */
#include <hv/log.h>
#include <hv/timer.h>
#include "vtd.h"

#define DESCRIPTORS 256u /* one page */
#define PATIENCE    5000000000ul

enum { CONTEXT = 1, TRANSLATION = 2, INTERRUPT = 4, WAIT = 5 };
#define GRANULARITY(n)   ((uint64_t)(n) << 4)
#define DOMAIN(n)        ((uint64_t)(n) << 16)
#define SOURCE(id)       ((uint64_t)(id) << 32)
#define DRAIN_WRITES     BIT(6)
#define DRAIN_READS      BIT(7)
#define WAIT_WRITES      BIT(5)
#define WAIT_FENCE       BIT(6)
#define ONE_INTERRUPT    BIT(4)
#define QUEUE_ERRORS     (FAULT_QUEUE_ERROR | FAULT_COMPLETION | FAULT_TIMEOUT)
#define DESCRIPTOR_WORDS 2u

bool vtd_queue_create(struct vtd_unit *u)
{
    u->queue = heap_page_alloc();
    u->status = heap_alloc(sizeof(*u->status));
    return u->queue && u->status;
}

void vtd_queue_enable(struct vtd_unit *u)
{
    vtd_write64(u, REG_QUEUE_TAIL, 0);
    vtd_write64(u, REG_QUEUE, machine_address(u->queue));
    u->queue_tail = 0;
    vtd_command(u, GLOBAL_QUEUE, true);
    u->queue_on = true;
}

static void put(struct vtd_unit *u, uint64_t low, uint64_t high)
{
    u->queue[u->queue_tail * DESCRIPTOR_WORDS] = low;
    u->queue[u->queue_tail * DESCRIPTOR_WORDS + 1] = high;
    u->queue_tail = (u->queue_tail + 1) % DESCRIPTORS;
}

/* Bounded by time: a unit that is asked by its rules answers in microseconds. */
static void wait(const struct vtd_unit *u, uint32_t number)
{
    uint64_t end = time_now() + PATIENCE;

    while (load_acquire(*u->status) != number) {
        uint32_t faults = vtd_read32(u, REG_FAULT_STATUS);
        if (faults & QUEUE_ERRORS || time_now() > end)
            panic("the IOMMU at %lx does not forget what it was told to (status %x, queue %lx of %x)",
                  u->firmware->registers, faults, vtd_read64(u, REG_QUEUE_HEAD) >> 4, u->queue_tail);
        cpu_relax();
    }
}

static void request(struct vtd_unit *u, uint64_t low, uint64_t high)
{
    if (!u->queue_on)
        return;
    spin_lock(&u->queue_lock);
    if (vtd_common.write_buffer)
        vtd_command(u, GLOBAL_FLUSH_WB, true);
    uint32_t number = ++u->waits;
    put(u, low, high);
    put(u, WAIT | WAIT_WRITES | WAIT_FENCE | (uint64_t)number << 32, machine_address(u->status));
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entries that changed, and the descriptors, before the doorbell */
    vtd_write64(u, REG_QUEUE_TAIL, (uint64_t)u->queue_tail << 4);
    wait(u, number);
    spin_unlock(&u->queue_lock);
}

/* DMA under way through the old translation ends before the answer comes. */
static uint64_t drains(const struct vtd_unit *u)
{
    return (u->cap & CAP_DRAIN_WRITES ? DRAIN_WRITES : 0) | (u->cap & CAP_DRAIN_READS ? DRAIN_READS : 0);
}

void vtd_flush_everything(struct vtd_unit *u)
{
    request(u, CONTEXT | GRANULARITY(1), 0);
    request(u, TRANSLATION | GRANULARITY(1) | drains(u), 0);
}

void vtd_flush_context(struct vtd_unit *u, uint16_t domain, uint16_t id)
{
    request(u, CONTEXT | GRANULARITY(3) | DOMAIN(domain) | SOURCE(id), 0);
}

void vtd_flush_translations(struct vtd_unit *u, uint16_t domain)
{
    request(u, TRANSLATION | GRANULARITY(2) | DOMAIN(domain) | drains(u), 0);
}

void vtd_flush_irt(struct vtd_unit *u)
{
    request(u, INTERRUPT, 0);
}

void vtd_flush_irq(struct vtd_unit *u, uint16_t index)
{
    request(u, INTERRUPT | ONE_INTERRUPT | SOURCE(index), 0);
}
