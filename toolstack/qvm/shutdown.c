/* shutdown.c - qvm-shutdown: asks VMs to power off, and waits for it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char usage[] =
    "Usage: qvm-shutdown [--wait] [--timeout SECONDS] [--force] [--dry-run] [--all [--exclude VM]... | VM...]\n"
    "Asks VMs to power off.\n"
    "  --wait             until they are halted\n"
    "  --timeout SECONDS  with --wait: end those that are not halted by then with qvm-kill\n"
    "                     (default: the VM's property shutdown_timeout)\n"
    "  --force            accepted; no VM depends on another yet\n"
    "  --dry-run          only print which VMs would be asked\n";

struct shutdown_options {
    bool all, wait, dry_run;
    long timeout; /* seconds; 0: each VM's own */
    char *excluded[EXCLUDED_MAX];
    size_t excluded_count;
};

enum { OPTION_ALL = OPTION_OWN, OPTION_EXCLUDE, OPTION_WAIT, OPTION_TIMEOUT, OPTION_FORCE, OPTION_DRY_RUN };

static int parse(struct shutdown_options *o, int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"all", no_argument, nullptr, OPTION_ALL},
                                            {"exclude", required_argument, nullptr, OPTION_EXCLUDE},
                                            {"wait", no_argument, nullptr, OPTION_WAIT},
                                            {"timeout", required_argument, nullptr, OPTION_TIMEOUT},
                                            {"force", no_argument, nullptr, OPTION_FORCE},
                                            {"dry-run", no_argument, nullptr, OPTION_DRY_RUN},
                                            {}};
    int c, status;
    char *end;

    *o = (struct shutdown_options){};
    while ((c = getopt_long(argc, argv, "hvq", options, nullptr)) != -1) {
        switch (c) {
        case OPTION_ALL: o->all = true; break;
        case OPTION_WAIT: o->wait = true; break;
        case OPTION_DRY_RUN: o->dry_run = true; break;
        case OPTION_FORCE: break;
        case OPTION_EXCLUDE:
            if (o->excluded_count == EXCLUDED_MAX)
                return command_misuse(usage);
            o->excluded[o->excluded_count++] = optarg;
            break;
        case OPTION_TIMEOUT:
            o->timeout = strtol(optarg, &end, 10);
            if (*end || o->timeout <= 0 || o->timeout > 86400) {
                client_complainf("'%s' is not a number of seconds.", optarg);
                return 2;
            }
            break;
        default:
            if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, usage)) >= 0)
                return status;
        }
    }
    return o->all == (optind < argc) ? command_misuse(usage) : -1;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* A VM that was asked and is not halted yet. */
struct waiting {
    struct listed_vm *vm;
    long long deadline; /* in the time of now_ms() */
    bool killed;
};

static long timeout_of(struct listed_vm *vm, const struct shutdown_options *o)
{
    const char *own = o->timeout ? nullptr : listing_property(vm, "shutdown_timeout");

    return o->timeout ? o->timeout : own ? atol(own) : 60;
}

/* Kills those whose time is up; returns how long to wait for the next one, in milliseconds. */
static int kill_late(struct waiting *w, size_t count, int *status)
{
    long long next = 3600 * 1000LL;

    for (size_t i = 0; i < count; i++) {
        long long left = w[i].deadline - now_ms();
        if (!w[i].vm || w[i].killed)
            continue;
        if (left > 0) {
            next = left < next ? left : next;
            continue;
        }
        client_complainf("'%s' did not power off in time and is ended.", w[i].vm->name);
        w[i].killed = true;
        if (!client_do(w[i].vm->name, "admin.vm.Kill", "", ""))
            *status = 1;
    }
    return (int)next;
}

static size_t forget(struct waiting *w, size_t count, const char *name)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (w[i].vm && !strcmp(w[i].vm->name, name))
            w[i].vm = nullptr;
        left += w[i].vm != nullptr;
    }
    return left;
}

static int wait_all(int events, struct waiting *w, size_t count)
{
    int status = 0;
    size_t left = forget(w, count, "");

    while (left > 0) {
        struct event e;
        int ms = kill_late(w, count, &status);
        int got = client_next_event(events, ms, &e);
        if (got < 0) {
            client_complain("atolld ended before the VMs did.");
            return 1;
        }
        if (got && !strcmp(e.name, "domain-shutdown"))
            left = forget(w, count, e.subject);
    }
    return status;
}

static bool is_running(const struct listed_vm *vm)
{
    return !strcmp(vm->state, "Running") || !strcmp(vm->state, "Paused");
}

/* A paused guest can do nothing when asked. */
static bool ask(struct listed_vm *vm)
{
    if (!strcmp(vm->state, "Paused") && !client_do(vm->name, "admin.vm.Unpause", "", ""))
        return false;
    return client_do(vm->name, "admin.vm.Shutdown", "", "");
}

static int ask_all(struct selection *s, const struct shutdown_options *o, struct waiting *w, size_t *count)
{
    int status = 0;

    for (size_t i = 0; i < s->count; i++) {
        struct listed_vm *vm = s->vms[i];
        bool halted = !strcmp(vm->state, "Halted"), transient = !is_running(vm) && !halted;
        if (halted || (o->all && !strcmp(vm->class, "AdminVM")))
            continue; /* it is as it should be */
        if (o->dry_run) {
            puts(vm->name);
            continue;
        }
        /* One that is on its way down already needs no second request. */
        if (!(transient && o->wait) && !ask(vm))
            status = 1;
        else
            w[(*count)++] = (struct waiting){.vm = vm, .deadline = now_ms() + timeout_of(vm, o) * 1000};
    }
    return status;
}

int qvm_shutdown(int argc, char **argv)
{
    struct shutdown_options o;
    struct selection s;
    size_t count = 0;
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    /* Before anything is asked, so that no end is missed. */
    int events = o.wait && !o.dry_run ? client_subscribe("dom0") : -1;
    if (o.wait && !o.dry_run && events < 0)
        return 1;
    if (!selection_make(&s, argc, argv, o.all, o.excluded, o.excluded_count))
        return 1;
    struct waiting *w = calloc(s.count + 1, sizeof(*w));
    if (!w)
        abort();
    status = ask_all(&s, &o, w, &count);
    if (events >= 0 && wait_all(events, w, count))
        status = 1;
    if (events >= 0)
        close(events);
    free(w);
    selection_free(&s);
    return status;
}
