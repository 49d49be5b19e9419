#include "ring.h"
#include <string.h>

#define ROUNDS 4 /* of a ring full each way, before others get their turn */

static uint32_t load(const uint32_t *untrusted)
{
    return __atomic_load_n(untrusted, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *shared, uint32_t value)
{
    __atomic_store_n(shared, value, __ATOMIC_RELEASE);
}

void ring_start(struct ring *ring, struct xenstore_domain_interface *page)
{
    ring->page = page;
    ring->request_consumer = load(&page->req_cons);
    ring->response_producer = load(&page->rsp_prod);
    page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
    page->error = XENSTORE_ERROR_NONE;
    publish(&page->connection, XENSTORE_CONNECTED);
}

bool ring_wants_restart(const struct ring *ring)
{
    return load(&ring->page->connection) == XENSTORE_RECONNECT;
}

void ring_restart(struct ring *ring)
{
    struct xenstore_domain_interface *page = ring->page;

    page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = 0;
    ring_start(ring, page);
}

/* Copies out of or into the circular buffer: the part up to its end. */
static uint32_t contiguous(uint32_t index, uint32_t count)
{
    uint32_t to_end = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(index);

    return count < to_end ? count : to_end;
}

static bool pump_in(struct ring *ring, struct connection *connection, bool *moved)
{
    uint32_t available = load(&ring->page->req_prod) - ring->request_consumer;

    if (available > XENSTORE_RING_SIZE)
        return false;
    while (available) {
        char untrusted[XENSTORE_RING_SIZE]; /* the guest may change the page while we look at it */
        size_t room = connection_room(connection);
        uint32_t count = contiguous(ring->request_consumer, room < available ? (uint32_t)room : available);

        if (!count)
            break;
        memcpy(untrusted, ring->page->req + MASK_XENSTORE_IDX(ring->request_consumer), count);
        ring->request_consumer += count;
        available -= count;
        *moved = true;
        publish(&ring->page->req_cons, ring->request_consumer);
        connection_input(connection, untrusted, count);
    }
    return true;
}

static bool pump_out(struct ring *ring, struct connection *connection, bool *moved)
{
    uint32_t used = ring->response_producer - load(&ring->page->rsp_cons);

    if (used > XENSTORE_RING_SIZE)
        return false;
    while (used < XENSTORE_RING_SIZE) {
        size_t bytes;
        const void *data = connection_output(connection, &bytes);
        uint32_t room = XENSTORE_RING_SIZE - used;
        uint32_t count = contiguous(ring->response_producer, bytes < room ? (uint32_t)bytes : room);

        if (!data)
            break;
        memcpy(ring->page->rsp + MASK_XENSTORE_IDX(ring->response_producer), data, count);
        connection_sent(connection, count);
        ring->response_producer += count;
        used += count;
        *moved = true;
    }
    publish(&ring->page->rsp_prod, ring->response_producer);
    return true;
}

static struct ring_result failed(struct ring *ring, enum ring_error error)
{
    publish(&ring->page->error, error);
    return (struct ring_result){.error = error, .moved = true};
}

struct ring_result ring_pump(struct ring *ring, struct connection *connection)
{
    struct ring_result result = {.more = true};

    for (int round = 0; round < ROUNDS && result.more; round++) {
        bool moved = false;

        if (!pump_in(ring, connection, &moved) || !pump_out(ring, connection, &moved))
            return failed(ring, RING_BAD_INDEX);
        if (connection->broken)
            return failed(ring, RING_BAD_MESSAGE);
        result.moved |= moved;
        result.more = moved;
    }
    return result;
}
