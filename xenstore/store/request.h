/* request.h - what each message of the wire protocol does */
#pragma once
#include "connection.h"

/* Serves one request: `untrusted` holds header->len bytes and a NUL after them. Always queues exactly one reply. */
void request_serve(struct connection *connection, const struct xsd_sockmsg *header, const char *untrusted);
