/* prefs.c - qvm-prefs and qvm-features: values of VMs */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char prefs_usage[] = "Usage: qvm-prefs [--hide-default] VM              all properties\n"
                                  "       qvm-prefs VM PROPERTY                      the value of one\n"
                                  "       qvm-prefs VM PROPERTY VALUE                set it\n"
                                  "       qvm-prefs -D VM PROPERTY                   back to its default\n"
                                  "       qvm-prefs --help-properties                what properties there are\n"
                                  "In the list, D marks a default, - a value that was set, U one that is unset.\n";
static const char features_usage[] = "Usage: qvm-features VM                    all features\n"
                                     "       qvm-features VM FEATURE            the value of one; status 1 if absent\n"
                                     "       qvm-features VM FEATURE VALUE      set it\n"
                                     "       qvm-features -D VM FEATURE         remove it\n";

struct prefs_options {
    bool hide_default, reset, help_properties;
};

enum { OPTION_HIDE = OPTION_OWN, OPTION_HELP_PROPERTIES };

static int parse(struct prefs_options *o, int argc, char **argv, const char *usage)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"default", no_argument, nullptr, 'D'},
                                            {"delete", no_argument, nullptr, 'D'},
                                            {"unset", no_argument, nullptr, 'D'},
                                            {"get", no_argument, nullptr, 'g'},
                                            {"set", no_argument, nullptr, 's'},
                                            {"hide-default", no_argument, nullptr, OPTION_HIDE},
                                            {"help-properties", no_argument, nullptr, OPTION_HELP_PROPERTIES},
                                            {}};
    int c, status;

    *o = (struct prefs_options){};
    while ((c = getopt_long(argc, argv, "+Dgshvq", options, nullptr)) != -1) {
        switch (c) {
        case 'D': o->reset = true; break;
        case 'g':
        case 's': break; /* as Qubes: what is meant follows from the number of arguments */
        case OPTION_HIDE: o->hide_default = true; break;
        case OPTION_HELP_PROPERTIES: o->help_properties = true; break;
        default:
            if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, usage)) >= 0)
                return status;
        }
    }
    return -1;
}

static int list_properties(const char *vm, bool hide_default)
{
    struct answer a = client_call(vm, "admin.vm.property.GetAll", "", "");
    struct listed_property p;

    if (!a.ok) {
        client_complain(a.text);
        answer_free(&a);
        return 1;
    }
    for (const char *lines = a.text; listing_next_property(&lines, &p);) {
        char mark = p.is_default ? 'D' : *p.value || strcmp(p.type, "vm") ? '-' : 'U';
        if (!(hide_default && p.is_default))
            printf("%-22s  %c  %s\n", p.name, mark, *p.value || strcmp(p.type, "vm") ? p.value : "None");
    }
    answer_free(&a);
    return 0;
}

/* What dom0 answers is all that every VM has, and an AppVM has all. */
static int help_properties(void)
{
    struct listing l;
    struct listed_property p;

    if (!listing_load(&l))
        return 1;
    for (size_t i = l.count; i-- > 0;) {
        if (strcmp(l.vms[i].class, "AppVM") && i > 0)
            continue;
        struct answer a = client_call(l.vms[i].name, "admin.vm.property.GetAll", "", "");
        for (const char *lines = a.ok ? a.text : ""; listing_next_property(&lines, &p);)
            printf("%-22s  %s\n", p.name, p.type);
        answer_free(&a);
        break;
    }
    listing_free(&l);
    return 0;
}

/* "default=True type=int 400" */
static int print_property(const char *vm, const char *name)
{
    struct answer a = client_call(vm, "admin.vm.property.Get", name, "");
    char *value = a.ok ? strchr(a.text, ' ') : nullptr;
    int status = a.ok ? 0 : 1;

    if (!a.ok)
        client_complain(a.text);
    else if (value && (value = strchr(value + 1, ' ')))
        puts(value + 1);
    answer_free(&a);
    return status;
}

int qvm_prefs(int argc, char **argv)
{
    struct prefs_options o;
    int status = parse(&o, argc, argv, prefs_usage);

    if (status >= 0)
        return status;
    int left = argc - optind;
    if (o.help_properties)
        return help_properties();
    if (left < 1 || left > 3 || (o.reset && left != 2))
        return command_misuse(prefs_usage);
    const char *vm = argv[optind], *name = argv[optind + 1];
    if (left == 1)
        return list_properties(vm, o.hide_default);
    if (o.reset)
        return client_do(vm, "admin.vm.property.Reset", name, "") ? 0 : 1;
    if (left == 2)
        return print_property(vm, name);
    return client_do(vm, "admin.vm.property.Set", name, argv[optind + 2]) ? 0 : 1;
}

static int print_feature(const char *vm, const char *name)
{
    struct answer a = client_call(vm, "admin.vm.feature.Get", name, "");
    int status = a.ok ? 0 : 1;

    if (a.ok)
        puts(a.text);
    else if (strcmp(a.exception, "QubesFeatureNotFoundError"))
        client_complain(a.text);
    answer_free(&a);
    return status;
}

static int list_features(const char *vm)
{
    struct answer names = client_call(vm, "admin.vm.feature.List", "", "");
    char *rest = names.text, *name;
    int status = names.ok ? 0 : 1;

    if (!names.ok)
        client_complain(names.text);
    while (names.ok && (name = strsep(&rest, "\n"))) {
        if (!*name)
            continue;
        struct answer value = client_call(vm, "admin.vm.feature.Get", name, "");
        if (value.ok)
            printf("%-22s  %s\n", name, value.text);
        answer_free(&value);
    }
    answer_free(&names);
    return status;
}

int qvm_features(int argc, char **argv)
{
    struct prefs_options o;
    int status = parse(&o, argc, argv, features_usage);

    if (status >= 0)
        return status;
    int left = argc - optind;
    if (left < 1 || left > 3 || (o.reset && left != 2))
        return command_misuse(features_usage);
    const char *vm = argv[optind], *name = argv[optind + 1];
    if (left == 1)
        return list_features(vm);
    if (o.reset)
        return client_do(vm, "admin.vm.feature.Remove", name, "") ? 0 : 1;
    if (left == 2)
        return print_feature(vm, name);
    return client_do(vm, "admin.vm.feature.Set", name, argv[optind + 2]) ? 0 : 1;
}
