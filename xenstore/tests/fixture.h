/* fixture.h - a store with clients that speak the wire protocol, for tests */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "connection.h"
#include "domain.h"
#include "memory.h"
#include "store.h"

struct answer {
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX + 1];
};

/* A store whose guests are connections without a ring. */
struct store *test_store(void);
void test_store_end(struct store *store); /* closes all connections */
struct connection *dom0_client(struct store *store);
struct connection *guest(struct store *store, domid_t domid); /* introduces it */

/* Sends a request; the answer is left in the output. */
void send_request(struct connection *c, uint32_t type, uint32_t tx, const void *payload, size_t bytes);
/* Takes the next message out; false when there is none. */
bool take(struct connection *c, struct answer *out);
/* Sends a request and takes its answer, passing over events; fails the test when none comes. */
struct answer ask(struct connection *c, uint32_t type, uint32_t tx, const void *payload, size_t bytes);

/* Requests by text: '|' stands for NUL. Return the error's name, or "OK" (any success). */
const char *call(struct connection *c, uint32_t type, uint32_t tx, const char *text);
/* The payload of a successful answer with NULs as '|', or the error's name. */
const char *text_of(struct connection *c, uint32_t type, uint32_t tx, const char *text);
uint32_t start(struct connection *c);
/* "path token" of the next message, which must be an event; "" when nothing waits. */
const char *event(struct connection *c);
