#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct connection *attach(void *context, domid_t domid, uint64_t gfn, uint32_t port)
{
    struct store **store = context;

    return connection_create(*store, domid, NULL, NULL);
}

static void detach(void *context, struct connection *connection)
{
    connection_destroy(connection);
}

static struct store *current;

struct store *test_store(void)
{
    struct store_host host = {attach, detach, &current};

    current = store_create(&host);
    return current;
}

void test_store_end(struct store *store)
{
    assert_string_equal(text_of(dom0_client(store), XS_CONTROL, 0, "check|"), "OK|");
    while (store->connections)
        connection_destroy(store->connections);
    store_destroy(store);
}

struct connection *dom0_client(struct store *store)
{
    return connection_create(store, 0, NULL, NULL);
}

struct connection *guest(struct store *store, domid_t domid)
{
    assert_int_equal(domain_introduce(store, domid, 0, 1), 0);
    return domain_find(store, domid)->connection;
}

static void feed(struct connection *c, const void *bytes, size_t count)
{
    const char *at = bytes;

    while (count) {
        size_t room = connection_room(c), now = room < count ? room : count;

        assert_true(room > 0);
        connection_input(c, at, now);
        at += now;
        count -= now;
    }
}

void send_request(struct connection *c, uint32_t type, uint32_t tx, const void *payload, size_t bytes)
{
    struct xsd_sockmsg header = {type, 77, tx, (uint32_t)bytes};

    feed(c, &header, sizeof(header));
    feed(c, payload, bytes);
}

static void take_bytes(struct connection *c, void *out, size_t count)
{
    char *at = out;

    while (count) {
        size_t there;
        const void *bytes = connection_output(c, &there);
        size_t now = there < count ? there : count;

        assert_true(there > 0);
        memcpy(at, bytes, now);
        connection_sent(c, now);
        at += now;
        count -= now;
    }
}

bool take(struct connection *c, struct answer *out)
{
    size_t there;

    memset(out, 0, sizeof(*out));
    connection_output(c, &there);
    if (!there)
        return false;
    take_bytes(c, &out->header, sizeof(out->header));
    assert_true(out->header.len <= XENSTORE_PAYLOAD_MAX);
    take_bytes(c, out->payload, out->header.len);
    return true;
}

struct answer ask(struct connection *c, uint32_t type, uint32_t tx, const void *payload, size_t bytes)
{
    struct answer answer;

    send_request(c, type, tx, payload, bytes);
    do
        assert_true(take(c, &answer));
    while (answer.header.type == XS_WATCH_EVENT);
    assert_int_equal(answer.header.req_id, 77);
    assert_int_equal(answer.header.tx_id, tx);
    assert_true(answer.header.type == type || answer.header.type == XS_ERROR);
    return answer;
}

static struct answer ask_text(struct connection *c, uint32_t type, uint32_t tx, const char *text)
{
    char *payload = must_copy_string(text);
    size_t bytes = strlen(text);
    struct answer answer;

    for (size_t i = 0; i < bytes; i++)
        if (payload[i] == '|')
            payload[i] = '\0';
    answer = ask(c, type, tx, payload, bytes);
    free(payload);
    return answer;
}

const char *call(struct connection *c, uint32_t type, uint32_t tx, const char *text)
{
    static char name[32];
    struct answer answer = ask_text(c, type, tx, text);

    strncpy(name, answer.header.type == XS_ERROR ? answer.payload : "OK", sizeof(name) - 1);
    return name;
}

const char *text_of(struct connection *c, uint32_t type, uint32_t tx, const char *text)
{
    static char out[XENSTORE_PAYLOAD_MAX + 1];
    struct answer answer = ask_text(c, type, tx, text);

    memcpy(out, answer.payload, sizeof(out));
    for (size_t i = 0; answer.header.type != XS_ERROR && i < answer.header.len; i++)
        if (!out[i])
            out[i] = '|';
    return out;
}

uint32_t start(struct connection *c)
{
    return (uint32_t)strtoul(text_of(c, XS_TRANSACTION_START, 0, "|"), NULL, 10);
}

const char *event(struct connection *c)
{
    static char out[XENSTORE_PAYLOAD_MAX + 2];
    struct answer answer;

    if (!take(c, &answer))
        return "";
    assert_int_equal(answer.header.type, XS_WATCH_EVENT);
    snprintf(out, sizeof(out), "%s %s", answer.payload, answer.payload + strlen(answer.payload) + 1);
    return out;
}
