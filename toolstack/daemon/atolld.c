/* atolld.c - keeps VMs: what they are, their volumes, their lives */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/log.h"
#include "toolstack/daemon/api_socket.h"
#include "toolstack/daemon/companions.h"
#include "toolstack/daemon/lifecycle.h"
#include "toolstack/daemon/vm_feed.h"

static const char usage[] = "Usage: atolld [--state DIR] [--run DIR] [--programs DIR]\n"
                            "Keeps the VMs of this machine. Users talk to it with qvm-create, qvm-start and so on.\n";

struct daemon {
    struct registry registry;
    struct lifecycle lifecycle;
    struct api api;
    struct api_socket *socket;
    struct vm_feed *feed;
    struct companions *companions;
};

struct options {
    const char *state, *run, *programs;
};

static void emit_plain(struct daemon *d, const struct vm *vm, const char *name, const char *why)
{
    struct api_event event = {.subject = vm->name, .name = name};

    if (*why) {
        event.keys[0] = "reason";
        event.keys[1] = why;
    }
    d->api.emit(&d->api, &event);
}

static void on_vm(void *data, struct vm *vm, enum lifecycle_event event, const char *why)
{
    struct daemon *d = data;

    switch (event) {
    case VM_EVENT_PRE_START: emit_plain(d, vm, "domain-pre-start", ""); break;
    case VM_EVENT_START:
        companions_start(d->companions, &d->registry, vm);
        vm_feed_tell(d->feed, "vm-started", vm);
        emit_plain(d, vm, "domain-start", "");
        break;
    case VM_EVENT_START_FAILED: emit_plain(d, vm, "domain-start-failed", why); break;
    case VM_EVENT_PAUSED: emit_plain(d, vm, "domain-paused", ""); break;
    case VM_EVENT_UNPAUSED: emit_plain(d, vm, "domain-unpaused", ""); break;
    case VM_EVENT_CHANGED:
        if (vm->state == VM_RUNNING || vm->state == VM_PAUSED)
            vm_feed_tell(d->feed, "vm-changed", vm);
        break;
    case VM_EVENT_SHUTDOWN:
        companions_stop(d->companions, vm);
        vm_feed_tell(d->feed, "vm-stopped", vm);
        emit_plain(d, vm, "domain-shutdown", "");
        break;
    }
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {{"state", required_argument, nullptr, 's'},
                                            {"run", required_argument, nullptr, 'r'},
                                            {"programs", required_argument, nullptr, 'p'},
                                            {"help", no_argument, nullptr, 'h'},
                                            {}};
    int c;

    *o = (struct options){.state = "/var/lib/atoll", .run = "/run", .programs = "/usr/lib/atoll"};
    while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1) {
        switch (c) {
        case 's': o->state = optarg; break;
        case 'r': o->run = optarg; break;
        case 'p': o->programs = *optarg ? optarg : nullptr; break;
        default: return false;
        }
    }
    return optind == argc;
}

static int failed(const char *what, int rc)
{
    log_error("%s: %s", what, strerror(-rc));
    return rc;
}

static int open_sockets(struct daemon *d, sd_event *loop, const char *run)
{
    char path[256], other[256];

    snprintf(path, sizeof(path), "%s/atoll", run);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return failed(path, -errno);
    snprintf(path, sizeof(path), "%s/atoll/vms.sock", run);
    int rc = vm_feed_open(&d->feed, loop, &d->registry, path);
    if (rc < 0)
        return failed(path, rc);
    snprintf(path, sizeof(path), "%s/atolld.sock", run);
    rc = api_socket_open(&d->socket, loop, &d->api, path);
    if (rc < 0)
        return failed(path, rc);
    /* The name under which Qubes' own clients look for it. */
    snprintf(other, sizeof(other), "%s/qubesd.sock", run);
    unlink(other);
    if (symlink("atolld.sock", other) < 0)
        log_warning("%s cannot be made: %s", other, strerror(errno));
    return 0;
}

static int open_daemon(struct daemon *d, sd_event *loop, const struct options *o)
{
    int rc = runtime_open(&d->lifecycle.runtime);
    if (rc)
        return failed("the hypervisor or xenstored cannot be reached", rc);
    rc = registry_open(&d->registry, o->state);
    if (rc)
        return failed(o->state, rc);
    rc = companions_open(&d->companions, loop, o->programs);
    if (rc)
        return rc;
    d->api = (struct api){.registry = &d->registry, .lifecycle = &d->lifecycle};
    rc = open_sockets(d, loop, o->run);
    if (rc)
        return rc;
    d->lifecycle.registry = &d->registry;
    d->lifecycle.notify = on_vm;
    d->lifecycle.notify_data = d;
    rc = lifecycle_open(&d->lifecycle, loop);
    if (rc)
        return failed("the life of VMs cannot be watched", rc);
    for (const struct vm *vm = d->registry.first; vm; vm = vm->next)
        if (vm->class != VM_ADMIN && vm->state == VM_RUNNING)
            companions_start(d->companions, &d->registry, vm);
    return 0;
}

static void close_daemon(struct daemon *d)
{
    if (d->lifecycle.worker)
        lifecycle_close(&d->lifecycle);
    if (d->socket)
        api_socket_close(d->socket);
    if (d->feed)
        vm_feed_close(d->feed);
    if (d->companions)
        companions_close(d->companions);
    registry_close(&d->registry);
    if (d->lifecycle.runtime)
        d->lifecycle.runtime->close(d->lifecycle.runtime);
}

/* Before any thread exists: signals are for the event loop only. */
static int make_loop(sd_event **loop)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int rc = sd_event_default(loop);
    if (rc >= 0)
        rc = sd_event_add_signal(*loop, nullptr, SIGTERM, nullptr, nullptr);
    if (rc >= 0)
        rc = sd_event_add_signal(*loop, nullptr, SIGINT, nullptr, nullptr);
    return rc < 0 ? rc : 0;
}

int main(int argc, char **argv)
{
    struct daemon d = {};
    struct options o;
    sd_event *loop = nullptr;

    if (!parse(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    umask(022);
    int rc = make_loop(&loop);
    if (rc == 0)
        rc = open_daemon(&d, loop, &o);
    if (rc == 0) {
        sd_notify(0, "READY=1");
        rc = sd_event_loop(loop);
    }
    /* VMs that run go on; the next atolld finds them. */
    close_daemon(&d);
    sd_event_unref(loop);
    return rc < 0 ? 1 : 0;
}
