/* ring.c - see ring.h */
#include "vchan/ring.h"

#include <errno.h>
#include <string.h>
#include "vchan/libvchan.h"

uint32_t ring_pages(unsigned int order)
{
    return order >= 12 ? 1u << (order - 12) : 0;
}

/* Where a ring that lives in the first page begins; also the limit of the grant list before it. */
static uint32_t start_in_page(unsigned int order)
{
    return order == 10 ? 1024 : order == 11 ? 2048 : RING_PAGE;
}

bool ring_orders_valid(unsigned int left, unsigned int right)
{
    if (left < 10 || right < 10 || left > RING_ORDER_MAX || right > RING_ORDER_MAX || (left == right && left < 12))
        return false;
    size_t end = sizeof(struct vchan_interface) + (ring_pages(left) + ring_pages(right)) * sizeof(uint32_t);
    return end <= start_in_page(left) && end <= start_in_page(right);
}

static unsigned int smallest_order(size_t size)
{
    unsigned int order = 10;

    while (order <= RING_ORDER_MAX && ((size_t)1 << order) < size)
        order++;
    return order;
}

int ring_choose_orders(size_t left_size, size_t right_size, unsigned int *left, unsigned int *right)
{
    unsigned int l = smallest_order(left_size), r = smallest_order(right_size);

    /* Grow the smaller one until both fit beside each other and the grant list. */
    while (l <= RING_ORDER_MAX && r <= RING_ORDER_MAX && !ring_orders_valid(l, r)) {
        if (l < r)
            l++;
        else
            r++;
    }
    if (!ring_orders_valid(l, r))
        return -EINVAL;
    *left = l;
    *right = r;
    return 0;
}

void ring_format(struct vchan_interface *page, unsigned int left, unsigned int right)
{
    page->left_order = (uint16_t)left;
    page->right_order = (uint16_t)right;
    page->cli_live = VCHAN_WAITING;
    page->srv_live = VCHAN_CONNECTED;
    page->cli_notify = VCHAN_NOTIFY_WRITE;
}

static uint8_t *data_of(struct vchan_interface *page, unsigned int order, void *pages)
{
    return order >= 12 ? pages : (uint8_t *)page + start_in_page(order);
}

void ring_attach(struct ring *ring, struct vchan_interface *page, bool is_server, unsigned int left, unsigned int right,
                 void *left_data, void *right_data)
{
    struct ring_half l = {.shared = &page->left, .data = data_of(page, left, left_data), .size = 1u << left};
    struct ring_half r = {.shared = &page->right, .data = data_of(page, right, right_data), .size = 1u << right};

    *ring = (struct ring){.page = page, .is_server = is_server};
    ring->in = is_server ? l : r;
    ring->out = is_server ? r : l;
    /* A client may come to a ring that an earlier client used. */
    ring->in.index = __atomic_load_n(&ring->in.shared->cons, __ATOMIC_RELAXED);
    ring->out.index = __atomic_load_n(&ring->out.shared->prod, __ATOMIC_RELAXED);
}

/* The distance between the peer's index and ours is at most the size, whatever the index says. */
static bool distance_valid(struct ring *ring, uint32_t distance, uint32_t size)
{
    if (distance > size)
        ring->broken = true;
    return !ring->broken;
}

uint32_t ring_readable(struct ring *ring)
{
    uint32_t untrusted_prod = __atomic_load_n(&ring->in.shared->prod, __ATOMIC_ACQUIRE);
    uint32_t ready = untrusted_prod - ring->in.index;

    return distance_valid(ring, ready, ring->in.size) ? ready : 0;
}

uint32_t ring_writable(struct ring *ring)
{
    uint32_t untrusted_cons = __atomic_load_n(&ring->out.shared->cons, __ATOMIC_ACQUIRE);
    uint32_t used = ring->out.index - untrusted_cons;

    return distance_valid(ring, used, ring->out.size) ? ring->out.size - used : 0;
}

void ring_get(struct ring *ring, void *data, uint32_t size)
{
    struct ring_half *in = &ring->in;
    uint32_t at = in->index & (in->size - 1);
    uint32_t first = size < in->size - at ? size : in->size - at;

    memcpy(data, in->data + at, first);
    memcpy((uint8_t *)data + first, in->data, size - first);
    in->index += size;
    /* Release: the copy is done before the peer may overwrite it. */
    __atomic_store_n(&in->shared->cons, in->index, __ATOMIC_RELEASE);
}

void ring_put(struct ring *ring, const void *data, uint32_t size)
{
    struct ring_half *out = &ring->out;
    uint32_t at = out->index & (out->size - 1);
    uint32_t first = size < out->size - at ? size : out->size - at;

    memcpy(out->data + at, data, first);
    memcpy(out->data, (const uint8_t *)data + first, size - first);
    out->index += size;
    /* Release: the data is there before the peer learns of it. */
    __atomic_store_n(&out->shared->prod, out->index, __ATOMIC_RELEASE);
}

/* cli_notify holds what the client shall tell the server, srv_notify the other way round. */
static uint8_t *notify_byte(struct ring *ring, bool of_server)
{
    return of_server ? &ring->page->srv_notify : &ring->page->cli_notify;
}

void ring_ask_notify(struct ring *ring, uint8_t bit)
{
    /* Sequentially consistent: our wish is posted before we look at the indices again, else a wake-up can get lost. */
    __atomic_fetch_or(notify_byte(ring, !ring->is_server), bit, __ATOMIC_SEQ_CST);
}

bool ring_take_notify(struct ring *ring, uint8_t bit)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the index moved before we look at the wish */
    return __atomic_fetch_and(notify_byte(ring, ring->is_server), (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit;
}

static uint8_t *live_byte(const struct ring *ring, bool of_server)
{
    return of_server ? &ring->page->srv_live : &ring->page->cli_live;
}

int ring_peer_state(const struct ring *ring)
{
    uint8_t untrusted_live = __atomic_load_n(live_byte(ring, !ring->is_server), __ATOMIC_ACQUIRE);

    if (ring->broken)
        return VCHAN_DISCONNECTED;
    if (untrusted_live == VCHAN_CONNECTED || (untrusted_live == VCHAN_WAITING && ring->is_server))
        return untrusted_live;
    return VCHAN_DISCONNECTED;
}

void ring_set_live(struct ring *ring, uint8_t live)
{
    __atomic_store_n(live_byte(ring, ring->is_server), live, __ATOMIC_RELEASE);
}

void ring_set_peer_gone(struct ring *ring)
{
    __atomic_store_n(live_byte(ring, !ring->is_server), (uint8_t)VCHAN_DISCONNECTED, __ATOMIC_RELEASE);
}
