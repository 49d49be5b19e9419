#include "handle.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* XENSTORED_PATH may name a socket or a device. */
static int connect_to(const char *path, bool *is_socket)
{
    struct stat status;

    if (stat(path, &status))
        return -1;
    *is_socket = S_ISSOCK(status.st_mode);
    return *is_socket ? connect_socket(path) : open(path, O_RDWR | O_CLOEXEC);
}

static int connect_anywhere(unsigned long flags, bool *is_socket)
{
    int fd = connect_to(xs_daemon_socket(), is_socket);

    if (fd < 0 && !(flags & XS_OPEN_SOCKETONLY))
        fd = connect_to("/dev/xen/xenbus", is_socket);
    if (fd < 0 && !(flags & XS_OPEN_SOCKETONLY))
        fd = connect_to("/proc/xen/xenbus", is_socket);
    return fd;
}

static bool make_pollable(struct xs_handle *h)
{
    struct epoll_event in = {.events = EPOLLIN};

    h->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    h->flag_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return h->poll_fd >= 0 && h->flag_fd >= 0 && epoll_ctl(h->poll_fd, EPOLL_CTL_ADD, h->fd, &in) == 0 &&
           epoll_ctl(h->poll_fd, EPOLL_CTL_ADD, h->flag_fd, &in) == 0;
}

static void close_all(struct xs_handle *h)
{
    if (h->fd >= 0)
        close(h->fd);
    if (h->poll_fd >= 0)
        close(h->poll_fd);
    if (h->flag_fd >= 0)
        close(h->flag_fd);
}

static void destroy(struct xs_handle *h)
{
    int error = errno;

    close_all(h);
    while (h->events) {
        struct message *event = h->events;

        h->events = event->next;
        free(event);
    }
    free(h->answer);
    pthread_mutex_destroy(&h->request_lock);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
    free(h);
    errno = error;
}

struct xs_handle *xs_open(unsigned long flags)
{
    struct xs_handle *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->poll_fd = h->flag_fd = -1;
    h->filter = flags & XS_UNWATCH_FILTER;
    h->events_end = &h->events;
    pthread_mutex_init(&h->request_lock, NULL);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    h->fd = connect_anywhere(flags, &h->is_socket);
    if (h->fd >= 0 && make_pollable(h))
        return h;
    destroy(h);
    return NULL;
}

void xs_close(struct xs_handle *h)
{
    if (h)
        destroy(h);
}

struct xs_handle *xs_daemon_open(void)
{
    return xs_open(0);
}

struct xs_handle *xs_domain_open(void)
{
    return xs_open(0);
}

struct xs_handle *xs_daemon_open_readonly(void)
{
    return xs_open(XS_OPEN_READONLY);
}

void xs_daemon_close(struct xs_handle *h)
{
    xs_close(h);
}

void xs_daemon_destroy_postfork(struct xs_handle *h)
{
    /* Locks may be held by threads that do not exist here: only descriptors and memory are given back. */
    close_all(h);
    free(h);
}

int xs_fileno(struct xs_handle *h)
{
    return h->poll_fd;
}

static bool read_all(int fd, void *out, size_t bytes)
{
    char *at = out;

    while (bytes) {
        ssize_t got = read(fd, at, bytes);

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got == 0)
            errno = EPIPE;
        if (got <= 0)
            return false;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* The next message, waiting for it. */
static struct message *read_message(int fd)
{
    struct xsd_sockmsg header;
    struct message *message;

    if (!read_all(fd, &header, sizeof(header)))
        return NULL;
    if (header.len > XENSTORE_PAYLOAD_MAX) {
        errno = EIO;
        return NULL;
    }
    message = malloc(sizeof(*message) + header.len + 1);
    if (!message)
        return NULL;
    *message = (struct message){.header = header};
    message->payload[header.len] = '\0';
    if (read_all(fd, message->payload, header.len))
        return message;
    free(message);
    return NULL;
}

/* The flag is up exactly while events wait. */
static void raise_flag(struct xs_handle *h)
{
    eventfd_write(h->flag_fd, 1);
}

static void lower_flag(struct xs_handle *h)
{
    eventfd_t ignored;

    eventfd_read(h->flag_fd, &ignored);
}

/* Two strings, or it is no event. */
static bool is_event(const struct message *message)
{
    size_t path = strlen(message->payload) + 1;

    return path < message->header.len && path + strlen(message->payload + path) + 1 <= message->header.len;
}

static void hand_over(struct xs_handle *h, struct message *message)
{
    if (message->header.type != XS_WATCH_EVENT) {
        free(h->answer); /* one that nobody waits for any more */
        h->answer = message;
    } else if (!is_event(message)) {
        free(message);
    } else {
        if (!h->events)
            raise_flag(h);
        *h->events_end = message;
        h->events_end = &message->next;
    }
}

/* With the lock held: waits until one more message has been handed over, by us or by another thread. */
static void wait_for_message(struct xs_handle *h)
{
    struct message *message;

    if (h->reading) {
        pthread_cond_wait(&h->changed, &h->lock);
        return;
    }
    h->reading = true;
    pthread_mutex_unlock(&h->lock);
    message = read_message(h->fd);
    pthread_mutex_lock(&h->lock);
    h->reading = false;
    if (message)
        hand_over(h, message);
    else
        h->dead = errno;
    pthread_cond_broadcast(&h->changed);
}

static bool something_arrived(const struct xs_handle *h)
{
    struct pollfd poll_fd = {h->fd, POLLIN, 0};

    return poll(&poll_fd, 1, 0) > 0;
}

struct message *handle_event(struct xs_handle *h, bool wait)
{
    struct message *event;
    int error;

    pthread_mutex_lock(&h->lock);
    while (!h->events && !h->dead && (wait || (!h->reading && something_arrived(h))))
        wait_for_message(h);
    event = h->events;
    error = h->dead ? h->dead : EAGAIN;
    if (event) {
        h->events = event->next;
        if (!h->events) {
            h->events_end = &h->events;
            lower_flag(h);
        }
    }
    pthread_mutex_unlock(&h->lock);
    if (!event)
        errno = error;
    return event;
}

static bool event_matches(const struct message *event, const char *path, const char *token)
{
    return strcmp(event->payload + strlen(event->payload) + 1, token) == 0 &&
           (strcmp(path, event->payload) == 0 || xs_path_is_subpath(path, event->payload));
}

void handle_forget(struct xs_handle *h, const char *path, const char *token)
{
    struct message **slot = &h->events;

    pthread_mutex_lock(&h->lock);
    while (*slot) {
        struct message *event = *slot;

        if (event_matches(event, path, token)) {
            *slot = event->next;
            free(event);
        } else {
            slot = &event->next;
        }
    }
    h->events_end = slot;
    if (!h->events)
        lower_flag(h);
    pthread_mutex_unlock(&h->lock);
}

static bool write_parts(const struct xs_handle *h, const struct xsd_sockmsg *header, const struct part parts[],
                        unsigned count)
{
    char bytes[sizeof(*header) + XENSTORE_PAYLOAD_MAX], *at = bytes;
    size_t left;

    at = mempcpy(at, header, sizeof(*header));
    for (unsigned i = 0; i < count; i++)
        at = mempcpy(at, parts[i].data, parts[i].bytes);
    left = (size_t)(at - bytes);
    at = bytes;
    while (left) {
        ssize_t put = h->is_socket ? send(h->fd, at, left, MSG_NOSIGNAL) : write(h->fd, at, left);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        at += put;
        left -= (size_t)put;
    }
    return true;
}

static struct message *wait_for_answer(struct xs_handle *h)
{
    struct message *answer;

    pthread_mutex_lock(&h->lock);
    while (!h->answer && !h->dead)
        wait_for_message(h);
    answer = h->answer;
    h->answer = NULL;
    if (!answer)
        errno = h->dead;
    pthread_mutex_unlock(&h->lock);
    return answer;
}

static int errno_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (strcmp(name, xsd_errors[i].errstring) == 0)
            return xsd_errors[i].errnum;
    return EINVAL;
}

static struct message *check(struct message *answer, uint32_t type)
{
    int error = EIO;

    if (!answer || answer->header.type == type)
        return answer;
    if (answer->header.type == XS_ERROR)
        error = errno_of_name(answer->payload);
    free(answer);
    errno = error;
    return NULL;
}

struct message *handle_request(struct xs_handle *h, uint32_t type, xs_transaction_t t, const struct part parts[],
                               unsigned count)
{
    struct xsd_sockmsg header = {.type = type, .tx_id = t};
    struct message *answer = NULL;
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].bytes;
    if (bytes > XENSTORE_PAYLOAD_MAX) {
        errno = E2BIG;
        return NULL;
    }
    header.len = (uint32_t)bytes;
    pthread_mutex_lock(&h->request_lock);
    if (write_parts(h, &header, parts, count))
        answer = wait_for_answer(h);
    pthread_mutex_unlock(&h->request_lock);
    return check(answer, type);
}
