/* power.c - qvm-start, qvm-kill, qvm-pause, qvm-unpause */
#include <stdio.h>
#include <string.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char start_usage[] = "Usage: qvm-start [--skip-if-running] [--all [--exclude VM]... | VM...]\n"
                                  "Starts VMs.\n"
                                  "  --skip-if-running  a VM that runs already is no error\n"
                                  "  --all              every VM that has 'autostart' set\n";
static const char kill_usage[] =
    "Usage: qvm-kill [--all [--exclude VM]... | VM...]\n"
    "Ends VMs at once, without asking their systems. What they have not written is lost.\n";
static const char pause_usage[] = "Usage: qvm-pause [--all [--exclude VM]... | VM...]\nFreezes running VMs.\n";
static const char unpause_usage[] = "Usage: qvm-unpause [--all [--exclude VM]... | VM...]\nLets frozen VMs go on.\n";

struct power_options {
    bool all, skip_if_running;
    char *excluded[EXCLUDED_MAX];
    size_t excluded_count;
};

enum { OPTION_ALL = OPTION_OWN, OPTION_EXCLUDE, OPTION_SKIP };

/* Returns -1 to go on, else the exit status. */
static int parse(struct power_options *o, int argc, char **argv, const char *usage)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"all", no_argument, nullptr, OPTION_ALL},
                                            {"exclude", required_argument, nullptr, OPTION_EXCLUDE},
                                            {"skip-if-running", no_argument, nullptr, OPTION_SKIP},
                                            {}};
    int c, status;

    *o = (struct power_options){};
    while ((c = getopt_long(argc, argv, "hvq", options, nullptr)) != -1) {
        if (c == OPTION_ALL)
            o->all = true;
        else if (c == OPTION_EXCLUDE && o->excluded_count < EXCLUDED_MAX)
            o->excluded[o->excluded_count++] = optarg;
        else if (c == OPTION_SKIP && usage == start_usage)
            o->skip_if_running = true;
        else if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, usage)) >= 0)
            return status;
    }
    return o->all == (optind < argc) ? command_misuse(usage) : -1;
}

static bool is_running(const struct listed_vm *vm)
{
    return !strcmp(vm->state, "Running") || !strcmp(vm->state, "Paused");
}

int qvm_start(int argc, char **argv)
{
    struct power_options o;
    struct selection s;
    int status = parse(&o, argc, argv, start_usage);

    if (status >= 0)
        return status;
    if (!selection_make(&s, argc, argv, o.all, o.excluded, o.excluded_count))
        return 1;
    status = 0;
    for (size_t i = 0; i < s.count; i++) {
        const char *autostart = o.all ? listing_property(s.vms[i], "autostart") : nullptr;
        if (o.all && (!autostart || strcmp(autostart, "True")))
            continue;
        if ((o.skip_if_running || o.all) && is_running(s.vms[i]))
            continue;
        if (!client_do(s.vms[i]->name, "admin.vm.Start", "", ""))
            status = 1;
    }
    selection_free(&s);
    return status;
}

static int for_each(int argc, char **argv, const char *usage, const char *method, const char *state)
{
    struct power_options o;
    struct selection s;
    int status = parse(&o, argc, argv, usage);

    if (status >= 0)
        return status;
    if (!selection_make(&s, argc, argv, o.all, o.excluded, o.excluded_count))
        return 1;
    status = 0;
    for (size_t i = 0; i < s.count; i++) {
        bool fits = state ? !strcmp(s.vms[i]->state, state) : is_running(s.vms[i]);
        if (o.all && !fits)
            continue;
        if (!client_do(s.vms[i]->name, method, "", ""))
            status = 1;
    }
    selection_free(&s);
    return status;
}

int qvm_kill(int argc, char **argv)
{
    return for_each(argc, argv, kill_usage, "admin.vm.Kill", nullptr);
}

int qvm_pause(int argc, char **argv)
{
    return for_each(argc, argv, pause_usage, "admin.vm.Pause", "Running");
}

int qvm_unpause(int argc, char **argv)
{
    return for_each(argc, argv, unpause_usage, "admin.vm.Unpause", "Paused");
}
