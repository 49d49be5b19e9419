/* agent.c - see agent.h: the channel to dom0 */
#include "guest-agent/rpc/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "common/log.h"

static int serve(struct agent *agent);

/* The daemon has left or misbehaved: offer the channel again. Running calls have channels of their own and go on. */
static void start_anew(struct agent *agent)
{
    agent->source = sd_event_source_disable_unref(agent->source);
    rpc_link_close(&agent->daemon);
    agent->connected = false;
    requests_drop(agent);
    int r = serve(agent);
    if (r < 0) {
        log_error("cannot offer the channel to dom0 again: %s", strerror(-r));
        sd_event_exit(agent->event, EXIT_FAILURE);
    }
}

void agent_tell_daemon(struct agent *agent, enum rpc_type type, const void *part1, size_t size1, const void *part2,
                       size_t size2)
{
    if (!agent->connected || rpc_link_send(&agent->daemon, type, part1, size1, part2, size2) == 0)
        return;
    log_warning("dom0 does not take messages");
    /* Not here: the caller may be in the middle of reading that very link. It finds the channel closed next time. */
    agent->connected = false;
}

static int daemon_message(void *context, const struct rpc_header *header, const void *body)
{
    struct agent *agent = context;
    uint32_t version;

    switch (header->type) {
    case RPC_HELLO:
        memcpy(&version, body, sizeof(version));
        agent->connected = version >= RPC_VERSION;
        return agent->connected ? 0 : -EPROTO;
    case RPC_EXEC: return calls_start(agent, body);
    case RPC_JUST_EXEC: calls_start_detached(body); return 0;
    case RPC_SERVICE_CONNECT: requests_connect(agent, body); return 0;
    case RPC_SERVICE_REFUSED: requests_refused(agent, body); return 0;
    default: return -EPROTO; /* the reader let nothing else through */
    }
}

static int daemon_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct agent *agent = context;
    bool open = libvchan_is_open(agent->daemon.channel) != VCHAN_DISCONNECTED;
    int r = rpc_link_run(&agent->daemon, daemon_message, agent);

    if (r == 0 && open)
        return 0;
    if (r == -EPROTO)
        log_error("dom0 broke the protocol");
    else
        log_info("dom0 has left: %s", r < 0 ? strerror(-r) : "channel closed");
    start_anew(agent);
    return 0;
}

static int serve(struct agent *agent)
{
    libvchan_t *channel = libvchan_server_init(0, RPC_CONTROL_PORT, RPC_BUFFER * 2, RPC_BUFFER * 2);

    if (!channel)
        return -errno;
    int r = rpc_link_init(&agent->daemon, channel, -1, RPC_DAEMON_TO_AGENT);
    if (r == 0)
        r = sd_event_add_io(agent->event, &agent->source, rpc_link_fd(&agent->daemon), EPOLLIN, daemon_ready, agent);
    return r < 0 ? r : 0;
}

static int setup(struct agent *agent)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD); /* sd-event watches children by it */
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    int r = sd_event_default(&agent->event);
    if (r < 0 || (r = sd_event_add_signal(agent->event, nullptr, SIGTERM, nullptr, nullptr)) < 0 ||
        (r = sd_event_add_signal(agent->event, nullptr, SIGINT, nullptr, nullptr)) < 0)
        return r;
    r = requests_listen(agent);
    if (r < 0)
        return r;
    return serve(agent);
}

int main(int argc, char *argv[])
{
    static struct agent agent = {.listener = -1};

    prctl(PR_SET_NAME, argc > 1 ? "qrexec-call" : "qrexec-agent"); /* "exe" otherwise, for a new execution */
    if (argc == 5 && strcmp(argv[1], "--call") == 0)
        return calls_serve(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "--answer") == 0)
        return requests_serve(argv[2], argv[3]);
    int r = setup(&agent);

    if (r < 0) {
        log_error("cannot start: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    sd_notify(0, "READY=1");
    r = sd_event_loop(agent.event);
    rpc_link_close(&agent.daemon);
    return r < 0 ? EXIT_FAILURE : r;
}
