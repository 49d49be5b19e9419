/* path.h - names of nodes: what is a valid one, and how one becomes absolute */
#pragma once
#include <errno.h> /* makes xs_wire.h define the names of errors */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h> /* domid_t */
#include <xen/io/xs_wire.h>

#define PATH_BYTES (XENSTORE_ABS_PATH_MAX + 1) /* room for any valid absolute path and its NUL */

#define PATH_INTRODUCE "@introduceDomain"
#define PATH_RELEASE   "@releaseDomain"

/* A special name ("@introduceDomain"): can be watched and have permissions, but has no value and no children. */
bool path_is_special(const char *path);

/*
 * Makes `untrusted` absolute ("/local/domain/<domid>/" before relative ones) and checks it.
 * Returns false, with `absolute` undefined, when it is too long or malformed.
 */
[[nodiscard]] bool path_resolve(const char *untrusted, domid_t domid, char absolute[static PATH_BYTES]);

/* Bytes of "/local/domain/<domid>/" when `absolute` lies below it, else 0: what to cut for a caller that asked
 * relatively. */
size_t path_home_prefix(const char *absolute, domid_t domid);

/* True when `path` is `ancestor` or lies below it; both valid and absolute, or special. */
bool path_is_within(const char *path, const char *ancestor);

/* Writes the parent of `path` ("/" for "/a"); false for "/" and special names. */
bool path_parent(const char *path, char parent[static PATH_BYTES]);
