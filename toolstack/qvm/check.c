/* check.c - qvm-check: whether VMs exist, run, are paused, or are templates */
#include <stdio.h>
#include <string.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char usage[] = "Usage: qvm-check [-q] [--running | --paused | --template] [--all | VM...]\n"
                            "Status 0: all of them match; 1: none does; 3: some do.\n";

enum check { EXISTS, RUNNING, PAUSED, TEMPLATE };

struct check_options {
    enum check check;
    bool all, quiet;
};

enum { OPTION_RUNNING = OPTION_OWN, OPTION_PAUSED, OPTION_TEMPLATE, OPTION_ALL };

static int parse(struct check_options *o, int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"running", no_argument, nullptr, OPTION_RUNNING},
                                            {"paused", no_argument, nullptr, OPTION_PAUSED},
                                            {"template", no_argument, nullptr, OPTION_TEMPLATE},
                                            {"all", no_argument, nullptr, OPTION_ALL},
                                            {}};
    int c, status;

    *o = (struct check_options){};
    while ((c = getopt_long(argc, argv, "hvq", options, nullptr)) != -1) {
        switch (c) {
        case OPTION_RUNNING: o->check = RUNNING; break;
        case OPTION_PAUSED: o->check = PAUSED; break;
        case OPTION_TEMPLATE: o->check = TEMPLATE; break;
        case OPTION_ALL: o->all = true; break;
        case 'q': o->quiet = true; break;
        default:
            if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, usage)) >= 0)
                return status;
        }
    }
    return o->all == (optind < argc) ? command_misuse(usage) : -1;
}

static bool matches(const struct listed_vm *vm, enum check check)
{
    switch (check) {
    case RUNNING: return !strcmp(vm->state, "Running");
    case PAUSED: return !strcmp(vm->state, "Paused");
    case TEMPLATE: return !strcmp(vm->class, "TemplateVM");
    default: return true;
    }
}

static void report(const char *name, bool ok, enum check check)
{
    static const char *const yes[] = {"exists", "is running", "is paused", "is a template"};
    static const char *const no[] = {"does not exist", "is not running", "is not paused", "is not a template"};

    printf("%s %s\n", name, ok ? yes[check] : no[check]);
}

int qvm_check(int argc, char **argv)
{
    struct check_options o;
    struct listing l;
    size_t matched = 0, count = 0;
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    if (!listing_load(&l))
        return 1;
    for (size_t i = 0; o.all && i < l.count; i++) {
        bool ok = matches(&l.vms[i], o.check);
        matched += ok;
        count++;
        if (!o.quiet && ok)
            report(l.vms[i].name, ok, o.check);
    }
    for (int i = optind; !o.all && i < argc; i++) {
        const struct listed_vm *vm = listing_find(&l, argv[i]);
        bool ok = vm && matches(vm, o.check);
        matched += ok;
        count++;
        if (!o.quiet)
            report(argv[i], ok, vm ? o.check : EXISTS);
    }
    listing_free(&l);
    return matched == count && count ? 0 : matched ? 3 : 1;
}
