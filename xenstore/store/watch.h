/* watch.h - who wants to hear of changes, and of which */
#pragma once
#include "store.h"

struct message;

struct watch {
    struct watch *next;
    struct connection *connection;
    char *path; /* absolute */
    char *token;
    struct message *unsent; /* its events that wait, in order: connection.c keeps this */
    struct message *last_unsent;
    bool relative; /* registered relative to the domain's home: so are the paths in its events */
};

/* Events for a change of `path` between two states of the tree, in the order of registration. */
void watches_fire(struct store *store, const struct node *before, const struct node *after, const char *path);
/* The same for a special name. */
void watches_fire_special(struct store *store, const char *path);

/* Registers and fires once. EEXIST for a second one with the same path and token, EINVAL, ENOSPC beyond quota. */
int watch_add(struct store *store, struct connection *connection, const char *untrusted_path, const char *token);
/* The first event of a new watch, apart so that the answer to the request can go before it. */
void watch_fire_first(struct store *store, struct connection *connection);
/* ENOENT when there is none. Its unread events are dropped. */
int watch_remove(struct store *store, struct connection *connection, const char *untrusted_path, const char *token);
void watches_remove_all(struct store *store, struct connection *connection);
