/* console_ring.c - see console_ring.h */
#include "console_ring.h"

static uint32_t load(const uint32_t *untrusted)
{
    return __atomic_load_n(untrusted, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *shared, uint32_t value)
{
    __atomic_store_n(shared, value, __ATOMIC_RELEASE);
}

void console_ring_start(struct console_ring *ring, struct xencons_interface *page)
{
    ring->page = page;
    ring->out_consumer = load(&page->out_cons);
    ring->in_producer = load(&page->in_prod);
}

int console_ring_take(struct console_ring *ring, char *untrusted, size_t room)
{
    struct xencons_interface *page = ring->page;
    uint32_t available = load(&page->out_prod) - ring->out_consumer;
    uint32_t count = room < available ? (uint32_t)room : available;

    if (available > sizeof(page->out))
        return -1;
    for (uint32_t i = 0; i < count; i++)
        untrusted[i] = page->out[MASK_XENCONS_IDX(ring->out_consumer + i, page->out)];
    ring->out_consumer += count;
    publish(&page->out_cons, ring->out_consumer);
    return (int)count;
}

int console_ring_type(struct console_ring *ring, const char *bytes, size_t count)
{
    struct xencons_interface *page = ring->page;
    uint32_t used = ring->in_producer - load(&page->in_cons);
    uint32_t room = (uint32_t)sizeof(page->in) - used;

    if (used > sizeof(page->in))
        return -1;
    if (count > room)
        count = room;
    for (uint32_t i = 0; i < count; i++)
        page->in[MASK_XENCONS_IDX(ring->in_producer + i, page->in)] = bytes[i];
    ring->in_producer += (uint32_t)count;
    publish(&page->in_prod, ring->in_producer);
    return (int)count;
}
