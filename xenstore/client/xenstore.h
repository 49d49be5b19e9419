/*
 * xenstore.h - clients of the store: Xen's functions, by their names and types.
 *
 * A handle may be used by several threads. Functions that return bool, a pointer or a number set errno on failure
 * (false, NULL, 0). What they return is one block each: free(). `t` is XBT_NULL outside of transactions.
 */
#pragma once
#include <xenstore_lib.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XBT_NULL 0

/* For xs_open(). The first is ignored: there is one kind of connection. */
#define XS_OPEN_READONLY   (1UL << 0)
#define XS_OPEN_SOCKETONLY (1UL << 1)
/* After xs_unwatch() no event of that watch comes any more; needs tokens that are unique per path. */
#define XS_UNWATCH_FILTER (1UL << 2)

struct xs_handle;
typedef uint32_t xs_transaction_t;

/* Over the daemon's socket where there is one, else through the kernel (/dev/xen/xenbus). */
struct xs_handle *xs_open(unsigned long flags);
void xs_close(struct xs_handle *h); /* NULL is fine */

/* Older names of the two. */
struct xs_handle *xs_daemon_open(void);
struct xs_handle *xs_domain_open(void);
struct xs_handle *xs_daemon_open_readonly(void);
void xs_daemon_close(struct xs_handle *h);

/* In a child after fork(): gives up the handle without touching the parent's connection. */
void xs_daemon_destroy_postfork(struct xs_handle *h);

/* Names of the children; their number in *num. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);
/* The value with a NUL after it, which *len (may be NULL) does not count. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len);
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data, unsigned int len);
bool xs_write_all(int fd, const void *data, unsigned int len);            /* write(), until all is written */
bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path); /* true when it exists already */
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path);    /* with all below it */
bool xs_restrict(struct xs_handle *h, unsigned domid);                    /* always false: it has no use any more */

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, struct xs_permissions *perms,
                        unsigned int num_perms);

/* Events for the node and all below it, with this token; the first one comes at once. */
bool xs_watch(struct xs_handle *h, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token);
/* A descriptor to poll for reading; when it is readable, call xs_check_watch() until it says EAGAIN. */
int xs_fileno(struct xs_handle *h);
/* The next event as {path, token} (XS_WATCH_PATH, XS_WATCH_TOKEN), or NULL with EAGAIN. Never waits. */
char **xs_check_watch(struct xs_handle *h);
/* The same, but waits; *num is set to 2. */
char **xs_read_watch(struct xs_handle *h, unsigned int *num);

/* XBT_NULL on failure. */
xs_transaction_t xs_transaction_start(struct xs_handle *h);
/* False with EAGAIN: somebody else changed what was used, start again. */
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort);

/* For the toolstack. */
bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int eventchn);
bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target);
bool xs_resume_domain(struct xs_handle *h, unsigned int domid);
bool xs_release_domain(struct xs_handle *h, unsigned int domid);
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid);
char *xs_get_domain_path(struct xs_handle *h, unsigned int domid);
char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);
char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);
int xs_suspend_evtchn_port(int domid); /* -1 when there is none */

/* True when `child` is `parent` or lies below it, as text. */
bool xs_path_is_subpath(const char *parent, const char *child);

#ifdef __cplusplus
}
#endif
