/* main.c - gui-broker: runs as root so that the compositor need not. It starts the helpers, which open gntdev and
 * evtchn, and tells the compositor what dom0 knows about VMs. Nothing that a VM says ever gets here.
 */
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include "broker.h"
#include "common/log.h"

#define VMS_SOCKET "/run/atoll/vms.sock"

static void usage(FILE *out)
{
    fputs("usage: gui-broker [--user NAME] [--terminal COMMAND] [--vms SOCKET] [--socket SOCKET] [--helper PROGRAM]\n"
          "\n"
          "Starts a helper for each running VM and hands its socket to the compositor.\n"
          "  --user NAME         who the compositor runs as (default atoll-gui)\n"
          "  --terminal COMMAND  what Super+Return starts, as root (default: nothing)\n"
          "  --vms SOCKET        atolld's list of VMs (default " VMS_SOCKET ")\n"
          "  --socket SOCKET     where the compositor connects (default " BROKER_SOCKET ")\n"
          "  --helper PROGRAM    (default " GUI_HELPER ")\n",
          out);
}

static bool parse(int argc, char **argv, struct broker *broker)
{
    static const struct option longs[] = {
        {"user", required_argument, nullptr, 'u'},
        {"terminal", required_argument, nullptr, 't'},
        {"vms", required_argument, nullptr, 'v'},
        {"socket", required_argument, nullptr, 's'},
        {"helper", required_argument, nullptr, 'e'},
        {"help", no_argument, nullptr, 'h'},
        {},
    };

    for (int c; (c = getopt_long(argc, argv, "h", longs, nullptr)) != -1;) {
        switch (c) {
        case 'u': broker->user = optarg; break;
        case 't': broker->terminal = optarg; break;
        case 'v': broker->vms_socket = optarg; break;
        case 's': broker->socket = optarg; break;
        case 'e': broker->helper = optarg; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct broker broker = {
        .vms_socket = VMS_SOCKET, .socket = BROKER_SOCKET, .helper = GUI_HELPER, .user = "atoll-gui"};
    sigset_t blocked;

    if (!parse(argc, argv, &broker))
        return 2;
    const struct passwd *user = getpwnam(broker.user);
    if (!user) {
        log_error("there is no user %s; create it, or name another with --user", broker.user);
        return 1;
    }
    broker.compositor_uid = user->pw_uid;
    /* sd-event wants them blocked. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    if (sd_event_default(&broker.loop) < 0 || !compositor_listen(&broker))
        return 1;
    sd_event_add_signal(broker.loop, nullptr, SIGTERM, nullptr, nullptr);
    sd_event_add_signal(broker.loop, nullptr, SIGINT, nullptr, nullptr);
    watch_start(&broker);
    sd_notify(0, "READY=1");
    int r = sd_event_loop(broker.loop);
    helpers_stop_all(&broker);
    return r < 0;
}
