#include "request.h"
#include "control.h"
#include "domain.h"
#include "transaction.h"
#include "view.h"
#include "watch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    struct connection *connection;
    const struct xsd_sockmsg *header;
    const char *untrusted; /* header->len bytes, then a NUL */
    size_t bytes;
    struct transaction *transaction;
    struct view view;
    char path[PATH_BYTES];
};

static const char *next_string(const struct request *request, const char *string)
{
    const char *next = string + strlen(string) + 1;

    return next < request->untrusted + request->bytes ? next : NULL;
}

/* Splits a payload of exactly `count` NUL-terminated strings. */
static bool strings(const struct request *request, const char **out, unsigned count)
{
    const char *string = request->bytes ? request->untrusted : NULL;

    if (!request->bytes || request->untrusted[request->bytes - 1] != '\0')
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!string)
            return false;
        out[i] = string;
        string = next_string(request, string);
    }
    return !string;
}

/* The first string as a path of the tree. What follows it starts at *rest. */
static bool leading_path(struct request *request, const char **rest)
{
    size_t length = strlen(request->untrusted);

    *rest = request->untrusted + length + 1;
    return length < request->bytes && connection_path(request->connection, request->untrusted, request->path);
}

static bool only_path(struct request *request)
{
    const char *string;

    return strings(request, &string, 1) && connection_path(request->connection, string, request->path) &&
           !path_is_special(request->path);
}

static bool number(const char *untrusted, unsigned long long most, unsigned long long *out)
{
    char *end;

    if (untrusted[0] < '0' || untrusted[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(untrusted, &end, 10);
    return !*end && !errno && *out <= most;
}

static bool domain_number(const char *untrusted, domid_t *domid)
{
    unsigned long long value;

    if (!number(untrusted, DOMID_FIRST_RESERVED - 1, &value))
        return false;
    *domid = (domid_t)value;
    return true;
}

static bool only_domain(const struct request *request, domid_t *domid)
{
    const char *string;

    return strings(request, &string, 1) && domain_number(string, domid);
}

static const struct identity *who(const struct request *request)
{
    return &request->connection->who;
}

static struct store *store_of(const struct request *request)
{
    return request->connection->store;
}

static int reply(const struct request *request, const void *data, size_t bytes)
{
    connection_reply(request->connection, request->header, data, bytes);
    return 0;
}

static int acknowledge(const struct request *request)
{
    return reply(request, "OK", 3);
}

static size_t list_bytes(const struct node *node)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < node->child_count; i++)
        bytes += strlen(node->children[i]->name) + 1;
    return bytes;
}

/* Copies from the list of children, as it would stand in memory, what fits in whole names from `offset` on. */
static size_t copy_list(const struct node *node, size_t offset, char *out, size_t room)
{
    size_t at = 0, copied = 0;

    for (uint32_t i = 0; i < node->child_count; i++) {
        size_t bytes = strlen(node->children[i]->name) + 1;

        if (at >= offset) {
            if (copied + bytes > room)
                break;
            memcpy(out + copied, node->children[i]->name, bytes);
            copied += bytes;
        }
        at += bytes;
    }
    return copied;
}

static int get_for_list(struct request *request, const struct node **node)
{
    return view_get(&request->view, who(request), request->path, ACCESS_READ, true, node);
}

static int serve_directory(struct request *request)
{
    char list[XENSTORE_PAYLOAD_MAX];
    const struct node *node;
    int error = only_path(request) ? get_for_list(request, &node) : EINVAL;

    if (error)
        return error;
    if (list_bytes(node) > sizeof(list))
        return E2BIG;
    return reply(request, list, copy_list(node, 0, list, sizeof(list)));
}

static int serve_directory_part(struct request *request)
{
    char out[XENSTORE_PAYLOAD_MAX];
    const char *arguments[2];
    const struct node *node;
    unsigned long long offset;
    size_t bytes, total;
    int error;

    if (!strings(request, arguments, 2) || !number(arguments[1], UINT32_MAX, &offset) ||
        !connection_path(request->connection, arguments[0], request->path) || path_is_special(request->path))
        return EINVAL;
    error = get_for_list(request, &node);
    if (error)
        return error;
    total = list_bytes(node);
    bytes = (size_t)snprintf(out, sizeof(out), "%llu", (unsigned long long)node->relisted) + 1;
    if (offset < total) {
        size_t copied = copy_list(node, offset, out + bytes, sizeof(out) - bytes - 1);

        bytes += copied;
        offset += copied;
    }
    if (offset >= total)
        out[bytes++] = '\0'; /* an empty name ends the list */
    return reply(request, out, bytes);
}

static int serve_read(struct request *request)
{
    const struct node *node;
    int error = only_path(request) ? 0 : EINVAL;

    if (!error)
        error = view_get(&request->view, who(request), request->path, ACCESS_READ, false, &node);
    return error ? error : reply(request, node->value, node->value_bytes);
}

static int reply_permissions(const struct request *request, const struct permissions *list)
{
    char out[XENSTORE_PAYLOAD_MAX];
    size_t bytes = permissions_format(list, out, sizeof(out));

    return bytes > sizeof(out) ? E2BIG : reply(request, out, bytes);
}

static int serve_get_permissions(struct request *request)
{
    const char *string;
    const struct permissions *special;
    const struct node *node;
    int error;

    if (!strings(request, &string, 1) || !connection_path(request->connection, string, request->path))
        return EINVAL;
    if (path_is_special(request->path)) {
        special = store_special(store_of(request), request->path);
        if (!special)
            return EINVAL;
        return permissions_of(special, who(request)) & ACCESS_READ ? reply_permissions(request, special) : EACCES;
    }
    error = view_get(&request->view, who(request), request->path, ACCESS_READ, false, &node);
    return error ? error : reply_permissions(request, &node->permissions);
}

static int set_special(struct request *request, struct permissions *list)
{
    struct permissions *special = store_special(store_of(request), request->path);

    if (!special)
        return EINVAL;
    if (!identity_is_privileged(who(request)))
        return EACCES;
    permissions_free(special);
    *special = permissions_copy(list);
    return 0;
}

static int serve_set_permissions(struct request *request)
{
    const char *rest;
    struct permissions list;
    int error;

    if (!leading_path(request, &rest) ||
        !permissions_parse(rest, (size_t)(request->untrusted + request->bytes - rest), &list))
        return EINVAL;
    if (path_is_special(request->path))
        error = set_special(request, &list);
    else
        error = view_set_permissions(&request->view, who(request), request->path, &list);
    permissions_free(&list);
    return error ? error : acknowledge(request);
}

static int serve_write(struct request *request)
{
    const char *value;
    int error;

    if (!leading_path(request, &value) || path_is_special(request->path))
        return EINVAL;
    error = view_write(&request->view, who(request), request->path, value,
                       (size_t)(request->untrusted + request->bytes - value));
    return error ? error : acknowledge(request);
}

static int serve_mkdir(struct request *request)
{
    int error = only_path(request) ? view_make(&request->view, who(request), request->path) : EINVAL;

    return error ? error : acknowledge(request);
}

static int serve_rm(struct request *request)
{
    int error = only_path(request) ? view_remove(&request->view, who(request), request->path) : EINVAL;

    return error ? error : acknowledge(request);
}

static int serve_watch(struct request *request)
{
    const char *arguments[2];
    int error = EINVAL;

    if (strings(request, arguments, 2))
        error = watch_add(store_of(request), request->connection, arguments[0], arguments[1]);
    if (error)
        return error;
    acknowledge(request);
    watch_fire_first(store_of(request), request->connection);
    return 0;
}

static int serve_unwatch(struct request *request)
{
    const char *arguments[2];
    int error = EINVAL;

    if (strings(request, arguments, 2))
        error = watch_remove(store_of(request), request->connection, arguments[0], arguments[1]);
    return error ? error : acknowledge(request);
}

static int serve_reset(struct request *request)
{
    connection_reset(request->connection);
    return acknowledge(request);
}

static uint32_t free_transaction_id(struct connection *connection)
{
    do
        connection->last_transaction++;
    while (!connection->last_transaction || connection_transaction(connection, connection->last_transaction));
    return connection->last_transaction;
}

static int serve_transaction_start(struct request *request)
{
    struct connection *connection = request->connection;
    struct transaction *transaction;
    char text[16];

    if (request->transaction)
        return EBUSY;
    if (!identity_is_privileged(who(request)) && connection->transaction_count >= store_of(request)->quota.transactions)
        return ENOSPC;
    transaction = transaction_begin(store_of(request), free_transaction_id(connection));
    transaction->next = connection->transactions;
    connection->transactions = transaction;
    connection->transaction_count++;
    return reply(request, text, (size_t)snprintf(text, sizeof(text), "%u", transaction->id) + 1);
}

static int serve_transaction_end(struct request *request)
{
    struct transaction **slot = &request->connection->transactions;
    const char *string;
    int error = 0;

    if (!strings(request, &string, 1) || (strcmp(string, "T") != 0 && strcmp(string, "F") != 0))
        return EINVAL;
    if (!request->transaction)
        return ENOENT;
    while (*slot != request->transaction)
        slot = &(*slot)->next;
    *slot = request->transaction->next;
    request->connection->transaction_count--;
    if (*string == 'T')
        error = transaction_commit(request->transaction, who(request));
    transaction_end(request->transaction);
    return error ? error : acknowledge(request);
}

static int serve_introduce(struct request *request)
{
    const char *arguments[3];
    unsigned long long gfn, port;
    domid_t domid;
    int error;

    if (!strings(request, arguments, 3) || !domain_number(arguments[0], &domid) || domid == 0 ||
        !number(arguments[1], UINT64_MAX, &gfn) || !number(arguments[2], UINT32_MAX, &port) || port == 0)
        return EINVAL;
    error = domain_introduce(store_of(request), domid, gfn, (uint32_t)port);
    return error ? error : acknowledge(request);
}

static int serve_release(struct request *request)
{
    domid_t domid;
    int error = only_domain(request, &domid) && domid != 0 ? domain_release(store_of(request), domid) : EINVAL;

    return error ? error : acknowledge(request);
}

static int serve_get_domain_path(struct request *request)
{
    char text[40];
    domid_t domid;

    if (!only_domain(request, &domid))
        return EINVAL;
    return reply(request, text, (size_t)snprintf(text, sizeof(text), "/local/domain/%u", domid) + 1);
}

static int serve_is_introduced(struct request *request)
{
    const char *string;
    unsigned long long domid;
    bool known;

    if (!strings(request, &string, 1) || !number(string, DOMID_SELF, &domid))
        return EINVAL;
    known = domid == 0 || domid == DOMID_SELF || domain_find(store_of(request), (domid_t)domid);
    return reply(request, known ? "T" : "F", 2);
}

static int serve_resume(struct request *request)
{
    domid_t domid;
    struct domain *domain;

    if (!only_domain(request, &domid))
        return EINVAL;
    domain = domain_find(store_of(request), domid);
    if (!domain)
        return ENOENT;
    domain->shut_down = false;
    return acknowledge(request);
}

static int serve_set_target(struct request *request)
{
    const char *arguments[2];
    domid_t domid, target;
    int error;

    if (!strings(request, arguments, 2) || !domain_number(arguments[0], &domid) ||
        !domain_number(arguments[1], &target) || domid == 0)
        return EINVAL;
    error = domain_set_target(store_of(request), domid, target);
    return error ? error : acknowledge(request);
}

static int serve_control(struct request *request)
{
    char out[XENSTORE_PAYLOAD_MAX];
    size_t bytes = sizeof(out);
    int error = EINVAL;

    if (request->bytes && request->untrusted[request->bytes - 1] == '\0')
        error = control_run(store_of(request), request->untrusted, request->bytes, out, &bytes);
    return error ? error : reply(request, out, bytes);
}

struct operation {
    int (*serve)(struct request *request); /* 0 after its reply, or a positive errno */
    bool privileged;
    bool in_transaction; /* the transaction id of the request matters */
};

static const struct operation operations[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {serve_control, .privileged = true},
    [XS_DIRECTORY] = {serve_directory, .in_transaction = true},
    [XS_READ] = {serve_read, .in_transaction = true},
    [XS_GET_PERMS] = {serve_get_permissions, .in_transaction = true},
    [XS_WATCH] = {serve_watch},
    [XS_UNWATCH] = {serve_unwatch},
    [XS_TRANSACTION_START] = {serve_transaction_start, .in_transaction = true},
    [XS_TRANSACTION_END] = {serve_transaction_end, .in_transaction = true},
    [XS_INTRODUCE] = {serve_introduce, .privileged = true},
    [XS_RELEASE] = {serve_release, .privileged = true},
    [XS_GET_DOMAIN_PATH] = {serve_get_domain_path},
    [XS_WRITE] = {serve_write, .in_transaction = true},
    [XS_MKDIR] = {serve_mkdir, .in_transaction = true},
    [XS_RM] = {serve_rm, .in_transaction = true},
    [XS_SET_PERMS] = {serve_set_permissions, .in_transaction = true},
    [XS_IS_DOMAIN_INTRODUCED] = {serve_is_introduced},
    [XS_RESUME] = {serve_resume, .privileged = true},
    [XS_SET_TARGET] = {serve_set_target, .privileged = true},
    [XS_RESET_WATCHES] = {serve_reset},
    [XS_DIRECTORY_PART] = {serve_directory_part, .in_transaction = true},
};

static int serve(struct request *request, const struct operation *operation)
{
    struct connection *connection = request->connection;

    if (!operation || !operation->serve)
        return ENOSYS;
    if (operation->privileged && !identity_is_privileged(&connection->who))
        return EACCES;
    if (operation->in_transaction && request->header->tx_id) {
        request->transaction = connection_transaction(connection, request->header->tx_id);
        if (!request->transaction)
            return ENOENT;
    }
    request->view = view_of(connection->store, request->transaction);
    return operation->serve(request);
}

void request_serve(struct connection *connection, const struct xsd_sockmsg *header, const char *untrusted)
{
    struct xsd_sockmsg copy = *header;
    struct request request = {.connection = connection, .header = &copy, .untrusted = untrusted, .bytes = header->len};
    int error = serve(&request, header->type < XS_TYPE_COUNT ? &operations[header->type] : NULL);

    if (error)
        connection_reply_error(connection, &copy, error);
}
