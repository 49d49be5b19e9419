#include "sockets.h"
#include "common/log.h"
#include "connection.h"
#include "memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READS_AT_ONCE 32 /* then others get their turn */

struct client {
    int fd;
    sd_event_source *io;
    sd_event_source *later;
    struct connection *connection;
};

static void destroy(struct client *client)
{
    sd_event_source_disable_unref(client->io);
    sd_event_source_disable_unref(client->later);
    connection_destroy(client->connection);
    close(client->fd);
    free(client);
}

static void update(struct client *client)
{
    size_t bytes;
    uint32_t events = connection_room(client->connection) ? EPOLLIN : 0;

    if (connection_output(client->connection, &bytes))
        events |= EPOLLOUT;
    sd_event_source_set_io_events(client->io, events);
}

/* Output appeared, or the connection broke, while somebody else was served. */
static void on_ready(void *context)
{
    struct client *client = context;

    sd_event_source_set_enabled(client->later, SD_EVENT_ONESHOT);
}

static int on_later(sd_event_source *source, void *context)
{
    struct client *client = context;

    if (client->connection->broken)
        destroy(client);
    else
        update(client);
    return 0;
}

static bool again(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False at the end of the connection. */
static bool receive(struct client *client)
{
    char untrusted[XENSTORE_PAYLOAD_MAX];
    size_t room;

    for (int i = 0; i < READS_AT_ONCE && (room = connection_room(client->connection)); i++) {
        ssize_t got = recv(client->fd, untrusted, room < sizeof(untrusted) ? room : sizeof(untrusted), MSG_DONTWAIT);

        if (again(got))
            return true;
        if (got <= 0)
            return false;
        connection_input(client->connection, untrusted, (size_t)got);
        if (client->connection->broken)
            return false;
    }
    return true;
}

static bool send_output(struct client *client)
{
    size_t bytes;
    const void *data;

    while ((data = connection_output(client->connection, &bytes))) {
        ssize_t put = send(client->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (again(put))
            return true;
        if (put < 0)
            return false;
        connection_sent(client->connection, (size_t)put);
    }
    return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct client *client = context;
    bool open = !(events & EPOLLIN) || receive(client);

    if (open)
        open = send_output(client);
    if (events & EPOLLERR || (events & EPOLLHUP && !(events & EPOLLIN)))
        open = false;
    if (open)
        update(client);
    else
        destroy(client);
    return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct store *store = context;
    sd_event *event = sd_event_source_get_event(source);
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client;

    if (accepted < 0) {
        if (!again(-1))
            log_error("accept: %s", strerror(errno));
        return 0;
    }
    client = must_alloc(sizeof(*client));
    client->fd = accepted;
    client->connection = connection_create(store, 0, on_ready, client);
    if (sd_event_add_io(event, &client->io, accepted, EPOLLIN, on_io, client) < 0 ||
        sd_event_add_defer(event, &client->later, on_later, client) < 0) {
        log_error("no resources for another client");
        destroy(client);
        return 0;
    }
    sd_event_source_set_enabled(client->later, SD_EVENT_OFF);
    return 0;
}

static int fail(const char *path, int error)
{
    log_error("%s: %s", path, strerror(error));
    return -error;
}

int sockets_listen(sd_event *event, struct store *store, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd, failed;

    if (strlen(path) >= sizeof(address.sun_path))
        return fail(path, ENAMETOOLONG);
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(path, errno);
    unlink(path);
    mask = umask(0177);
    failed = bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64) ? errno : 0;
    umask(mask);
    if (failed)
        return fail(path, failed);
    return sd_event_add_io(event, NULL, fd, EPOLLIN, on_accept, store);
}
