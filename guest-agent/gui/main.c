/* main.c - gui-agent: shows the windows of this VM's programs on dom0's screen */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <wlr/util/log.h>
#include "agent.h"
#include "common/log.h"

static void usage(FILE *out)
{
    fputs("usage: gui-agent [--socket NAME]\n"
          "\n"
          "A Wayland compositor whose windows stand on dom0's screen.\n"
          "  --socket NAME   where programs connect, in $XDG_RUNTIME_DIR (default wayland-0)\n",
          out);
}

static int handle_signal(int signal_number, void *data)
{
    struct agent *agent = data;

    wl_display_terminate(agent->display);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"socket", required_argument, nullptr, 's'}, {"help", no_argument, nullptr, 'h'}, {}};
    static struct agent agent;
    const char *socket = "wayland-0";

    for (int c; (c = getopt_long(argc, argv, "h", longs, nullptr)) != -1;) {
        switch (c) {
        case 's': socket = optarg; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    }
    if (optind != argc) {
        usage(stderr);
        return 2;
    }
    if (!getenv("XDG_RUNTIME_DIR")) {
        log_error("XDG_RUNTIME_DIR is not set; start it with: systemctl start atoll-gui-agent");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    wlr_log_init(getenv("ATOLL_DEBUG") ? WLR_DEBUG : WLR_ERROR, nullptr);
    if (!agent_start(&agent, socket))
        return 1;
    wl_event_loop_add_signal(agent.loop, SIGTERM, handle_signal, &agent);
    wl_event_loop_add_signal(agent.loop, SIGINT, handle_signal, &agent);
    sd_notify(0, "READY=1");
    wl_display_run(agent.display);
    agent_finish(&agent);
    return 0;
}
