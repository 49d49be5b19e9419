/* process.c - see process.h */
#include "common/rpc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/pump.h"
#include "common/rpc/session.h"
#include "common/rpc/user.h"
#include "common/rpc/wire.h"

enum { CONNECT_SECONDS = 30, SESSION_SECONDS = 30 };

/* The caller's channel is made before we are told of it; a caller that never makes one must not keep us for ever. */
static libvchan_t *connect_to_caller(int domain, int port)
{
    EVTCHN fd;
    libvchan_t *channel = libvchan_client_init_async(domain, port, &fd);
    int r = 1;

    if (!channel)
        return nullptr;
    while ((r = libvchan_client_init_async_finish(channel, false)) == 1) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, CONNECT_SECONDS * 1000) <= 0)
            break;
    }
    if (r == 0)
        return channel;
    libvchan_close(channel);
    return nullptr;
}

struct pipes {
    int in[2], out[2], err[2];
};

static void close_pipes(struct pipes *p)
{
    int *all[] = {p->in, p->out, p->err};

    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            if (all[i][k] >= 0)
                close(all[i][k]);
}

static int open_pipes(struct pipes *p)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0 && pipe2(p->err, O_CLOEXEC) == 0) {
        /* Ours never blocks: the process may stop reading in the middle of a piece. */
        fcntl(p->in[1], F_SETFL, O_NONBLOCK);
        return 0;
    }
    close_pipes(p);
    return -EMFILE;
}

[[noreturn]] static void child(const struct rpc_command *command, bool as_self, int in, int out, int err)
{
    setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close_range(3, ~0u, 0);
    user_run(command, as_self); /* says on the new standard error why it failed */
}

int rpc_process_serve(const struct rpc_command *command, int domain, int port, bool as_self)
{
    struct pipes p;
    libvchan_t *channel = connect_to_caller(domain, port);

    if (!channel)
        return -ENOTCONN;
    if (!command->no_gui && !command->service && !as_self)
        session_wait(command->user, SESSION_SECONDS);
    int r = open_pipes(&p);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0)
        child(command, as_self, p.in[0], p.out[1], p.err[1]);
    if (pid < 0) {
        if (r == 0)
            close_pipes(&p);
        r = pump_process_run(
            &(struct pump_process){.channel = channel, .in = -1, .out = -1, .err = -1, .exit_code = RPC_EXIT_FAILURE});
    } else {
        close(p.in[0]);
        close(p.out[1]);
        close(p.err[1]);
        r = pump_process_run(
            &(struct pump_process){.channel = channel, .pid = pid, .in = p.in[1], .out = p.out[0], .err = p.err[0]});
    }
    libvchan_close(channel);
    return r;
}

int rpc_process_detach(const struct rpc_command *command)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        /* Twice, so that it belongs to init and nobody has to wait for it. */
        if (fork() != 0)
            _exit(0);
        if (!command->no_gui)
            session_wait(command->user, SESSION_SECONDS);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        child(command, false, null, null, null);
    }
    waitpid(pid, nullptr, 0);
    return 0;
}
