/* remove.c - qvm-remove */
#include <stdio.h>
#include <string.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char usage[] = "Usage: qvm-remove [-f] [--all [--exclude VM]... | VM...]\n"
                            "Removes halted VMs with everything in them. It asks first.\n"
                            "  -f, --force  do not ask\n";

struct remove_options {
    bool all, force;
    char *excluded[EXCLUDED_MAX];
    size_t excluded_count;
};

enum { OPTION_ALL = OPTION_OWN, OPTION_EXCLUDE };

static int parse(struct remove_options *o, int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"all", no_argument, nullptr, OPTION_ALL},
                                            {"exclude", required_argument, nullptr, OPTION_EXCLUDE},
                                            {"force", no_argument, nullptr, 'f'},
                                            {}};
    int c, status;

    *o = (struct remove_options){};
    while ((c = getopt_long(argc, argv, "fhvq", options, nullptr)) != -1) {
        if (c == 'f')
            o->force = true;
        else if (c == OPTION_ALL)
            o->all = true;
        else if (c == OPTION_EXCLUDE && o->excluded_count < EXCLUDED_MAX)
            o->excluded[o->excluded_count++] = optarg;
        else if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, usage)) >= 0)
            return status;
    }
    return o->all == (optind < argc) ? command_misuse(usage) : -1;
}

static bool ask(const struct selection *s)
{
    char line[16] = "";

    printf("This will completely remove the selected VM(s), with all data in them:\n");
    for (size_t i = 0; i < s->count; i++)
        printf("  %s\n", s->vms[i]->name);
    printf("Are you sure? [y/N] ");
    fflush(stdout);
    return fgets(line, sizeof(line), stdin) && (!strcmp(line, "y\n") || !strcmp(line, "Y\n") || !strcmp(line, "yes\n"));
}

int qvm_remove(int argc, char **argv)
{
    struct remove_options o;
    struct selection s;
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    if (!selection_make(&s, argc, argv, o.all, o.excluded, o.excluded_count))
        return 1;
    status = 0;
    if (s.count && !o.force && !ask(&s)) {
        client_complain("nothing was removed.");
        status = 1;
    }
    for (size_t i = 0; status == 0 && i < s.count; i++)
        if (!client_do(s.vms[i]->name, "admin.vm.Remove", "", ""))
            status = 1;
    selection_free(&s);
    return status;
}
