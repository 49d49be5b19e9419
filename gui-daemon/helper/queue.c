/* queue.c - see queue.h */
#include "queue.h"

#include <string.h>

void queue_init(struct queue *queue)
{
    queue->start = queue->end = 0;
    queue->last_motion = SIZE_MAX;
}

static bool replaces(const struct queue *queue, const union gui_message *message)
{
    struct gui_header last;

    if (queue->last_motion == SIZE_MAX || message->header.type != GUI_POINTER_MOTION)
        return false;
    memcpy(&last, queue->bytes + queue->last_motion, sizeof(last));
    return last.object == message->header.object;
}

bool queue_add(struct queue *queue, const union gui_message *message)
{
    size_t length = message->header.length;

    if (replaces(queue, message)) {
        memcpy(queue->bytes + queue->last_motion, message, length);
        return true;
    }
    if (queue->start && length > sizeof(queue->bytes) - queue->end) {
        memmove(queue->bytes, queue->bytes + queue->start, queue->end - queue->start);
        queue->end -= queue->start;
        queue->start = 0;
    }
    if (length > sizeof(queue->bytes) - queue->end)
        return false;
    memcpy(queue->bytes + queue->end, message, length);
    queue->last_motion = message->header.type == GUI_POINTER_MOTION ? queue->end : SIZE_MAX;
    queue->end += length;
    return true;
}

size_t queue_peek(const struct queue *queue, const void **bytes)
{
    *bytes = queue->bytes + queue->start;
    return queue->end - queue->start;
}

void queue_sent(struct queue *queue, size_t count)
{
    queue->start += count;
    if (queue->start > queue->last_motion) /* begun: it can no longer be changed */
        queue->last_motion = SIZE_MAX;
    if (queue->start == queue->end)
        queue_init(queue);
}
