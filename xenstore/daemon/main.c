/* xenstored: the store of the Xen protocol, on a UNIX socket and on the rings of guests. See ../README.md. */
#include "common/log.h"
#include "guests.h"
#include "sockets.h"
#include "store.h"
#include "view.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define RUN_FOLDER     "/run/xenstored"
#define DEFAULT_SOCKET RUN_FOLDER "/socket"

struct options {
    const char *socket;
    bool no_hypervisor;
};

static void usage(FILE *out)
{
    fputs("usage: xenstored [--socket PATH] [--no-hypervisor]\n"
          "  --socket PATH     listen there instead of at " DEFAULT_SOCKET "\n"
          "  --no-hypervisor   serve only the socket: for tests outside the control domain\n",
          out);
}

static struct options parse(int argc, char **argv)
{
    static const struct option known[] = {{"socket", required_argument, NULL, 's'},
                                          {"no-hypervisor", no_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {}};
    struct options options = {.socket = DEFAULT_SOCKET};

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        switch (c) {
        case 's': options.socket = optarg; break;
        case 'n': options.no_hypervisor = true; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); exit(2);
        }
    }
    if (optind == argc)
        return options;
    usage(stderr);
    exit(2);
}

static int watch_signals(sd_event *event)
{
    sigset_t signals;
    int error;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    error = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    return error < 0 ? error : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

/* What programs of this domain expect to find about it. */
static void describe_dom0(struct store *store)
{
    static const struct identity dom0 = {0, DOMID_INVALID};
    struct view live = view_live(store);

    if (view_write(&live, &dom0, "/local/domain/0/domid", "0", 1) ||
        view_write(&live, &dom0, "/local/domain/0/name", "dom0", 4))
        abort();
}

/* Everything up to the event loop; negative errno after logging why. */
static int set_up(sd_event *event, const struct options *options)
{
    struct store_host host = {0};
    struct guests *guests = NULL;
    struct store *store;
    int error = watch_signals(event);

    if (error >= 0 && !options->no_hypervisor)
        error = guests_create(&guests, event, &host);
    if (error < 0)
        return error;
    store = store_create(&host);
    describe_dom0(store);
    if (strcmp(options->socket, DEFAULT_SOCKET) == 0 && mkdir(RUN_FOLDER, 0755) && errno != EEXIST)
        log_warning("%s: %s", RUN_FOLDER, strerror(errno));
    error = sockets_listen(event, store, options->socket);
    return error >= 0 && guests ? guests_start(guests, store) : error;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    sd_event *event = NULL;
    int error;

    log_set_name("xenstored");
    error = sd_event_default(&event);
    if (error >= 0)
        error = set_up(event, &options);
    if (error < 0)
        return 1;
    sd_notify(0, "READY=1");
    error = sd_event_loop(event);
    unlink(options.socket);
    return error < 0 ? 1 : 0;
}
