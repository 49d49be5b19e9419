/* domains.h - keeps a console for every VM that the store knows */
#pragma once
#include "vm_console.h"

struct xs_handle;
struct domains;

/* Follows the store from now on. NULL with errno set on failure. */
[[nodiscard]] struct domains *domains_create(const struct console_host *host, struct xs_handle *store);
void domains_destroy(struct domains *domains);
