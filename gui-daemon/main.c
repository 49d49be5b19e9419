/* main.c - atoll-gui: dom0's compositor. Runs without privilege; what it may open it gets from seatd and gui-broker. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <wlr/util/log.h>
#include "broker_wire.h"
#include "common/log.h"
#include "server.h"
#include "vm.h"

enum { DESCRIPTORS = 4096 };

static void usage(FILE *out)
{
    fputs("usage: atoll-gui [--socket NAME] [--broker PATH]\n"
          "\n"
          "dom0's compositor: windows of VMs in frames of their label's colour.\n"
          "  --socket NAME   where dom0's own Wayland clients connect (default atoll-0, in $XDG_RUNTIME_DIR)\n"
          "  --broker PATH   socket of gui-broker (default " BROKER_SOCKET ")\n",
          out);
}

static int handle_signal(int signal_number, void *data)
{
    struct server *server = data;

    wl_display_terminate(server->display);
    return 0;
}

/* What the VMs' channels moved and map; the answers of the helpers come a little later, so these are the last known. */
static int handle_usr1(int signal_number, void *data)
{
    struct server *server = data;
    struct vm *vm;

    wl_list_for_each (vm, &server->vms, link) {
        log_info("VM %s: %u surfaces, %u buffers of %lu pages; helper: %lu messages, %lu bytes in, %lu out", vm->name,
                 vm->surfaces_count, vm->buffers_count, vm->pages, vm->counts.messages, vm->counts.bytes_from_vm,
                 vm->counts.bytes_to_vm);
        vm_ask_counts(vm);
    }
    return 0;
}

static bool parse(int argc, char **argv, struct server_options *options)
{
    static const struct option longs[] = {
        {"socket", required_argument, nullptr, 's'}, {"broker", required_argument, nullptr, 'b'},
#ifdef GUI_TEST
        {"debug", required_argument, nullptr, 'd'},
#endif
        {"help", no_argument, nullptr, 'h'},         {},
    };

    for (int c; (c = getopt_long(argc, argv, "h", longs, nullptr)) != -1;) {
        switch (c) {
        case 's': options->socket = optarg; break;
        case 'b': options->broker = optarg; break;
        case 'd': options->debug = optarg; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct server server;
    struct server_options options = {.socket = "atoll-0", .broker = BROKER_SOCKET};
    struct rlimit files = {DESCRIPTORS, DESCRIPTORS};

    if (!parse(argc, argv, &options))
        return 2;
#ifndef GUI_TEST
    if (geteuid() == 0) {
        log_error("refuses to run as root; start it with: systemctl start atoll-gui");
        return 1;
    }
#endif
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_NOFILE, &files); /* a lower limit only means fewer windows */
    wlr_log_init(getenv("ATOLL_DEBUG") ? WLR_DEBUG : WLR_ERROR, nullptr);
    if (!server_start(&server, &options))
        return 1;
    wl_event_loop_add_signal(server.loop, SIGTERM, handle_signal, &server);
    wl_event_loop_add_signal(server.loop, SIGINT, handle_signal, &server);
    wl_event_loop_add_signal(server.loop, SIGUSR1, handle_usr1, &server);
    sd_notify(0, "READY=1");
    wl_display_run(server.display);
    server_finish(&server);
    return 0;
}
