/*
 * store.h - the state of the daemon without any input or output: the live tree, its users, the domains known.
 * Single-threaded. What a domain's ring needs from outside (map, bind) goes through struct store_host.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "node.h"
#include "quota.h"

struct connection;
struct watch;

struct store_host {
    /* Maps the ring of `domid`, binds its event port and creates its connection. NULL with errno set on failure. */
    struct connection *(*attach)(void *context, domid_t domid, uint64_t gfn, uint32_t port);
    /* Undoes attach(), connection_destroy() included. */
    void (*detach)(void *context, struct connection *connection);
    void *context;
};

/* A domain between INTRODUCE and RELEASE (or its death). */
struct domain {
    struct domain *next;
    domid_t domid;
    domid_t target;
    bool shut_down; /* it said so; told to @releaseDomain's watchers once */
    struct connection *connection;
};

struct store {
    struct node *root;
    uint64_t generation; /* counts every change: equal generations mean equal content */
    struct ledger ledger;
    struct quota quota;
    struct permissions on_introduce; /* of the special node @introduceDomain */
    struct permissions on_release;
    struct connection *connections;
    struct watch *watches; /* in the order of their registration */
    struct watch **watches_end;
    struct domain *domains;
    struct store_host host;
};

/* An empty store: "/", /tool, /local/domain and /local/domain/0 without values. host may be all zero (no guests then).
 */
struct store *store_create(const struct store_host *host);
/* All connections must be gone. */
void store_destroy(struct store *store);

/* The permissions of a special name, or NULL when there is no such name. */
struct permissions *store_special(struct store *store, const char *path);
