/* clients.c - the daemon's local socket: programs of dom0 that want commands run in this VM */
#include "toolstack/rpc/daemon.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/log.h"
#include "toolstack/rpc/call.h"

struct client {
    struct daemon *daemon;
    struct client *next;
    struct rpc_link link;
    sd_event_source *source;
};

static void client_free(struct client *client)
{
    struct daemon *daemon = client->daemon;

    for (struct client **at = &daemon->clients; *at; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    /* A port is used again only when both its sides have let go. */
    for (unsigned int i = 0; i < RPC_CALLS_MAX; i++)
        if (daemon->calls[i].client == client)
            daemon->calls[i].client = nullptr;
    sd_event_source_unref(client->source);
    rpc_link_close(&client->link);
    free(client);
}

/* In turn and not the first that is free: between two VMs one side may still be closing when the other says that it is
 * over. */
static uint32_t port_take(struct daemon *daemon, struct client *client)
{
    for (unsigned int n = 0; n < RPC_CALLS_MAX; n++) {
        unsigned int i = (daemon->next_call + n) % RPC_CALLS_MAX;

        if (daemon->calls[i].used || daemon->calls[i].client)
            continue;
        daemon->calls[i] = (struct call){.used = true, .client = client};
        daemon->next_call = i + 1;
        return RPC_FIRST_PORT + i;
    }
    return 0;
}

void clients_call_ended(struct daemon *daemon, uint32_t untrusted_port)
{
    if (untrusted_port < RPC_FIRST_PORT || untrusted_port >= RPC_FIRST_PORT + RPC_CALLS_MAX)
        return;
    struct call *call = &daemon->calls[untrusted_port - RPC_FIRST_PORT];
    call->used = false;
    /* A client that still waits for its process learns by this that it will not come; others have what they want. */
    if (call->client)
        shutdown(rpc_link_fd(&call->client->link), SHUT_WR);
}

/* "DEFAULT:" stands for the VM's default user. Returns what to send before the rest of the command, which is advanced.
 */
static const char *user_of(const struct daemon *daemon, const char **command)
{
    static const char word[] = "DEFAULT:";

    if (strncmp(*command, word, sizeof(word) - 1) != 0)
        return "";
    *command += sizeof(word) - 2; /* the colon stays */
    return daemon->default_user;
}

static int run_command(struct client *client, enum rpc_type type, const struct rpc_exec *asked)
{
    struct daemon *daemon = client->daemon;
    struct rpc_exec to_agent = {.domain = asked->domain};
    struct rpc_exec to_client = {.domain = daemon->domain};
    const char *rest = asked->command;
    const char *user = user_of(daemon, &rest);
    char *command = nullptr;

    if (type == RPC_EXEC)
        to_agent.port = to_client.port = port_take(daemon, client);
    if (type == RPC_EXEC && !to_agent.port) {
        log_warning("%u calls are open, the limit; one more was refused", RPC_CALLS_MAX);
        return -EBUSY;
    }
    int length = asprintf(&command, "%s%s", user, rest);
    if (length < 0 || length >= (int)RPC_COMMAND_MAX) {
        free(length < 0 ? nullptr : command);
        return -E2BIG;
    }
    daemon_tell_agent(daemon, type, &to_agent, sizeof(to_agent), command, (size_t)length + 1);
    free(command);
    return rpc_link_send(&client->link, type, &to_client, sizeof(to_client), "", 1);
}

/*
 * The answer to a request of this VM. Where the other side is dom0 itself the port comes from here: the VM serves it,
 * so it only must differ from those of its other calls to dom0.
 */
static int connect_service(struct client *client, const struct rpc_header *header, const struct rpc_exec *asked)
{
    struct daemon *daemon = client->daemon;
    struct rpc_exec where = {.domain = asked->domain, .port = asked->port};
    size_t ident = header->length - sizeof(where);

    if (where.domain == 0) {
        where.port = port_take(daemon, client);
        if (!where.port)
            return -EBUSY;
        daemon->calls[where.port - RPC_FIRST_PORT].used = false;
        struct rpc_exec back = {.domain = daemon->domain, .port = where.port};
        int r = rpc_link_send(&client->link, RPC_EXEC, &back, sizeof(back), "", 1);
        if (r < 0)
            return r;
    }
    daemon_tell_agent(daemon, RPC_SERVICE_CONNECT, &where, sizeof(where), asked->command, ident);
    return 0;
}

static int client_message(void *context, const struct rpc_header *header, const void *body)
{
    struct client *client = context;

    switch (header->type) {
    case RPC_HELLO: return 0;
    case RPC_EXEC:
    case RPC_JUST_EXEC: return run_command(client, header->type, body);
    case RPC_SERVICE_CONNECT: return connect_service(client, header, body);
    default: /* a refusal: for the agent as it is */
        daemon_tell_agent(client->daemon, header->type, body, header->length, nullptr, 0);
        return 0;
    }
}

static int client_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct client *client = context;

    if (rpc_link_run(&client->link, client_message, client) < 0)
        client_free(client);
    return 0;
}

static int client_arrived(sd_event_source *source, int listener, uint32_t events, void *context)
{
    struct daemon *daemon = context;
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    struct client *client = fd < 0 ? nullptr : calloc(1, sizeof(*client));

    if (!client) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    client->daemon = daemon;
    client->next = daemon->clients;
    daemon->clients = client;
    int r = rpc_link_init(&client->link, nullptr, fd, RPC_CLIENT_TO_DAEMON);
    if (r == 0)
        r = sd_event_add_io(daemon->event, &client->source, fd, EPOLLIN, client_ready, client);
    if (r < 0)
        client_free(client);
    return 0;
}

static void socket_name(const struct daemon *daemon, const char *suffix, char out[static 108])
{
    snprintf(out, 108, "%s/qrexec.%s%s", rpc_socket_folder(), daemon->name, suffix);
}

/* Members of group qubes may use VMs. */
static void admit_group(const char *path)
{
    const struct group *group = getgrnam("qubes");

    if (group && chown(path, 0, group->gr_gid) < 0)
        log_warning("cannot give %s to group qubes: %m", path);
}

int clients_listen(struct daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char final[108];

    if (mkdir(rpc_socket_folder(), 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socket_name(daemon, ".new", address.sun_path);
    socket_name(daemon, "", final);
    unlink(address.sun_path);
    mode_t mask = umask(0117);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    if (r == 0)
        admit_group(address.sun_path);
    /* Renamed when it is complete: who sees the name can connect. */
    if (r == 0 && (listen(fd, 64) < 0 || rename(address.sun_path, final) < 0))
        r = -errno;
    if (r == 0)
        r = sd_event_add_io(daemon->event, nullptr, fd, EPOLLIN, client_arrived, daemon);
    if (r < 0)
        close(fd);
    else
        daemon->listener = fd;
    return r < 0 ? r : 0;
}

void clients_close(struct daemon *daemon)
{
    char path[108];

    if (daemon->listener >= 0) {
        socket_name(daemon, "", path);
        unlink(path);
        close(daemon->listener);
    }
    while (daemon->clients)
        client_free(daemon->clients);
}
