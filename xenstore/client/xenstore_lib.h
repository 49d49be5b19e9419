/* xenstore_lib.h - helpers beside xenstore.h; same names and layouts as the header that Xen's users know */
#pragma once
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

/* A list of these: the first names the owner and what all others may do, the rest what single domains may do. */
struct xs_permissions {
    unsigned int id; /* domain */
    unsigned int perms;
};
#define XS_PERM_NONE      0x00
#define XS_PERM_READ      0x01
#define XS_PERM_WRITE     0x02
#define XS_PERM_ENOENT_OK 0x04 /* this and the next two: never seen by callers, kept for their names */
#define XS_PERM_OWNER     0x08
#define XS_PERM_IGNORE    0x10

/* Room for an integer of this type as decimal text, sign and NUL included. */
#define MAX_STRLEN(x) ((sizeof(x) * CHAR_BIT + CHAR_BIT - 1) / 10 * 3 + 2)

/* Where the daemon is; XENSTORED_RUNDIR and XENSTORED_PATH in the environment say otherwise. Static storage. */
const char *xs_daemon_rundir(void);
const char *xs_daemon_socket(void);
const char *xs_daemon_socket_ro(void);

/* Reads `num` NUL-terminated strings such as "r7". False with errno EINVAL for a malformed one. */
bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings);
