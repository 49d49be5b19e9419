/* queue.h - what waits to be sent to a VM: bounded, and pointer motions that nobody has seen yet become one */
#pragma once
#include "common/gui_wire.h"

struct queue {
    uint8_t bytes[GUI_QUEUE_MAX];
    size_t start, end;  /* what is in use */
    size_t last_motion; /* where the last message is, if it is a pointer motion; else SIZE_MAX */
};

void queue_init(struct queue *queue);

/* Returns false if it is full: the VM does not read. */
[[nodiscard]] bool queue_add(struct queue *queue, const union gui_message *message);

/* The bytes to send next; 0 if none. */
[[nodiscard]] size_t queue_peek(const struct queue *queue, const void **bytes);
void queue_sent(struct queue *queue, size_t count);
