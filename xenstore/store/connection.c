#include "connection.h"
#include "memory.h"
#include "request.h"
#include "transaction.h"
#include "watch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
    struct message *next_of_watch;
    struct watch *watch; /* of an event; NULL: a reply */
    size_t bytes;        /* with header */
    struct xsd_sockmsg header;
    char payload[];
};

/* Requests of domain 0 are not counted, but one that never reads must not fill memory. */
#define PRIVILEGED_REPLIES_MAX 1000
#define PRIVILEGED_BYTES_MAX   (32L << 20)

struct connection *connection_create(struct store *store, domid_t domid, void (*ready)(void *context), void *context)
{
    struct connection *connection = must_alloc(sizeof(*connection));

    connection->store = store;
    connection->who = (struct identity){domid, DOMID_INVALID};
    connection->ready = ready;
    connection->context = context;
    connection->output_end = &connection->output;
    connection->next = store->connections;
    store->connections = connection;
    return connection;
}

void connection_reset(struct connection *connection)
{
    watches_remove_all(connection->store, connection);
    while (connection->transactions) {
        struct transaction *transaction = connection->transactions;

        connection->transactions = transaction->next;
        transaction_end(transaction);
    }
    connection->transaction_count = 0;
}

/* What it costs while it waits. */
static long cost(const struct message *message)
{
    return (long)(sizeof(*message) + message->header.len);
}

/* The first message of its watch: messages leave in the order in which they came. */
static void leave_watch(struct message *message)
{
    message->watch->unsent = message->next_of_watch;
    message->watch = NULL;
}

static void join_watch(struct message *message)
{
    struct watch *watch = message->watch;

    if (watch->unsent)
        watch->last_unsent->next_of_watch = message;
    else
        watch->unsent = message;
    watch->last_unsent = message;
}

static void remove_message(struct connection *connection, struct message **slot)
{
    struct message *message = *slot;

    *slot = message->next;
    if (!*slot)
        connection->output_end = slot;
    connection->output_bytes -= cost(message);
    connection->replies -= message->header.type != XS_WATCH_EVENT;
    if (message->watch)
        leave_watch(message);
    free(message);
}

static void drop_output(struct connection *connection)
{
    while (connection->output)
        remove_message(connection, &connection->output);
    connection->sent = 0;
}

void connection_restart(struct connection *connection)
{
    connection_reset(connection);
    drop_output(connection);
    connection->received = 0;
}

void connection_destroy(struct connection *connection)
{
    struct connection **slot = &connection->store->connections;

    connection_reset(connection);
    drop_output(connection);
    while (*slot != connection)
        slot = &(*slot)->next;
    *slot = connection->next;
    free(connection);
}

static void fail(struct connection *connection)
{
    connection->broken = true;
    if (connection->ready)
        connection->ready(connection->context);
}

size_t connection_room(const struct connection *connection)
{
    long most =
        identity_is_privileged(&connection->who) ? PRIVILEGED_REPLIES_MAX : connection->store->quota.outstanding;

    if (connection->broken || connection->replies >= most)
        return 0;
    if (connection->received < sizeof(connection->header))
        return sizeof(connection->header) - connection->received;
    return sizeof(connection->header) + connection->header.len - connection->received;
}

static void take_header(struct connection *connection, const void *untrusted, size_t bytes)
{
    memcpy((char *)&connection->header + connection->received, untrusted, bytes);
    connection->received += bytes;
    if (connection->received == sizeof(connection->header) && connection->header.len > XENSTORE_PAYLOAD_MAX)
        fail(connection);
}

void connection_input(struct connection *connection, const void *untrusted, size_t bytes)
{
    if (connection->received < sizeof(connection->header)) {
        take_header(connection, untrusted, bytes);
    } else {
        memcpy(connection->payload + connection->received - sizeof(connection->header), untrusted, bytes);
        connection->received += bytes;
    }
    if (connection->broken || connection->received < sizeof(connection->header) ||
        connection->received < sizeof(connection->header) + connection->header.len)
        return;
    connection->received = 0;
    connection->payload[connection->header.len] = '\0';
    request_serve(connection, &connection->header, connection->payload);
}

const void *connection_output(const struct connection *connection, size_t *bytes)
{
    const struct message *message = connection->output;

    *bytes = message ? message->bytes - connection->sent : 0;
    return message ? (const char *)&message->header + connection->sent : NULL;
}

void connection_sent(struct connection *connection, size_t bytes)
{
    connection->sent += bytes;
    if (connection->output && connection->sent >= connection->output->bytes) {
        connection->sent = 0;
        remove_message(connection, &connection->output);
    }
}

static void queue(struct connection *connection, struct message *message)
{
    bool first = !connection->output;

    *connection->output_end = message;
    connection->output_end = &message->next;
    connection->output_bytes += cost(message);
    connection->replies += message->header.type != XS_WATCH_EVENT;
    if (message->watch)
        join_watch(message);
    if (first && connection->ready)
        connection->ready(connection->context);
}

static struct message *message_create(uint32_t type, const struct xsd_sockmsg *request, size_t bytes)
{
    struct message *message = must_alloc(sizeof(*message) + bytes);

    message->header =
        (struct xsd_sockmsg){type, request ? request->req_id : 0, request ? request->tx_id : 0, (uint32_t)bytes};
    message->bytes = sizeof(message->header) + bytes;
    return message;
}

void connection_reply(struct connection *connection, const struct xsd_sockmsg *request, const void *data, size_t bytes)
{
    struct message *message = message_create(request->type, request, bytes);

    if (bytes)
        memcpy(message->payload, data, bytes);
    queue(connection, message);
}

void connection_reply_error(struct connection *connection, const struct xsd_sockmsg *request, int error)
{
    const char *name = "EINVAL";
    struct message *message;

    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (xsd_errors[i].errnum == error)
            name = xsd_errors[i].errstring;
    message = message_create(XS_ERROR, request, strlen(name) + 1);
    strcpy(message->payload, name);
    queue(connection, message);
}

static struct message *event_create(struct watch *watch, const char *path)
{
    size_t path_bytes = strlen(path) + 1, token_bytes = strlen(watch->token) + 1;
    struct message *message = message_create(XS_WATCH_EVENT, NULL, path_bytes + token_bytes);

    memcpy(message->payload, path, path_bytes);
    memcpy(message->payload + path_bytes, watch->token, token_bytes);
    message->watch = watch;
    return message;
}

static bool waits_already(const struct connection *connection, const struct message *event)
{
    for (const struct message *message = event->watch->unsent; message; message = message->next_of_watch)
        if (message->bytes == event->bytes && memcmp(message->payload, event->payload, event->header.len) == 0 &&
            (message != connection->output || !connection->sent))
            return true;
    return false;
}

void connection_event(struct connection *connection, struct watch *watch, const char *path)
{
    struct message *event = event_create(watch, path);
    bool too_long = event->header.len > XENSTORE_PAYLOAD_MAX;
    bool too_much = !identity_is_privileged(&connection->who) &&
                    connection_bytes(connection) + cost(event) > connection->store->quota.bytes;

    if (too_long || too_much || connection->broken || waits_already(connection, event)) {
        connection->lost_events += too_long || too_much;
        free(event);
        return;
    }
    if (connection->output_bytes > PRIVILEGED_BYTES_MAX) {
        free(event);
        fail(connection);
        return;
    }
    queue(connection, event);
}

void connection_drop_events(struct connection *connection, struct watch *watch)
{
    struct message **slot = &connection->output;

    /* A message half sent has to be finished; it no longer belongs to a watch. */
    if (*slot && connection->sent) {
        if ((*slot)->watch == watch)
            leave_watch(*slot);
        slot = &(*slot)->next;
    }
    while (watch->unsent) {
        if ((*slot)->watch == watch)
            remove_message(connection, slot);
        else
            slot = &(*slot)->next;
    }
}

bool connection_path(const struct connection *connection, const char *untrusted, char absolute[static PATH_BYTES])
{
    if (!path_resolve(untrusted, connection->who.domid, absolute))
        return false;
    if (identity_is_privileged(&connection->who))
        return true;
    return (long)(strlen(absolute) - path_home_prefix(absolute, connection->who.domid)) <=
           connection->store->quota.path_bytes;
}

long connection_bytes(const struct connection *connection)
{
    return ledger_of(&connection->store->ledger, connection->who.domid).bytes + connection->watch_bytes +
           connection->output_bytes;
}

struct transaction *connection_transaction(const struct connection *connection, uint32_t id)
{
    struct transaction *transaction = connection->transactions;

    while (transaction && transaction->id != id)
        transaction = transaction->next;
    return transaction;
}
