/* command.c - the commands behind the one program: each is called by its name */
#include "toolstack/qvm/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/qvm/client.h"

static const struct {
    const char *name;
    command_main *run;
} commands[] = {
    {"qvm-check", qvm_check},       {"qvm-clone", qvm_clone}, {"qvm-create", qvm_create},
    {"qvm-features", qvm_features}, {"qvm-kill", qvm_kill},   {"qvm-ls", qvm_ls},
    {"qvm-pause", qvm_pause},       {"qvm-prefs", qvm_prefs}, {"qvm-remove", qvm_remove},
    {"qvm-shutdown", qvm_shutdown}, {"qvm-start", qvm_start}, {"qvm-unpause", qvm_unpause},
};

int command_help(const char *usage)
{
    fputs(usage, stdout);
    return 0;
}

int command_misuse(const char *usage)
{
    fputs(usage, stderr);
    return 2;
}

int command_common_option(int option, const char *usage)
{
    switch (option) {
    case OPTION_HELP: return command_help(usage);
    case OPTION_VERSION: puts("Atoll " ATOLL_VERSION); return 0;
    case 'v':
    case 'q': return -1; /* Qubes' commands take them; ours say nothing when all is well */
    default: return command_misuse(usage);
    }
}

static bool is_excluded(const char *name, char *const excluded[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, excluded[i]))
            return true;
    return false;
}

bool selection_make(struct selection *s, int argc, char **argv, bool all, char *const excluded[], size_t excluded_count)
{
    *s = (struct selection){};
    if (!listing_load(&s->listing))
        return false;
    s->vms = calloc(s->listing.count + (size_t)argc + 1, sizeof(s->vms[0]));
    if (!s->vms)
        abort();
    for (int i = optind; !all && i < argc; i++) {
        struct listed_vm *vm = listing_find(&s->listing, argv[i]);
        if (!vm) {
            client_complainf("there is no VM named '%s'; see: qvm-ls", argv[i]);
            selection_free(s);
            return false;
        }
        s->vms[s->count++] = vm;
    }
    for (size_t i = 0; all && i < s->listing.count; i++) {
        struct listed_vm *vm = &s->listing.vms[i];
        if (strcmp(vm->class, "AdminVM") && !is_excluded(vm->name, excluded, excluded_count))
            s->vms[s->count++] = vm;
    }
    return true;
}

void selection_free(struct selection *s)
{
    listing_free(&s->listing);
    free(s->vms);
    *s = (struct selection){};
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');

    client_program = slash ? slash + 1 : argv[0];
    /* "qvm ls ..." is the same as "qvm-ls ...". */
    static char joined[64];
    if (!strcmp(client_program, "qvm") && argc > 1) {
        snprintf(joined, sizeof(joined), "qvm-%s", argv[1]);
        client_program = joined;
        argv++;
        argc--;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(commands[i].name, client_program))
            return commands[i].run(argc, argv);
    fputs("Usage: qvm COMMAND ...\nCommands:", stderr);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stderr, " %s", commands[i].name + strlen("qvm-"));
    fputs("\n", stderr);
    return 2;
}
