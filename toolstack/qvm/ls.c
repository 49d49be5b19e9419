/* ls.c - qvm-ls: a table of VMs */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "toolstack/qvm/client.h"
#include "toolstack/qvm/command.h"

static const char usage[] =
    "Usage: qvm-ls [-o FORMAT | -O FIELD,...] [--raw-data | --raw-list | --json] [FILTER]... [VM...]\n"
    "Lists VMs.\n"
    "  -o, --format FORMAT  simple (default), kernel, full or prefs\n"
    "  -O, --fields F,...   columns: NAME, STATE, CLASS, LABEL, TEMPLATE, XID, QID, UUID or any property\n"
    "      --raw-data       without header, columns separated by |\n"
    "      --raw-list       names only\n"
    "      --json           an array of objects\n"
    "      --sort COLUMN, --reverse\n"
    "Filters: --class CLASS, --label LABEL, --template-source VM, --running, --paused, --halted\n";

enum { COLUMNS_MAX = 32, COLUMN_NAME_MAX = 32, CELL_MAX = 256 };
enum output { TABLE, RAW_DATA, RAW_LIST, JSON };

struct ls_options {
    char columns[COLUMNS_MAX][COLUMN_NAME_MAX]; /* upper case */
    size_t column_count;
    enum output output;
    const char *class, *label, *template, *sort;
    bool running, paused, halted, reverse;
};

static const struct {
    const char *name, *columns;
} formats[] = {
    {"simple", "NAME,STATE,CLASS,LABEL,TEMPLATE,NETVM"},
    {"kernel", "NAME,STATE,CLASS,TEMPLATE,KERNEL,KERNELOPTS"},
    {"full", "NAME,STATE,CLASS,LABEL,QID,XID,UUID"},
    {"prefs", "NAME,LABEL,TEMPLATE,NETVM,VCPUS,INITIALMEM,MAXMEM,VIRT_MODE"},
};

enum {
    OPTION_RAW_DATA = OPTION_OWN,
    OPTION_RAW_LIST,
    OPTION_JSON,
    OPTION_CLASS,
    OPTION_LABEL,
    OPTION_TEMPLATE,
    OPTION_RUNNING,
    OPTION_PAUSED,
    OPTION_HALTED,
    OPTION_SORT,
    OPTION_REVERSE,
    OPTION_IGNORED
};

static bool set_columns(struct ls_options *o, const char *list)
{
    char text[1024], *rest = text, *word;

    if (snprintf(text, sizeof(text), "%s", list) >= (int)sizeof(text))
        return false;
    o->column_count = 0;
    while ((word = strsep(&rest, ","))) {
        if (!*word || strlen(word) >= COLUMN_NAME_MAX || o->column_count == COLUMNS_MAX)
            return false;
        char *column = o->columns[o->column_count++];
        for (; *word; word++)
            *column++ = *word >= 'a' && *word <= 'z' ? (char)(*word - 32) : *word == '-' ? '_' : *word;
        *column = 0;
    }
    return true;
}

static bool set_format(struct ls_options *o, const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (!strcmp(formats[i].name, name))
            return set_columns(o, formats[i].columns);
    client_complainf("there is no format '%s'; there are simple, kernel, full and prefs.", name);
    return false;
}

static int take_option(struct ls_options *o, int c)
{
    switch (c) {
    case 'o': return set_format(o, optarg) ? -1 : 2;
    case 'O': return set_columns(o, optarg) ? -1 : command_misuse(usage);
    case OPTION_RAW_DATA: o->output = RAW_DATA; return -1;
    case OPTION_RAW_LIST: o->output = RAW_LIST; return -1;
    case OPTION_JSON: o->output = JSON; return -1;
    case OPTION_CLASS: o->class = optarg; return -1;
    case OPTION_LABEL: o->label = optarg; return -1;
    case OPTION_TEMPLATE: o->template = optarg; return -1;
    case OPTION_SORT: o->sort = optarg; return -1;
    case OPTION_RUNNING: o->running = true; return -1;
    case OPTION_PAUSED: o->paused = true; return -1;
    case OPTION_HALTED: o->halted = true; return -1;
    case OPTION_REVERSE: o->reverse = true; return -1;
    case OPTION_IGNORED: return -1;
    default: return command_common_option(c == 'h' ? OPTION_HELP : c, usage);
    }
}

static int parse(struct ls_options *o, int argc, char **argv)
{
    static const struct option options[] = {COMMON_OPTIONS,
                                            {"format", required_argument, nullptr, 'o'},
                                            {"fields", required_argument, nullptr, 'O'},
                                            {"raw-data", no_argument, nullptr, OPTION_RAW_DATA},
                                            {"raw-list", no_argument, nullptr, OPTION_RAW_LIST},
                                            {"json", no_argument, nullptr, OPTION_JSON},
                                            {"class", required_argument, nullptr, OPTION_CLASS},
                                            {"label", required_argument, nullptr, OPTION_LABEL},
                                            {"template-source", required_argument, nullptr, OPTION_TEMPLATE},
                                            {"running", no_argument, nullptr, OPTION_RUNNING},
                                            {"paused", no_argument, nullptr, OPTION_PAUSED},
                                            {"halted", no_argument, nullptr, OPTION_HALTED},
                                            {"sort", required_argument, nullptr, OPTION_SORT},
                                            {"reverse", no_argument, nullptr, OPTION_REVERSE},
                                            {"all", no_argument, nullptr, OPTION_IGNORED},
                                            {"spinner", no_argument, nullptr, OPTION_IGNORED},
                                            {"no-spinner", no_argument, nullptr, OPTION_IGNORED},
                                            {}};
    int c;

    *o = (struct ls_options){};
    set_format(o, "simple");
    while ((c = getopt_long(argc, argv, "o:O:hvq", options, nullptr)) != -1) {
        int status = take_option(o, c);
        if (status >= 0)
            return status;
    }
    return -1;
}

/* Columns that are called otherwise than the property they show. */
static const char *property_of(const char *column)
{
    static const struct {
        const char *column, *property;
    } names[] = {{"CLASS", "klass"}, {"INITIALMEM", "memory"}};
    static char lower[COLUMN_NAME_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(names[i].column, column))
            return names[i].property;
    size_t i = 0;
    for (; column[i]; i++)
        lower[i] = column[i] >= 'A' && column[i] <= 'Z' ? (char)(column[i] + 32) : column[i];
    lower[i] = 0;
    return lower;
}

/* The text of one cell; "-" for what there is not. */
static void cell(struct listed_vm *vm, const char *column, char out[CELL_MAX])
{
    const char *value = nullptr;

    if (!strcmp(column, "NAME"))
        value = vm->name;
    else if (!strcmp(column, "STATE"))
        value = vm->state;
    else if (!strcmp(column, "CLASS"))
        value = vm->class;
    else if (!strcmp(column, "UUID"))
        value = vm->uuid;
    else
        value = listing_property(vm, property_of(column));
    if (!strcmp(column, "XID") && value && !strcmp(value, "-1"))
        value = nullptr;
    snprintf(out, CELL_MAX, "%s", value && *value ? value : "-");
}

static bool passes(struct listed_vm *vm, const struct ls_options *o, int argc, char **argv)
{
    const char *value;

    if (o->running || o->paused || o->halted)
        if (!(o->running && !strcmp(vm->state, "Running")) && !(o->paused && !strcmp(vm->state, "Paused")) &&
            !(o->halted && !strcmp(vm->state, "Halted")))
            return false;
    if (o->class && strcmp(vm->class, o->class))
        return false;
    if (o->label && (!(value = listing_property(vm, "label")) || strcmp(value, o->label)))
        return false;
    if (o->template && (!(value = listing_property(vm, "template")) || strcmp(value, o->template)))
        return false;
    for (int i = optind; i < argc; i++)
        if (!strcmp(vm->name, argv[i]))
            return true;
    return optind == argc;
}

/* The chosen VMs, and all cells of them by row. */
struct table {
    struct listed_vm **rows;
    size_t row_count;
    char (*cells)[CELL_MAX];
};

static const struct ls_options *sort_options; /* qsort hands nothing through */

static int compare(const void *a, const void *b)
{
    char x[CELL_MAX], y[CELL_MAX], column[COLUMN_NAME_MAX];
    struct ls_options names;

    (void)set_columns(&names, sort_options->sort);
    memcpy(column, names.columns[0], sizeof(column));
    cell(*(struct listed_vm *const *)a, column, x);
    cell(*(struct listed_vm *const *)b, column, y);
    return strcmp(x, y);
}

static void fill(struct table *t, struct listing *l, const struct ls_options *o, int argc, char **argv)
{
    *t = (struct table){.rows = calloc(l->count + 1, sizeof(t->rows[0])),
                        .cells = calloc((l->count + 1) * (o->column_count + 1), CELL_MAX)};
    if (!t->rows || !t->cells)
        abort();
    for (size_t i = 0; i < l->count; i++)
        if (passes(&l->vms[i], o, argc, argv))
            t->rows[t->row_count++] = &l->vms[i];
    sort_options = o;
    if (o->sort)
        qsort(t->rows, t->row_count, sizeof(t->rows[0]), compare);
    for (size_t i = 0; o->reverse && i < t->row_count / 2; i++) {
        struct listed_vm *swap = t->rows[i];
        t->rows[i] = t->rows[t->row_count - 1 - i];
        t->rows[t->row_count - 1 - i] = swap;
    }
    for (size_t i = 0; o->output != RAW_LIST && i < t->row_count; i++)
        for (size_t k = 0; k < o->column_count; k++)
            cell(t->rows[i], o->columns[k], t->cells[i * o->column_count + k]);
}

static void print_table(const struct table *t, const struct ls_options *o)
{
    size_t width[COLUMNS_MAX];

    for (size_t k = 0; k < o->column_count; k++) {
        width[k] = strlen(o->columns[k]);
        for (size_t i = 0; i < t->row_count; i++) {
            size_t w = strlen(t->cells[i * o->column_count + k]);
            width[k] = w > width[k] ? w : width[k];
        }
    }
    for (size_t row = 0; row <= t->row_count; row++) {
        for (size_t k = 0; k < o->column_count; k++) {
            const char *text = row ? t->cells[(row - 1) * o->column_count + k] : o->columns[k];
            if (k + 1 < o->column_count)
                printf("%-*s  ", (int)width[k], text);
            else
                puts(text);
        }
    }
}

static void print_raw(const struct table *t, const struct ls_options *o)
{
    for (size_t i = 0; i < t->row_count; i++)
        for (size_t k = 0; k < o->column_count; k++)
            printf("%s%s", t->cells[i * o->column_count + k], k + 1 < o->column_count ? "|" : "\n");
}

static void print_json(const struct table *t, const struct ls_options *o)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->row_count; i++) {
        json_t *object = json_object();
        for (size_t k = 0; k < o->column_count; k++) {
            const char *text = t->cells[i * o->column_count + k];
            json_t *value = strcmp(text, "-") ? json_string(text) : json_null();
            char name[COLUMN_NAME_MAX];
            for (size_t c = 0; c <= strlen(o->columns[k]); c++)
                name[c] = o->columns[k][c] >= 'A' && o->columns[k][c] <= 'Z' ? (char)(o->columns[k][c] + 32)
                                                                             : o->columns[k][c];
            json_object_set_new(object, name, value);
        }
        json_array_append_new(array, object);
    }
    json_dumpf(array, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(array);
}

static bool all_exist(const struct listing *l, int argc, char **argv)
{
    for (int i = optind; i < argc; i++) {
        if (!listing_find(l, argv[i])) {
            client_complainf("there is no VM named '%s'; see: qvm-ls", argv[i]);
            return false;
        }
    }
    return true;
}

int qvm_ls(int argc, char **argv)
{
    struct ls_options o;
    struct listing l;
    struct table t;
    int status = parse(&o, argc, argv);

    if (status >= 0)
        return status;
    if (!listing_load(&l))
        return 1;
    if (!all_exist(&l, argc, argv)) {
        listing_free(&l);
        return 1;
    }
    fill(&t, &l, &o, argc, argv);
    switch (o.output) {
    case TABLE: print_table(&t, &o); break;
    case RAW_DATA: print_raw(&t, &o); break;
    case JSON: print_json(&t, &o); break;
    case RAW_LIST:
        for (size_t i = 0; i < t.row_count; i++)
            puts(t.rows[i]->name);
        break;
    }
    free(t.rows);
    free(t.cells);
    listing_free(&l);
    return 0;
}
