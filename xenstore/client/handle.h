/* handle.h - inside the library: the connection of a handle, and messages over it */
#pragma once
#include "xenstore.h"
#include <pthread.h>

/* A message that arrived; `payload` ends with a NUL that `header.len` does not count. */
struct message {
    struct message *next;
    struct xsd_sockmsg header;
    char payload[];
};

/*
 * There is no thread of ours: whoever waits for a message, and finds nobody else doing so, reads the next one and hands
 * it to whom it belongs. The descriptor for the user's poll() is an epoll of two: the connection (something may have
 * arrived) and a flag that is up while events wait in the queue, read by a thread that was waiting for an answer.
 */
struct xs_handle {
    int fd;
    int poll_fd;
    int flag_fd;
    bool is_socket;
    bool filter; /* XS_UNWATCH_FILTER */

    pthread_mutex_t request_lock; /* one request at a time */
    pthread_mutex_t lock;         /* for what follows */
    pthread_cond_t changed;
    bool reading;
    int dead; /* errno of the end of the connection */
    struct message *answer;
    struct message *events, **events_end;
};

struct part {
    const void *data;
    size_t bytes;
};

/* Sends a request made of parts and waits for its answer. NULL with errno on failure, an error answer included. */
struct message *handle_request(struct xs_handle *h, uint32_t type, xs_transaction_t t, const struct part parts[],
                               unsigned count);

/* The next event, waiting for one or not; NULL with errno (EAGAIN: none). */
struct message *handle_event(struct xs_handle *h, bool wait);
/* Drops queued events of this token at the path or below it. */
void handle_forget(struct xs_handle *h, const char *path, const char *token);
