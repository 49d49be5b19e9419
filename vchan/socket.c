/* socket.c - transport between processes of one machine, to test programs without a hypervisor
 *
 * $VCHAN_DOMAIN is the domain number of this process (0 if unset), $VCHAN_SOCKET_DIR the folder where channels meet. A
 * server makes vchan.SERVER.CLIENT.PORT.ring, the memory, and then vchan.SERVER.CLIENT.PORT.sock; bytes on the socket
 * are the bell. The memory can be written by both sides just as granted pages can: for hostile peers it behaves like
 * the real thing.
 */
#include "vchan/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "vchan/libvchan.h"

struct transport {
    char path[80]; /* without the ending */
    int epoll;     /* what the user waits for: the listening socket, then the connection */
    int listener;  /* -1 if none */
    int peer;      /* -1 if none */
    int seek;      /* inotify on the folder, -1 if none */
    int first;     /* readable until the first look, -1 if none */
    void *memory;
    size_t size;
    ino_t ring; /* a server's file: another server may have taken the name since */
};

static const char *folder(void)
{
    const char *dir = getenv("VCHAN_SOCKET_DIR");

    return dir ? dir : "/run/vchan";
}

static int own_domain(void)
{
    const char *domain = getenv("VCHAN_DOMAIN");

    return domain ? atoi(domain) : 0;
}

static struct transport *transport_new(int server, int client, int port)
{
    struct transport *t = calloc(1, sizeof(*t));

    if (!t)
        return nullptr;
    t->listener = t->peer = t->seek = t->first = -1;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    int n = snprintf(t->path, sizeof(t->path), "%s/vchan.%d.%d.%d", folder(), server, client, port);
    if (n >= (int)sizeof(t->path) || t->epoll < 0) {
        errno = n >= (int)sizeof(t->path) ? ENAMETOOLONG : errno;
        if (t->epoll >= 0)
            close(t->epoll);
        free(t);
        return nullptr;
    }
    return t;
}

static void watch(struct transport *t, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void forget(int *fd)
{
    if (*fd >= 0)
        close(*fd); /* also leaves the epoll set: nobody else holds a copy */
    *fd = -1;
}

static const char *name(const struct transport *t, const char *ending, char out[static 108])
{
    snprintf(out, 108, "%s.%s", t->path, ending);
    return out;
}

/* Page, then the left and the right ring's pages. */
static int map_memory(struct transport *t, unsigned int left, unsigned int right, int fd, struct ring *ring,
                      bool is_server)
{
    t->size = (size_t)RING_PAGE * (1 + ring_pages(left) + ring_pages(right));
    struct stat status;

    if (is_server && (ftruncate(fd, (off_t)t->size) < 0 || fstat(fd, &status) < 0))
        return -errno;
    if (is_server)
        t->ring = status.st_ino;
    t->memory = mmap(nullptr, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (t->memory == MAP_FAILED) {
        t->memory = nullptr;
        return -errno;
    }
    uint8_t *bytes = t->memory;
    if (is_server)
        ring_format(t->memory, left, right);
    ring_attach(ring, t->memory, is_server, left, right, bytes + RING_PAGE,
                bytes + RING_PAGE + (size_t)RING_PAGE * ring_pages(left));
    return 0;
}

static int listen_at(struct transport *t)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char final[108];

    t->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    name(t, "new", address.sun_path);
    unlink(address.sun_path);
    if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(t->listener, 1) < 0)
        return -errno;
    /* Renamed when it listens: who sees the name can connect. */
    return rename(address.sun_path, name(t, "sock", final)) < 0 ? -errno : 0;
}

static void withdraw(struct transport *t)
{
    char path[108];

    struct stat status;

    if (t->listener < 0)
        return;
    if (stat(name(t, "ring", path), &status) == 0 && status.st_ino == t->ring) {
        unlink(path);
        unlink(name(t, "sock", path));
    }
    forget(&t->listener);
}

struct transport *transport_serve(int domain, int port, unsigned int left, unsigned int right, struct ring *ring)
{
    struct transport *t = transport_new(own_domain(), domain, port);
    char path[108];

    if (!t)
        return nullptr;
    /* A new file: an earlier server's one may still be mapped by its client. */
    unlink(name(t, "sock", path));
    unlink(name(t, "ring", path));
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : map_memory(t, left, right, fd, ring, true);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        r = listen_at(t);
    if (r < 0) {
        transport_close(t, ring);
        errno = -r;
        return nullptr;
    }
    watch(t, t->listener);
    return t;
}

struct transport *transport_seek(int domain, int port)
{
    struct transport *t = transport_new(domain, own_domain(), port);

    if (!t)
        return nullptr;
    /* The server may be there already: as with a watch of xenstore, the first look is due at once. */
    t->first = eventfd(1, EFD_CLOEXEC);
    t->seek = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (t->first < 0 || t->seek < 0 || inotify_add_watch(t->seek, folder(), IN_MOVED_TO | IN_DELETE_SELF) < 0) {
        int error = errno;
        struct ring none = {};
        transport_close(t, &none);
        errno = error;
        return nullptr;
    }
    watch(t, t->seek);
    watch(t, t->first);
    return t;
}

int transport_seek_fd(const struct transport *t)
{
    return t->epoll;
}

static int attach_client(struct transport *t, int fd, struct ring *ring)
{
    struct vchan_interface untrusted_head;
    struct stat status;

    if (pread(fd, &untrusted_head, sizeof(untrusted_head), 0) != sizeof(untrusted_head) || fstat(fd, &status) < 0)
        return -EPROTO;
    unsigned int left = untrusted_head.left_order, right = untrusted_head.right_order;
    if (!ring_orders_valid(left, right) ||
        status.st_size < (off_t)RING_PAGE * (off_t)(1 + ring_pages(left) + ring_pages(right)))
        return -EPROTO;
    return map_memory(t, left, right, fd, ring, false);
}

int transport_found(struct transport *t, struct ring *ring)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char events[4096], path[108];

    forget(&t->first);
    while (read(t->seek, events, sizeof(events)) > 0)
        ; /* whatever changed, look */
    /* The ring first: the server takes both names away as soon as somebody connected. */
    int fd = open(name(t, "ring", path), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 1 : -errno;
    t->peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    name(t, "sock", address.sun_path);
    if (t->peer < 0 || connect(t->peer, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        forget(&t->peer);
        return 1; /* not yet, or a leftover of a server that died */
    }
    int r = attach_client(t, fd, ring);
    close(fd);
    if (r < 0)
        return r;
    forget(&t->seek);
    watch(t, t->peer);
    return 0;
}

static void accept_client(struct transport *t)
{
    t->peer = accept4(t->listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (t->peer < 0)
        return;
    withdraw(t);
    watch(t, t->peer);
}

void transport_notify(struct transport *t)
{
    /* A client works on the ring as soon as it has it: it may wait for this bell before we knew of it. */
    if (t->listener >= 0)
        accept_client(t);
    if (t->peer >= 0) /* a full socket has rung already */
        send(t->peer, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int transport_fd(const struct transport *t)
{
    return t->epoll;
}

static void silence(struct transport *t, struct ring *ring)
{
    char bells[256];
    ssize_t n;

    do
        n = recv(t->peer, bells, sizeof(bells), MSG_DONTWAIT);
    while (n == sizeof(bells));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        ring_set_peer_gone(ring);
        forget(&t->peer);
    }
}

int transport_wait(struct transport *t, struct ring *ring, int timeout)
{
    struct epoll_event event;
    int n = epoll_wait(t->epoll, &event, 1, timeout);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return 0;
    if (event.data.fd == t->listener)
        accept_client(t);
    else if (event.data.fd == t->peer)
        silence(t, ring);
    return 0;
}

void transport_close(struct transport *t, struct ring *ring)
{
    if (ring->page) {
        ring_set_live(ring, VCHAN_DISCONNECTED);
        transport_notify(t);
    }
    withdraw(t);
    forget(&t->peer);
    forget(&t->seek);
    forget(&t->first);
    forget(&t->epoll);
    if (t->memory)
        munmap(t->memory, t->size);
    free(t);
}
