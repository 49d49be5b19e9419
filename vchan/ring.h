/* ring.h - the two rings of a channel in shared memory (layout: xen/io/libxenvchan.h)
 *
 * The peer can write every byte of the shared memory at any time. So sizes and the indices that are ours live in
 * private memory, the peer's index is read once and checked against them, and a peer that breaks the rules is treated
 * as gone.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <xen/io/libxenvchan.h>

#define RING_ORDER_MAX  20u /* 1 MiB */
#define RING_PAGE       4096u
#define RING_GRANTS_MAX (2u << (RING_ORDER_MAX - 12))

/* One direction as seen from one end. */
struct ring_half {
    struct ring_shared *shared;
    uint8_t *data;
    uint32_t size;  /* bytes, a power of two */
    uint32_t index; /* ours: how far we read or wrote, free running */
};

struct ring {
    struct vchan_interface *page;
    struct ring_half in, out;
    bool is_server;
    bool broken; /* never taken back */
};

/* How many separate pages a ring of this order takes: none for the two sizes that fit into the first page. */
uint32_t ring_pages(unsigned int order);

/* Picks orders for at least these sizes in bytes. Returns 0, or -EINVAL if they are too large. */
[[nodiscard]] int ring_choose_orders(size_t left_size, size_t right_size, unsigned int *left, unsigned int *right);

/* Whether the peer's orders describe a possible layout. */
[[nodiscard]] bool ring_orders_valid(unsigned int left, unsigned int right);

/* Server: writes the head of a fresh zeroed page. Grants are stored by the caller. */
void ring_format(struct vchan_interface *page, unsigned int left, unsigned int right);

/*
 * Starts using the rings. left_data and right_data are the separate pages; ignored for orders that live in the first
 * page. The orders must have been checked by the caller, who read them once.
 */
void ring_attach(struct ring *ring, struct vchan_interface *page, bool is_server, unsigned int left, unsigned int right,
                 void *left_data, void *right_data);

/* Bytes to read, or room to write. 0 from a broken ring. */
[[nodiscard]] uint32_t ring_readable(struct ring *ring);
[[nodiscard]] uint32_t ring_writable(struct ring *ring);

/* Moves `size` bytes, which the caller knows to be readable or writable. */
void ring_get(struct ring *ring, void *data, uint32_t size);
void ring_put(struct ring *ring, const void *data, uint32_t size);

/* Asks the peer to notify us when it writes (VCHAN_NOTIFY_WRITE) or reads (_READ). Look at the indices after, not
 * before. */
void ring_ask_notify(struct ring *ring, uint8_t bit);

/* After we wrote or read: whether the peer wants to know. Its wish is used up. */
[[nodiscard]] bool ring_take_notify(struct ring *ring, uint8_t bit);

/* VCHAN_DISCONNECTED, _CONNECTED or _WAITING, from the peer's live byte. */
[[nodiscard]] int ring_peer_state(const struct ring *ring);

/* Our own live byte, and the peer's on its behalf when a transport learns that it is gone. */
void ring_set_live(struct ring *ring, uint8_t live);
void ring_set_peer_gone(struct ring *ring);
