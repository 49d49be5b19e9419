/* xenstore: the store by hand, for people and scripts: xenstore COMMAND ..., or under its name xenstore-COMMAND */
#include "xenstore.h"
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool full;        /* -f: whole paths */
    bool permissions; /* -p */
    bool recursive;   /* -r */
    long count;       /* -n; 0: for ever */
};

struct command {
    const char *name;
    const char *usage;
    const char *letters; /* of options */
    int least;           /* arguments */
    int (*run)(struct xs_handle *h, const struct options *options, int count, char **arguments);
};

static int complain(const char *what, const char *path)
{
    fprintf(stderr, "xenstore: cannot %s %s: %s\n", what, path, strerror(errno));
    return 1;
}

/* Values come from VMs: only what cannot move the cursor is printed as it is. */
static void print_value(const char *value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c == '\\' || c == '"')
            printf("\\%c", c);
        else if (c >= ' ' && c < 0x7f)
            putchar(c);
        else if (c == '\n')
            fputs("\\n", stdout);
        else
            printf("\\x%02x", c);
    }
}

static void print_permissions(struct xs_handle *h, const char *path)
{
    unsigned count;
    struct xs_permissions *list = xs_get_permissions(h, XBT_NULL, path, &count);

    if (!list)
        return;
    for (unsigned i = 0; i < count; i++)
        printf("%s%c%u", i ? "," : " (", "nrwb"[list[i].perms & 3], list[i].id);
    putchar(')');
    free(list);
}

static char *join(const char *parent, const char *name)
{
    char *path;

    if (asprintf(&path, "%s%s%s", parent, parent[strlen(parent) - 1] == '/' ? "" : "/", name) < 0)
        abort();
    return path;
}

static int list_below(struct xs_handle *h, const struct options *options, const char *parent, int depth);

static int list_one(struct xs_handle *h, const struct options *options, const char *path, const char *name, int depth)
{
    unsigned bytes;
    char *value = xs_read(h, XBT_NULL, path, &bytes);

    if (!value)
        return errno == ENOENT || errno == EACCES ? 0 : complain("read", path); /* gone meanwhile, or not ours */
    if (options->full)
        printf("%s = \"", path);
    else
        printf("%*s%s = \"", depth, "", name);
    print_value(value, bytes);
    putchar('"');
    if (options->permissions)
        print_permissions(h, path);
    putchar('\n');
    free(value);
    return list_below(h, options, path, depth + 1);
}

static int list_below(struct xs_handle *h, const struct options *options, const char *parent, int depth)
{
    unsigned count;
    char **names = xs_directory(h, XBT_NULL, parent, &count);
    int status = 0;

    if (!names)
        return depth && (errno == ENOENT || errno == EACCES) ? 0 : complain("list", parent);
    for (unsigned i = 0; i < count && !status; i++) {
        char *path = join(parent, names[i]);

        status = list_one(h, options, path, names[i], depth);
        free(path);
    }
    free(names);
    return status;
}

static int run_ls(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    return list_below(h, options, count ? arguments[0] : "/", 0);
}

static int run_list(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        unsigned children;
        char **names = xs_directory(h, XBT_NULL, arguments[i], &children);

        if (!names)
            return complain("list", arguments[i]);
        for (unsigned j = 0; j < children; j++)
            printf("%s%s%s\n", options->permissions ? arguments[i] : "", options->permissions ? "/" : "", names[j]);
        free(names);
    }
    return 0;
}

static int run_read(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        unsigned bytes;
        char *value = xs_read(h, XBT_NULL, arguments[i], &bytes);

        if (!value)
            return complain("read", arguments[i]);
        if (options->permissions)
            printf("%s: ", arguments[i]);
        print_value(value, bytes);
        putchar('\n');
        free(value);
    }
    return 0;
}

static int run_write(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    xs_transaction_t t;

    if (count % 2) {
        fputs("xenstore: 'write' takes pairs of PATH and VALUE\n", stderr);
        return 2;
    }
    do {
        t = xs_transaction_start(h);
        for (int i = 0; i < count; i += 2) {
            if (t && xs_write(h, t, arguments[i], arguments[i + 1], (unsigned)strlen(arguments[i + 1])))
                continue;
            return complain("write", arguments[i]);
        }
        if (xs_transaction_end(h, t, false))
            return 0;
    } while (errno == EAGAIN);
    return complain("write", arguments[0]);
}

static int run_rm(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (!xs_rm(h, XBT_NULL, arguments[i]))
            return complain("remove", arguments[i]);
    return 0;
}

static int run_exists(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        char *value = xs_read(h, XBT_NULL, arguments[i], NULL);

        if (!value)
            return 1;
        free(value);
    }
    return 0;
}

static int set_permissions(struct xs_handle *h, const struct options *options, const char *path, char **modes,
                           unsigned count)
{
    struct xs_permissions *list = calloc(count, sizeof(*list));
    unsigned children = 0;
    char **names = options->recursive ? xs_directory(h, XBT_NULL, path, &children) : NULL;
    int status = 0;

    for (unsigned i = 0; list && i < count && !status; i++)
        if (!xs_strings_to_perms(&list[i], 1, modes[i]))
            status = complain("understand the permission", modes[i]);
    if (!status && (!list || !xs_set_permissions(h, XBT_NULL, path, list, count)))
        status = complain("set permissions of", path);
    for (unsigned i = 0; i < children && !status; i++) {
        char *child = join(path, names[i]);

        status = set_permissions(h, options, child, modes, count);
        free(child);
    }
    free(names);
    free(list);
    return status;
}

static int run_chmod(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    return set_permissions(h, options, arguments[0], arguments + 1, (unsigned)count - 1);
}

static int run_watch(struct xs_handle *h, const struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (!xs_watch(h, arguments[i], arguments[i]))
            return complain("watch", arguments[i]);
    for (long seen = 0; !options->count || seen < options->count; seen++) {
        unsigned ignored;
        char **event = xs_read_watch(h, &ignored);

        if (!event)
            return complain("read events of", arguments[0]);
        puts(event[XS_WATCH_PATH]);
        fflush(stdout);
        free(event);
    }
    return 0;
}

static const struct command commands[] = {
    {"chmod", "[-r] PATH MODE...", "r", 2, run_chmod},   {"exists", "PATH...", "", 1, run_exists},
    {"list", "[-p] PATH...", "p", 1, run_list},          {"ls", "[-f] [-p] [PATH]", "fp", 0, run_ls},
    {"read", "[-p] PATH...", "p", 1, run_read},          {"rm", "PATH...", "", 1, run_rm},
    {"watch", "[-n COUNT] PATH...", "n:", 1, run_watch}, {"write", "PATH VALUE...", "", 2, run_write},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
    for (size_t i = 0; name && i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

[[noreturn]] static void usage(const struct command *command)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!command || command == &commands[i])
            fprintf(stderr, "usage: xenstore-%s %s\n", commands[i].name, commands[i].usage);
    exit(2);
}

static struct options parse(const struct command *command, int count, char **arguments)
{
    struct options options = {0};
    char letters[8];

    snprintf(letters, sizeof(letters), "+%s", command->letters);
    for (int c; (c = getopt(count, arguments, letters)) >= 0;) {
        switch (c) {
        case 'f': options.full = true; break;
        case 'p': options.permissions = true; break;
        case 'r': options.recursive = true; break;
        case 'n': options.count = strtol(optarg, NULL, 10); break;
        default: usage(command);
        }
    }
    if (count - optind < command->least)
        usage(command);
    return options;
}

int main(int count, char **arguments)
{
    const char *slash = strrchr(arguments[0], '/'), *name = slash ? slash + 1 : arguments[0];
    const struct command *command = strncmp(name, "xenstore-", 9) == 0 ? find(name + 9) : NULL;
    struct options options;
    struct xs_handle *h;
    int status;

    if (!command) {
        command = count > 1 ? find(arguments[1]) : NULL;
        if (!command)
            usage(NULL);
        arguments++;
        count--;
    }
    options = parse(command, count, arguments);
    h = xs_open(0);
    if (!h) {
        fprintf(
            stderr,
            "xenstore: cannot reach the store: %s; is xenstored running (in dom0), /dev/xen/xenbus there (in a VM)?\n",
            strerror(errno));
        return 1;
    }
    status = command->run(h, &options, count - optind, arguments + optind);
    xs_close(h);
    return status;
}
