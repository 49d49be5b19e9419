/* pump.c - see pump.h
 *
 * poll() and not an event loop: standard input may be a regular file, which epoll refuses.
 */
#include "common/rpc/pump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/reader.h"
#include "common/text.h"

enum { PIECE = 4096 }; /* a pipe that polls writable takes this much without blocking */

/* Local data that goes into the channel. */
struct source {
    int fd; /* -1: ended or none */
    enum rpc_type type;
};

/* Channel data that goes to a local descriptor. */
struct sink {
    int fd; /* -1: closed or not wanted, data is dropped */
    enum rpc_type type;
    bool filtered;
    struct text_filter filter;
};

struct pump {
    libvchan_t *channel;
    bool is_caller;
    bool owns_fds;
    struct source sources[2];
    struct sink sinks[2];
    int control;
    bool control_always;
    int pidfd; /* -1: ended or none */
    pid_t pid;
    uint32_t chunk;     /* 0 until the peer said hello */
    uint32_t exit_code; /* of the process */
    bool finished;
    bool output_lost; /* whoever read our output went away */
    struct rpc_reader reader;
    uint8_t out[PIECE + 8]; /* what the current message still has to write */
    size_t out_at, out_end;
    size_t body_at; /* how much of the reader's body was taken into `out` */
    struct sink *out_to;
    uint8_t message[sizeof(struct rpc_header) + RPC_CHUNK]; /* being sent */
};

/* The caller made sure that there is room. */
static int say(struct pump *p, enum rpc_type type, const void *body, uint32_t length)
{
    struct rpc_header header = {.type = type, .length = length};

    memcpy(p->message, &header, sizeof(header));
    if (body)
        memcpy(p->message + sizeof(header), body, length);
    size_t size = sizeof(header) + length;
    return libvchan_send(p->channel, p->message, size) == (int)size ? 0 : -EPIPE;
}

static void close_sink(struct pump *p, struct sink *sink)
{
    char rest[4];
    size_t n = sink->filtered ? text_filter_end(&sink->filter, rest) : 0;

    if (sink->fd >= 0 && n && write(sink->fd, rest, n) < 0)
        p->output_lost = true;
    if (p->owns_fds && sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
}

static void close_source(struct pump *p, struct source *source)
{
    if (p->owns_fds && source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

static void close_all(struct pump *p)
{
    for (int i = 0; i < 2; i++) {
        close_sink(p, &p->sinks[i]);
        close_source(p, &p->sources[i]);
    }
}

/* Reads once from a ready source and sends it. */
static void feed(struct pump *p, struct source *source, uint32_t room)
{
    uint32_t limit = room - (uint32_t)sizeof(struct rpc_header);
    ssize_t n = read(source->fd, p->message + sizeof(struct rpc_header), limit < p->chunk ? limit : p->chunk);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* EIO is how a terminal ends */
        close_source(p, source);
        n = 0;
    }
    /* A peer that has left may have said how it ended: what it sent is read before that counts. */
    if (say(p, source->type, nullptr, (uint32_t)n) < 0)
        for (int i = 0; i < 2; i++)
            close_source(p, &p->sources[i]);
}

static uint32_t room_for(struct pump *p)
{
    int room = libvchan_buffer_space(p->channel);

    return p->chunk && room > (int)sizeof(struct rpc_header) ? (uint32_t)room : 0;
}

static int hello(struct pump *p)
{
    uint32_t untrusted_version;

    memcpy(&untrusted_version, p->reader.body, sizeof(untrusted_version));
    if (untrusted_version < RPC_VERSION_MIN)
        return -EPROTO;
    p->chunk = untrusted_version == RPC_VERSION_MIN ? RPC_CHUNK_V2 : RPC_CHUNK;
    return 0;
}

/* Takes the next piece of the current message's body to be written. Returns whether there is one. */
static bool next_piece(struct pump *p)
{
    size_t left = p->reader.header.length - p->body_at;
    size_t n = left < PIECE ? left : PIECE;
    const char *from = (const char *)p->reader.body + p->body_at;

    if (n == 0)
        return false;
    p->out_at = 0;
    p->body_at += n;
    if (p->out_to->filtered)
        p->out_end = text_filter_run(&p->out_to->filter, from, n, (char *)p->out);
    else
        memcpy(p->out, from, p->out_end = n);
    return true;
}

static void message_done(struct pump *p)
{
    p->out_to = nullptr;
    rpc_reader_next(&p->reader);
}

/* A complete message: either dealt with at once, or its data is queued for a sink. */
static int received(struct pump *p)
{
    uint32_t untrusted_code;

    switch (p->reader.header.type) {
    case RPC_HELLO: message_done(p); return hello(p);
    case RPC_EXIT_CODE:
        memcpy(&untrusted_code, p->reader.body, sizeof(untrusted_code));
        p->exit_code = untrusted_code & 0xFF;
        p->finished = true;
        message_done(p);
        return 0;
    default: break;
    }
    for (int i = 0; i < 2; i++)
        if (p->sinks[i].type == p->reader.header.type)
            p->out_to = &p->sinks[i];
    p->body_at = p->out_at = p->out_end = 0;
    if (p->reader.header.length == 0)
        close_sink(p, p->out_to);
    if (p->out_to->fd < 0 || !next_piece(p))
        message_done(p);
    return 0;
}

/* Reads messages until one has data to write, or there are no more bytes. */
static int drain(struct pump *p)
{
    while (!p->out_to && !p->finished) {
        void *where;
        size_t want = rpc_reader_space(&p->reader, &where);
        int n = want ? libvchan_read(p->channel, where, want) : 0;

        if (n < 0 || (n == 0 && want))
            return n < 0 ? -EPIPE : 0;
        int r = rpc_reader_added(&p->reader, (size_t)n);
        if (r == 1)
            r = received(p);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Writes a piece to the ready sink. */
static int flush(struct pump *p)
{
    struct sink *sink = p->out_to;
    ssize_t n = write(sink->fd, p->out + p->out_at, p->out_end - p->out_at);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0) {
        /* Nobody reads any more. For the caller that ends the call; a process may well ignore its input. */
        if (p->is_caller) {
            p->output_lost = true;
            return -errno;
        }
        close_sink(p, sink);
        message_done(p);
        return 0;
    }
    p->out_at += (size_t)n;
    if (p->out_at >= p->out_end && !next_piece(p))
        message_done(p);
    return 0;
}

static void reap(struct pump *p)
{
    siginfo_t info = {};

    if (waitid(P_PID, (id_t)p->pid, &info, WEXITED) < 0)
        return;
    p->exit_code = (uint32_t)(info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
    close(p->pidfd);
    p->pidfd = -1;
}

/* The process and all its output have ended: the last word. */
static int conclude(struct pump *p)
{
    if (p->is_caller || p->pidfd >= 0 || p->sources[0].fd >= 0 || p->sources[1].fd >= 0 || !p->chunk)
        return 0;
    if (libvchan_buffer_space(p->channel) < (int)(sizeof(struct rpc_header) + sizeof(p->exit_code)))
        return 0;
    p->finished = true;
    return say(p, RPC_EXIT_CODE, &p->exit_code, sizeof(p->exit_code));
}

enum { CHANNEL, SOURCE0, SOURCE1, SINK, PROCESS, CONTROL, POLLED };

/* One round: look at everything that is ready, wait if nothing is. */
static int turn(struct pump *p)
{
    /* Open is asked first: a peer that leaves has said its last words before. */
    int state = libvchan_is_open(p->channel);
    int r = drain(p);

    if (r == 0)
        r = conclude(p);
    if (r < 0 || p->finished)
        return r;
    if (state == VCHAN_DISCONNECTED && !p->out_to)
        return -EPIPE;
    /* What is on its way to the process may still get there, but nobody listens to it any more. */
    for (int i = 0; i < 2 && state == VCHAN_DISCONNECTED; i++)
        close_source(p, &p->sources[i]);

    bool roomy = state == VCHAN_CONNECTED && room_for(p);
    struct pollfd fds[POLLED] = {
        [CHANNEL] = {.fd = libvchan_fd_for_select(p->channel), .events = POLLIN},
        [SOURCE0] = {.fd = roomy ? p->sources[0].fd : -1, .events = POLLIN},
        [SOURCE1] = {.fd = roomy ? p->sources[1].fd : -1, .events = POLLIN},
        [SINK] = {.fd = p->out_to ? p->out_to->fd : -1, .events = POLLOUT},
        [PROCESS] = {.fd = p->pidfd, .events = POLLIN},
        [CONTROL] = {.fd = state == VCHAN_WAITING || p->control_always ? p->control : -1, .events = POLLIN},
    };
    if (poll(fds, POLLED, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[CHANNEL].revents && libvchan_wait(p->channel) < 0)
        return -EPIPE;
    if (fds[PROCESS].revents)
        reap(p);
    if (fds[SINK].revents)
        r = flush(p);
    for (int i = 0; i < 2 && r == 0; i++) {
        uint32_t room = fds[SOURCE0 + i].revents ? room_for(p) : 0;
        if (room)
            feed(p, &p->sources[i], room);
    }
    if (r == 0 && fds[CONTROL].revents && (p->control_always || libvchan_is_open(p->channel) == VCHAN_WAITING))
        return -ENOTCONN;
    return r;
}

static int run(struct pump *p)
{
    uint32_t version = RPC_VERSION;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

    sigaction(SIGPIPE, &ignore, &before);
    libvchan_set_blocking(p->channel, false);
    int r = say(p, RPC_HELLO, &version, sizeof(version));
    while (r == 0 && !p->finished)
        r = turn(p);
    sigaction(SIGPIPE, &before, nullptr);
    return r;
}

static void explain(int error)
{
    if (error == -EPROTO)
        log_error("the VM sent a message that does not belong to a call; the connection was closed");
    else if (error == -ENOTCONN)
        log_error("the VM could not start the command");
    else
        log_error("the connection to the VM broke before the command ended");
}

int pump_caller_run(const struct pump_caller *caller)
{
    struct pump *p = calloc(1, sizeof(*p));

    if (!p) {
        log_error("out of memory");
        return RPC_EXIT_FAILURE;
    }
    *p = (struct pump){
        .channel = caller->channel,
        .is_caller = true,
        .owns_fds = caller->owns_fds,
        .sources = {{caller->in, RPC_STDIN}, {.fd = -1}},
        .sinks = {{caller->out, RPC_STDOUT, caller->filter_out}, {caller->err, RPC_STDERR, caller->filter_err}},
        .control = caller->control,
        .control_always = caller->control_always,
        .pidfd = -1,
    };
    rpc_reader_init(&p->reader, RPC_PROCESS_TO_CALLER);
    int r = run(p);
    int code = r == 0 ? (int)p->exit_code : RPC_EXIT_FAILURE;
    if (p->output_lost)
        code = 128 + SIGPIPE;
    else if (r < 0)
        explain(r);
    close_all(p);
    free(p);
    return code;
}

int pump_process_run(const struct pump_process *process)
{
    struct pump *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    *p = (struct pump){
        .channel = process->channel,
        .owns_fds = true,
        .exit_code = (uint32_t)process->exit_code,
        .sources = {{process->out, RPC_STDOUT}, {process->err, RPC_STDERR}},
        .sinks = {{process->in, RPC_STDIN}, {.fd = -1}},
        .control = -1,
        .pidfd = process->pid ? pidfd_open(process->pid, 0) : -1,
        .pid = process->pid,
    };
    rpc_reader_init(&p->reader, RPC_CALLER_TO_PROCESS);
    int r = process->pid && p->pidfd < 0 ? -errno : run(p);
    close_all(p);
    if (p->pidfd >= 0)
        close(p->pidfd);
    free(p);
    return r;
}
