/* call.c - see call.h */
#include "toolstack/rpc/call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/pump.h"
#include "common/rpc/reader.h"

const char *rpc_socket_folder(void)
{
    const char *folder = secure_getenv("QREXEC_DIR");

    return folder ? folder : "/run/qubes";
}

static int send_message(int fd, enum rpc_type type, const void *part1, size_t size1, const char *part2)
{
    size_t size2 = part2 ? strlen(part2) + 1 : 0;
    struct rpc_header header = {.type = type, .length = (uint32_t)(size1 + size2)};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)part1, size1}, {(void *)part2, size2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

    if (size2 > RPC_COMMAND_MAX)
        return -E2BIG;
    /* The socket blocks: all or an error, but for a signal in between, which ends these programs. */
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    return n < 0 ? -errno : n == (ssize_t)(sizeof(header) + size1 + size2) ? 0 : -EPIPE;
}

/* The daemon is trusted, but a message that is not what we expect is still an error. */
static int receive_message(int fd, struct rpc_reader *reader)
{
    int r = 0;

    while (r == 0) {
        void *where;
        size_t want = rpc_reader_space(reader, &where);
        ssize_t n = recv(fd, where, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        r = rpc_reader_added(reader, (size_t)n);
    }
    return r < 0 ? r : 0;
}

int rpc_connect(const char *vm)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint32_t version = RPC_VERSION;
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/qrexec.%s", rpc_socket_folder(), vm);

    if (n >= (int)sizeof(address.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    if (r == 0)
        r = send_message(fd, RPC_HELLO, &version, sizeof(version), nullptr);
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int rpc_request(int daemon, enum rpc_type type, uint32_t domain, uint32_t port, const char *command)
{
    struct rpc_exec exec = {.domain = domain, .port = port};

    return send_message(daemon, type, &exec, sizeof(exec), command);
}

int rpc_refuse(int daemon, const char *ident)
{
    struct rpc_ident body = {};

    strncpy(body.ident, ident, sizeof(body.ident) - 1);
    return send_message(daemon, RPC_SERVICE_REFUSED, &body, sizeof(body), nullptr);
}

int rpc_answer(int daemon, struct rpc_exec *where)
{
    struct rpc_reader *reader = malloc(sizeof(*reader));
    int r;

    if (!reader)
        return -ENOMEM;
    rpc_reader_init(reader, RPC_DAEMON_TO_CLIENT);
    r = receive_message(daemon, reader); /* its greeting */
    if (r == 0) {
        rpc_reader_next(reader);
        r = receive_message(daemon, reader);
    }
    if (r == 0)
        memcpy(where, reader->body, sizeof(*where));
    free(reader);
    return r;
}

int rpc_call_run(int daemon, const struct rpc_call *call)
{
    struct rpc_exec where;
    int r = rpc_request(daemon, RPC_EXEC, 0, 0, call->command);

    if (r == 0)
        r = rpc_answer(daemon, &where);
    if (r < 0) {
        log_error("the qrexec daemon of '%s' does not answer: %s", call->vm, strerror(-r));
        return RPC_EXIT_FAILURE;
    }
    libvchan_t *channel = libvchan_server_init((int)where.domain, (int)where.port, RPC_BUFFER, RPC_BUFFER);
    if (!channel) {
        log_error("cannot open a channel to '%s': %s", call->vm, strerror(errno));
        return RPC_EXIT_FAILURE;
    }
    int code = pump_caller_run(&(struct pump_caller){
        .channel = channel,
        .in = call->in,
        .out = call->out,
        .err = call->err,
        .control = daemon,
        .filter_out = call->filter_out,
        .filter_err = call->filter_err,
        .owns_fds = call->owns_fds,
    });
    libvchan_close(channel);
    return code;
}

int rpc_call_start(int daemon, const char *vm, const char *command)
{
    struct rpc_exec where;
    int r = rpc_request(daemon, RPC_JUST_EXEC, 0, 0, command);

    if (r == 0)
        r = rpc_answer(daemon, &where);
    if (r < 0)
        log_error("the qrexec daemon of '%s' does not answer: %s", vm, strerror(-r));
    return r < 0 ? RPC_EXIT_FAILURE : 0;
}
