/* connection.h - one client: bytes in, requests served, bytes out. Knows nothing of sockets or rings. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "path.h"
#include "permissions.h"
#include "store.h"

struct transaction;
struct watch;
struct message;

struct connection {
    struct connection *next;
    struct store *store;
    struct identity who;
    /* Called when there is output after there was none, or the connection is broken; may be NULL. */
    void (*ready)(void *context);
    void *context;

    bool broken; /* the peer violated the protocol: nothing more is read or served */

    struct xsd_sockmsg header;              /* of the request being received */
    size_t received;                        /* bytes of header and payload */
    char payload[XENSTORE_PAYLOAD_MAX + 1]; /* a NUL follows what was received */

    struct message *output, **output_end;
    size_t sent;  /* bytes of the first message taken already */
    long replies; /* in output */
    long output_bytes;
    long lost_events; /* dropped because the domain did not take them and ran out of quota */

    struct transaction *transactions;
    long transaction_count;
    uint32_t last_transaction;
    long watch_count;
    long watch_bytes;
};

struct connection *connection_create(struct store *store, domid_t domid, void (*ready)(void *context), void *context);
/* With its transactions, watches and unread output. */
void connection_destroy(struct connection *connection);
/* Forgets transactions and watches (RESET_WATCHES). */
void connection_reset(struct connection *connection);

/* Back to how it was created: a guest's kernel starts anew. */
void connection_restart(struct connection *connection);

/* How many bytes connection_input() takes now: 0 while too many answers wait, or when broken. */
size_t connection_room(const struct connection *connection);
/* Takes at most connection_room() untrusted bytes and serves a request when it is complete. */
void connection_input(struct connection *connection, const void *untrusted, size_t bytes);

/* The next bytes to send; NULL with *bytes = 0 when there are none. */
const void *connection_output(const struct connection *connection, size_t *bytes);
void connection_sent(struct connection *connection, size_t bytes);

void connection_reply(struct connection *connection, const struct xsd_sockmsg *request, const void *data, size_t bytes);
void connection_reply_error(struct connection *connection, const struct xsd_sockmsg *request, int error);
/* Queues an event unless the same one still waits unsent: then the reader sees the change when it reads that one. */
void connection_event(struct connection *connection, struct watch *watch, const char *path);
/* Drops unsent events of a watch that ends. */
void connection_drop_events(struct connection *connection, struct watch *watch);

/* Resolves a path of this client's and applies its quota on length. */
[[nodiscard]] bool connection_path(const struct connection *connection, const char *untrusted,
                                   char absolute[static PATH_BYTES]);
/* All bytes its domain makes the store hold. */
long connection_bytes(const struct connection *connection);

struct transaction *connection_transaction(const struct connection *connection, uint32_t id);
