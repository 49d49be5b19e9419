/* store.h - a small xenstore client: enough to publish and to find channels, free of other libraries
 *
 * Works over the daemon's UNIX socket ($XENSTORED_PATH, or /run/xenstored/socket) in dom0 and over /dev/xen/xenbus
 * elsewhere. All functions return a negative errno on failure, the store's own refusals included.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct store;

/* Returns nullptr with errno set. Ended by store_close(). */
[[nodiscard]] struct store *store_open(void);
void store_close(struct store *store);

/* Reads a short value as a number. Returns -EPROTO if it is not one, or is larger than UINT32_MAX. */
[[nodiscard]] int store_read_number(struct store *store, const char *path, uint32_t *value);

/* Writes a number and lets only its owner and `reader` read it. */
[[nodiscard]] int store_publish(struct store *store, const char *path, uint32_t value, unsigned int owner,
                                unsigned int reader);

int store_remove(struct store *store, const char *path);

/* The number of this domain. 0 where the store does not tell, which only dom0's may. */
[[nodiscard]] int store_own_domain(struct store *store, unsigned int *domain);

/* Whether the store knows `domain`; only dom0 may ask. Returns 1, 0, or a negative errno. */
[[nodiscard]] int store_domain_exists(struct store *store, unsigned int domain);

/* Watches fire once at once. store_fd() is readable when one fired; store_fired() then takes all events that are there.
 */
[[nodiscard]] int store_watch(struct store *store, const char *path);
[[nodiscard]] int store_fd(const struct store *store);

/* Returns 1 if a watch fired since the last call, 0 if not. */
[[nodiscard]] int store_fired(struct store *store);
