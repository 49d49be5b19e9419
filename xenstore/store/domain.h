/* domain.h - domains that are introduced: what happens when one appears, changes or dies */
#pragma once
#include "store.h"

struct domain *domain_find(const struct store *store, domid_t domid);

/* 0 or a positive errno. A known domain gets a new ring or port; watchers of @introduceDomain hear of both. */
int domain_introduce(struct store *store, domid_t domid, uint64_t gfn, uint32_t port);
/* ENOENT for an unknown one. Its connection, its nodes and its rights end; @releaseDomain fires. */
int domain_release(struct store *store, domid_t domid);
/* The domain stopped (it still exists): @releaseDomain fires the first time. */
void domain_shut_down(struct store *store, struct domain *domain);
/* `domid` may from now on do what `target` may. ENOENT when it is not introduced. */
int domain_set_target(struct store *store, domid_t domid, domid_t target);
