/* libvchan.h - byte channels between two domains, with the functions and constants of Qubes' libvchan
 *
 * A channel joins a server and a client in two domains under a port number both know. It is full duplex, each direction
 * a ring of bytes in memory that the server granted to the client. The peer is never trusted: whatever it writes into
 * the shared memory, these functions stay within bounds and at worst report a closed channel.
 *
 * Functions that return int give -1 on failure. A channel is used by one thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int EVTCHN; /* a file descriptor */

/* What libvchan_is_open() returns. */
#define VCHAN_DISCONNECTED 0 /* the peer closed it, died, or broke the rules; what it sent before can still be read */
#define VCHAN_CONNECTED    1
#define VCHAN_WAITING      2 /* a server whose client has not come yet */

struct libvchan;
typedef struct libvchan libvchan_t;

/*
 * Offers a channel to `domain`, with room for at least `read_min` and `write_min` bytes (each at most 1 MiB). Does not
 * wait. Returns nullptr with errno set on failure. The caller ends it with libvchan_close().
 */
libvchan_t *libvchan_server_init(int domain, int port, size_t read_min, size_t write_min);

/* Connects to a server in `domain`, waiting until there is one. Returns nullptr with errno set on failure. */
libvchan_t *libvchan_client_init(int domain, int port);

/*
 * The same without waiting: when *watch_fd is readable call _finish(), until that returns 0 (connected). It returns 1
 * while there is no server yet (if `blocking`, it waits instead) and -1 on failure; then call libvchan_close().
 */
libvchan_t *libvchan_client_init_async(int domain, int port, EVTCHN *watch_fd);
int libvchan_client_init_async_finish(libvchan_t *ctrl, bool blocking);

/* Writes all `size` bytes, waiting for room. Returns `size`. */
int libvchan_write(libvchan_t *ctrl, const void *data, size_t size);

/* The same, but the peer sees all of it at once; `size` may not exceed the ring. */
int libvchan_send(libvchan_t *ctrl, const void *data, size_t size);

/* Reads what is there, at most `size` bytes, waiting for the first. Returns how many. */
int libvchan_read(libvchan_t *ctrl, void *data, size_t size);

/* Reads exactly `size` bytes at once, waiting for them; `size` may not exceed the ring. Returns `size`. */
int libvchan_recv(libvchan_t *ctrl, void *data, size_t size);

/* Waits for the peer to do something and forgets that it did. Returns 0, also on false alarms. */
int libvchan_wait(libvchan_t *ctrl);

/* Readable when libvchan_wait() would not block. Also call that function when it is, or it stays readable. */
EVTCHN libvchan_fd_for_select(libvchan_t *ctrl);

int libvchan_is_open(libvchan_t *ctrl);

/* How many bytes can be read or written without waiting. The descriptor becomes readable when there are more. */
int libvchan_data_ready(libvchan_t *ctrl);
int libvchan_buffer_space(libvchan_t *ctrl);

/* Without blocking, read and write move what they can (also 0 bytes), send and recv all or nothing, wait just looks. */
void libvchan_set_blocking(libvchan_t *ctrl, bool blocking);

void libvchan_close(libvchan_t *ctrl);

#ifdef __cplusplus
}
#endif
