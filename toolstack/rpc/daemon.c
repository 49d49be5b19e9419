/* daemon.c - see daemon.h: start, the agent's messages, end */
#include "toolstack/rpc/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/log.h"
#include "common/text.h"

void daemon_stop(struct daemon *daemon, int status)
{
    sd_event_exit(daemon->event, status);
}

void daemon_tell_agent(struct daemon *daemon, enum rpc_type type, const void *part1, size_t size1, const void *part2,
                       size_t size2)
{
    int r = rpc_link_send(&daemon->agent, type, part1, size1, part2, size2);

    if (r < 0) {
        log_error("the agent does not take messages: %s", strerror(-r));
        daemon_stop(daemon, EXIT_FAILURE);
    }
}

/* The agent is there and speaks our language: open for business. */
static int agent_said_hello(struct daemon *daemon, uint32_t untrusted_version)
{
    if (untrusted_version < RPC_VERSION) {
        log_error("the agent speaks version %u of the protocol, at least %u is needed", untrusted_version, RPC_VERSION);
        return -EPROTO;
    }
    return clients_listen(daemon);
}

static int agent_message(void *context, const struct rpc_header *header, const void *body)
{
    struct daemon *daemon = context;
    const struct rpc_trigger *trigger3 = body;
    const struct rpc_trigger_v2 *trigger2 = body;
    uint32_t untrusted_version;

    switch (header->type) {
    case RPC_HELLO: memcpy(&untrusted_version, body, 4); return agent_said_hello(daemon, untrusted_version);
    case RPC_TERMINATED: clients_call_ended(daemon, ((const struct rpc_exec *)body)->port); return 0;
    case RPC_TRIGGER: trigger(daemon, trigger3->service, trigger3->target, &trigger3->ident); return 0;
    case RPC_TRIGGER_V2: trigger(daemon, trigger2->service, trigger2->target, &trigger2->ident); return 0;
    default: return -EPROTO; /* the reader let nothing else through */
    }
}

static int agent_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct daemon *daemon = context;
    int r = rpc_link_run(&daemon->agent, agent_message, daemon);

    if (r == -EPROTO)
        log_error("the agent broke the protocol; the connection to this VM is closed");
    else if (r == -EPIPE)
        log_info("the agent has left");
    else if (r < 0)
        log_error("cannot serve this VM: %s", strerror(-r));
    if (r < 0)
        daemon_stop(daemon, r == -EPIPE && daemon->listener >= 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    return 0;
}

/* The search for the agent's end of the channel goes on until it is there. */
static int agent_found(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct daemon *daemon = context;
    libvchan_t *channel = daemon->agent.channel;
    int r = libvchan_client_init_async_finish(channel, false);

    if (r == 1)
        return 0;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (r == 0)
        r = rpc_link_init(&daemon->agent, channel, -1, RPC_AGENT_TO_DAEMON);
    else
        r = -errno;
    if (r == 0)
        r = sd_event_add_io(daemon->event, nullptr, rpc_link_fd(&daemon->agent), EPOLLIN, agent_ready, daemon);
    if (r < 0) {
        log_error("cannot connect to the agent: %s", strerror(-r));
        daemon_stop(daemon, EXIT_FAILURE);
        return 0;
    }
    /* It may have spoken before we listened. */
    return agent_ready(nullptr, -1, 0, daemon);
}

static int agent_late(sd_event_source *source, uint64_t now, void *context)
{
    struct daemon *daemon = context;

    if (daemon->listener >= 0)
        return 0;
    log_error("the agent in '%s' has not answered in time; see the VM's console", daemon->name);
    daemon_stop(daemon, EXIT_FAILURE);
    return 0;
}

static int setup(struct daemon *daemon, uint64_t timeout_seconds)
{
    EVTCHN fd;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD); /* sd-event watches children by it */
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    int r = sd_event_default(&daemon->event);
    if (r < 0)
        return r;
    daemon->agent.channel = libvchan_client_init_async((int)daemon->domain, RPC_CONTROL_PORT, &fd);
    if (!daemon->agent.channel)
        return -errno;
    if ((r = sd_event_add_signal(daemon->event, nullptr, SIGTERM, nullptr, nullptr)) < 0 ||
        (r = sd_event_add_signal(daemon->event, nullptr, SIGINT, nullptr, nullptr)) < 0 ||
        (r = sd_event_add_time_relative(daemon->event, nullptr, CLOCK_MONOTONIC, timeout_seconds * 1000000, 0,
                                        agent_late, daemon)) < 0)
        return r;
    return sd_event_add_io(daemon->event, nullptr, fd, EPOLLIN, agent_found, daemon);
}

static int usage(void)
{
    fputs("usage: qrexec-daemon [-t SECONDS] [-u USER] DOMID NAME [USER]\n", stderr);
    return 2;
}

/* A number from the command line, at most `most`; -1 if it is none. */
static long number(const char *text, long most)
{
    char *end;
    long value = strtol(text, &end, 10);

    return *text && !*end && value >= 0 && value <= most ? value : -1;
}

int main(int argc, char *argv[])
{
    static struct daemon daemon = {.listener = -1, .default_user = "user"};
    static char log_name[64];
    static const struct option options[] = {
        {"timeout", required_argument, nullptr, 't'}, {"user", required_argument, nullptr, 'u'}, {}};
    long timeout = 60;
    int option;

    while ((option = getopt_long(argc, argv, "t:u:", options, nullptr)) != -1) {
        if (option == 't')
            timeout = number(optarg, 86400);
        else if (option == 'u')
            daemon.default_user = optarg;
        else
            return usage();
    }
    if (argc - optind < 2 || argc - optind > 3 || timeout < 0)
        return usage();
    long domain = number(argv[optind], 0x7FEF);
    daemon.name = argv[optind + 1];
    if (argc - optind == 3)
        daemon.default_user = argv[optind + 2];
    if (domain < 0 || !text_is_vm_name(daemon.name))
        return usage();
    daemon.domain = (unsigned int)domain;
    snprintf(log_name, sizeof(log_name), "qrexec-daemon(%s)", daemon.name);
    log_set_name(log_name);

    int r = setup(&daemon, (uint64_t)timeout);
    if (r < 0) {
        log_error("cannot start: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    r = sd_event_loop(daemon.event);
    clients_close(&daemon);
    rpc_link_close(&daemon.agent);
    sd_event_unref(daemon.event);
    return r < 0 ? EXIT_FAILURE : r;
}
