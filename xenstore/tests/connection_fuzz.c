/* libFuzzer: any bytes from a guest and from dom0's clients; nothing may break, and the ledger must stay right. */
#include "connection.h"
#include "control.h"
#include "domain.h"
#include "view.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;

static struct connection *attach(void *context, domid_t domid, uint64_t gfn, uint32_t port)
{
    return connection_create(store, domid, NULL, NULL);
}

static void detach(void *context, struct connection *connection)
{
    connection_destroy(connection);
}

static void drain(struct connection *c)
{
    size_t bytes;

    while (connection_output(c, &bytes))
        connection_sent(c, bytes);
}

/* Input is a row of: one byte that says who sends and how headers are made, then bytes. */
static size_t feed(struct connection *c, const uint8_t *data, size_t size)
{
    size_t used = 0;

    while (used < size) {
        size_t room = connection_room(c), now = room < size - used ? room : size - used;

        if (!now)
            break;
        connection_input(c, data + used, now);
        used += now;
    }
    return used;
}

/* Makes a well-formed header, so that the fuzzer gets at what lies behind it: [type tx length payload]. */
static void request(struct connection *c, const uint8_t *data, size_t size)
{
    struct xsd_sockmsg header = {data[0], 1, data[1] & 0x80 ? data[1] & 0x7fu : 0, 0};

    header.len = (uint32_t)(size - 2);
    feed(c, (const uint8_t *)&header, sizeof(header));
    feed(c, data + 2, size - 2);
}

static void play(const uint8_t *data, size_t size)
{
    static const struct identity dom0 = {0, DOMID_INVALID};
    struct permissions own = permissions_single(3, ACCESS_NONE);
    struct view live = view_live(store);

    (void)view_make(&live, &dom0, "/local/domain/3");
    (void)view_set_permissions(&live, &dom0, "/local/domain/3", &own);
    permissions_free(&own);
    while (size > 4) {
        struct domain *domain = domain_find(store, 3);
        size_t bytes = data[1] < size - 2 ? data[1] : size - 2;
        struct connection *c = data[0] & 1 && domain ? domain->connection : store->connections;

        while (!(data[0] & 1) && c && c->who.domid != 0)
            c = c->next;
        if (data[0] & 2 && bytes > 2 && c->received == 0)
            request(c, data + 2, bytes);
        else
            feed(c, data + 2, bytes);
        if (data[0] & 4)
            for (c = store->connections; c; c = c->next)
                drain(c);
        data += 2 + bytes;
        size -= 2 + bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_host host = {attach, detach, NULL};
    char out[XENSTORE_PAYLOAD_MAX];
    size_t out_bytes = sizeof(out);

    store = store_create(&host);
    connection_create(store, 0, NULL, NULL);
    if (domain_introduce(store, 3, 0, 1))
        abort();
    play(data, size);
    if (control_run(store, "check", 6, out, &out_bytes) || strcmp(out, "OK") != 0)
        abort();
    while (store->connections)
        connection_destroy(store->connections);
    store_destroy(store);
    return 0;
}
