/* create.c - qvm-create and qvm-clone */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char create_usage[] =
    "Usage: qvm-create [-C CLASS] [-t TEMPLATE] -l LABEL [--property NAME=VALUE]... NAME\n"
    "Makes a new VM.\n"
    "  -l, --label LABEL          its colour: red, orange, yellow, green, gray, blue, purple or black\n"
    "  -C, --class CLASS          AppVM (default), StandaloneVM or TemplateVM\n"
    "      --standalone           the same as --class StandaloneVM\n"
    "  -t, --template TEMPLATE    whose root it uses (default: the first template)\n"
    "      --property NAME=VALUE  set a property, as qvm-prefs does (also --prop)\n"
    "      --help-classes         list the classes\n";

enum { PROPERTIES_MAX = 64 };

struct create_options {
    const char *class, *template, *label, *name;
    char *properties[PROPERTIES_MAX]; /* NAME=VALUE */
    size_t property_count;
};

enum { OPTION_PROPERTY = OPTION_OWN, OPTION_STANDALONE, OPTION_CLASSES };

static bool add_property(struct create_options *o, char *text)
{
    if (!strchr(text, '=') || o->property_count == PROPERTIES_MAX) {
        client_complainf("'%s' is not NAME=VALUE.", text);
        return false;
    }
    o->properties[o->property_count++] = text;
    return true;
}

static int parse(struct create_options *o, int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"class", required_argument, nullptr, 'C'},
                                            {"template", required_argument, nullptr, 't'},
                                            {"label", required_argument, nullptr, 'l'},
                                            {"property", required_argument, nullptr, OPTION_PROPERTY},
                                            {"prop", required_argument, nullptr, OPTION_PROPERTY},
                                            {"standalone", no_argument, nullptr, OPTION_STANDALONE},
                                            {"help-classes", no_argument, nullptr, OPTION_CLASSES},
                                            {}};
    int c, status;

    *o = (struct create_options){.class = "AppVM", .template = ""};
    while ((c = getopt_long(argc, argv, "C:t:l:hvq", options, nullptr)) != -1) {
        switch (c) {
        case 'C': o->class = optarg; break;
        case 't': o->template = optarg; break;
        case 'l': o->label = optarg; break;
        case OPTION_STANDALONE: o->class = "StandaloneVM"; break;
        case OPTION_CLASSES: puts("AppVM\nStandaloneVM\nTemplateVM"); return 0;
        case OPTION_PROPERTY:
            if (!add_property(o, optarg))
                return 2;
            break;
        default:
            if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, create_usage)) >= 0)
                return status;
        }
    }
    if (optind + 1 != argc)
        return command_misuse(create_usage);
    o->name = argv[optind];
    if (!o->label) {
        client_complain(
            "a VM needs a colour: give --label with red, orange, yellow, green, gray, blue, purple or black.");
        return 2;
    }
    return -1;
}

/* The payload separates its parts by spaces, so what contains one is refused here, in the words of atolld. */
static bool check_words(const struct create_options *o)
{
    if (strchr(o->name, ' ') || strlen(o->name) > 100) {
        client_complainf("'%.60s' is not a valid name: letters, digits, '-' and '_' only, starting with a letter, at "
                         "most 31 characters.",
                         o->name);
        return false;
    }
    if (strchr(o->label, ' ') || strlen(o->label) > 100) {
        client_complainf("'%.60s' is not a label; there are red, orange, yellow, green, gray, blue, purple and black.",
                         o->label);
        return false;
    }
    return true;
}

static bool set_properties(const struct create_options *o)
{
    for (size_t i = 0; i < o->property_count; i++) {
        char *value = strchr(o->properties[i], '=');
        *value++ = 0;
        if (!client_do(o->name, "admin.vm.property.Set", o->properties[i], value))
            return false;
    }
    return true;
}

static bool create(const struct create_options *o)
{
    char method[96], payload[256];

    snprintf(method, sizeof(method), "admin.vm.Create.%.64s", o->class);
    snprintf(payload, sizeof(payload), "name=%s label=%s", o->name, o->label);
    if (!client_do("dom0", method, o->template, payload))
        return false;
    if (set_properties(o))
        return true;
    /* All or nothing. */
    if (!client_do(o->name, "admin.vm.Remove", "", ""))
        client_complainf("the half-made '%s' is left; remove it with: qvm-remove %s", o->name, o->name);
    return false;
}

int qvm_create(int argc, char **argv)
{
    struct create_options o;
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    return check_words(&o) && create(&o) ? 0 : 1;
}

static const char clone_usage[] =
    "Usage: qvm-clone VM NEW-NAME\n"
    "Makes a VM with the class, template, colour, properties and features of another, and\n"
    "with copies of its volumes. Both must be halted.\n";

int qvm_clone(int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS, {}};
    int c, status;

    while ((c = getopt_long(argc, argv, "hvq", options, nullptr)) != -1)
        if ((status = command_common_option(c == 'h' ? OPTION_HELP : c, clone_usage)) >= 0)
            return status;
    if (optind + 2 != argc)
        return command_misuse(clone_usage);
    return client_do(argv[optind], "atoll.vm.Clone", "", argv[optind + 1]) ? 0 : 1;
}
