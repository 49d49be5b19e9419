/* api.h - the methods of the Admin API: what they do with VMs, apart from sockets
 *
 * Answers are Qubes': "0" NUL data, or "2" NUL exception NUL traceback NUL sentence NUL. Only admin.Events and methods
 * that take time answer later.
 */
#pragma once
#include "toolstack/daemon/api_frame.h"
#include "toolstack/daemon/lifecycle.h"
#include "toolstack/daemon/text_buffer.h"

/* Where the answer of one call goes. */
struct api_reply {
    void (*send)(struct api_reply *reply, const char *bytes, size_t size); /* once; the reply is then gone */
    void (*subscribe)(struct api_reply *reply, const char *subject);       /* instead of an answer: all events follow */
};

struct api_event {
    const char *subject; /* a VM's name, or empty */
    const char *name;    /* domain-start, property-set:label, ... */
    const char *keys[4]; /* pairs of key and value, ended by nullptr */
};

struct api {
    struct registry *registry;
    struct lifecycle *lifecycle;
    /* Tells those who subscribed. */
    void (*emit)(struct api *api, const struct api_event *event);
};

/* Carries out one call. `reply` is used exactly once, now or later. */
void api_handle(struct api *api, const struct api_call *call, struct api_reply *reply);
