/* consoled.c - atoll-consoled: logs what VMs print on their consoles, and lets people look and type */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <xenstore.h>

#include "common/log.h"
#include "common/xen/gntdev.h"
#include "domains.h"

#define LOG_FOLDER    "/var/log/atoll/console"
#define SOCKET_FOLDER "/run/atoll/console"

static int fail(const char *what, int error)
{
    log_error("%s: %s", what, strerror(error));
    return -error;
}

static int open_devices(struct console_host *host)
{
    host->evtchn = evtchn_open();
    if (host->evtchn < 0)
        return fail("/dev/xen/evtchn", -host->evtchn);
    host->gntdev = gntdev_open();
    return host->gntdev < 0 ? fail("/dev/xen/gntdev", -host->gntdev) : 0;
}

static int make_folder(const char *path, mode_t mode)
{
    return mkdir(path, mode) && errno != EEXIST ? fail(path, errno) : 0;
}

static int make_folders(void)
{
    int error = make_folder("/var/log/atoll", 0755);

    if (!error)
        error = make_folder(LOG_FOLDER, 0750);
    if (!error)
        error = make_folder("/run/atoll", 0755);
    return error ? error : make_folder(SOCKET_FOLDER, 0755);
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

static int run(struct console_host *host)
{
    struct xs_handle *store = xs_open(0);
    struct domains *domains;
    int error;

    if (!store)
        return fail("the store (is xenstored running?)", errno);
    domains = domains_create(host, store);
    if (!domains)
        return fail("the store", errno);
    sd_notify(0, "READY=1");
    error = sd_event_loop(host->event);
    domains_destroy(domains);
    xs_close(store);
    return error ? -1 : 0;
}

int main(void)
{
    struct console_host host = {.log_folder = LOG_FOLDER, .socket_folder = SOCKET_FOLDER};
    int error;

    log_set_name("atoll-consoled");
    error = sd_event_default(&host.event);
    if (error >= 0)
        error = watch_signals(host.event);
    if (error >= 0)
        error = make_folders();
    if (error >= 0)
        error = open_devices(&host);
    if (error >= 0)
        error = run(&host);
    return error < 0 ? 1 : 0;
}
