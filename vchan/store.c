/* store.c - see store.h */
#include "vchan/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/io/xs_wire.h>

struct store {
    int fd;
    bool fired; /* a watch event came while waiting for a reply */
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    uint32_t length;
};

static int connect_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct store *store_open(void)
{
    const char *path = getenv("XENSTORED_PATH");
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return nullptr;
    store->fd = connect_socket(path ? path : "/run/xenstored/socket");
    if (store->fd < 0 && !path)
        store->fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    if (store->fd < 0) {
        free(store);
        return nullptr;
    }
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    close(store->fd);
    free(store);
}

static int read_all(int fd, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)data + done, size - done);

        if (n == 0)
            return -EPIPE;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

/* One message into the buffer, with a NUL behind it. Returns its type. */
static int receive(struct store *store)
{
    struct xsd_sockmsg head;
    int r = read_all(store->fd, &head, sizeof(head));

    if (r < 0)
        return r;
    if (head.len > XENSTORE_PAYLOAD_MAX || head.type > INT16_MAX)
        return -EPROTO;
    r = read_all(store->fd, store->payload, head.len);
    if (r < 0)
        return r;
    store->length = head.len;
    store->payload[head.len] = 0;
    return (int)head.type;
}

static int errno_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"ENOENT", ENOENT}, {"EACCES", EACCES}, {"EINVAL", EINVAL}, {"EEXIST", EEXIST}, {"ENOSPC", ENOSPC},
                 {"EAGAIN", EAGAIN}, {"EPERM", EPERM},   {"ENOSYS", ENOSYS}, {"ENOMEM", ENOMEM}, {"E2BIG", E2BIG}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].number;
    return EIO;
}

/* Sends `first`, a NUL, and `size` bytes of `rest`; then waits for the answer, which stays in the buffer. */
static int request(struct store *store, uint32_t type, const char *first, const void *rest, size_t size)
{
    char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    size_t length = strlen(first) + 1;
    struct xsd_sockmsg head = {.type = type, .len = (uint32_t)(length + size)};

    if (length + size > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    memcpy(message, &head, sizeof(head));
    memcpy(message + sizeof(head), first, length);
    if (size)
        memcpy(message + sizeof(head) + length, rest, size);
    size_t total = sizeof(head) + head.len;
    for (size_t done = 0; done < total;) {
        ssize_t n = write(store->fd, message + done, total - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    for (;;) {
        int got = receive(store);

        if (got < 0)
            return got;
        if (got == XS_ERROR)
            return -errno_of(store->payload);
        if (got != XS_WATCH_EVENT)
            return got == (int)type ? 0 : -EPROTO;
        store->fired = true;
    }
}

int store_read_number(struct store *store, const char *path, uint32_t *value)
{
    char *end;
    int r = request(store, XS_READ, path, nullptr, 0);

    if (r < 0)
        return r;
    if (store->length == 0 || store->payload[0] < '0' || store->payload[0] > '9')
        return -EPROTO;
    unsigned long number = strtoul(store->payload, &end, 10);
    if (*end || number > UINT32_MAX)
        return -EPROTO;
    *value = (uint32_t)number;
    return 0;
}

int store_publish(struct store *store, const char *path, uint32_t value, unsigned int owner, unsigned int reader)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%u", value);
    int r = request(store, XS_WRITE, path, text, (size_t)n);

    if (r < 0)
        return r;
    n = snprintf(text, sizeof(text), "n%u%cr%u", owner, 0, reader);
    return request(store, XS_SET_PERMS, path, text, (size_t)n + 1);
}

int store_remove(struct store *store, const char *path)
{
    return request(store, XS_RM, path, nullptr, 0);
}

int store_own_domain(struct store *store, unsigned int *domain)
{
    uint32_t value = 0;
    int r = store_read_number(store, "domid", &value);

    if (r < 0 && r != -ENOENT)
        return r;
    *domain = value;
    return 0;
}

int store_domain_exists(struct store *store, unsigned int domain)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", domain);
    int r = request(store, XS_IS_DOMAIN_INTRODUCED, text, nullptr, 0);
    return r < 0 ? r : store->payload[0] == 'T';
}

int store_watch(struct store *store, const char *path)
{
    return request(store, XS_WATCH, path, "v", 2);
}

int store_fd(const struct store *store)
{
    return store->fd;
}

int store_fired(struct store *store)
{
    struct pollfd ready = {.fd = store->fd, .events = POLLIN};
    bool fired = store->fired;

    store->fired = false;
    while (poll(&ready, 1, 0) > 0) {
        int type = receive(store);

        if (type < 0)
            return type;
        fired |= type == XS_WATCH_EVENT;
    }
    return fired;
}
