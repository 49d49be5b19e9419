/* listing.c - the VMs that atolld knows, with their properties */
#include "toolstack/qvm/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/qvm/client.h"

/* dom0 first, the others by name. */
static int compare(const void *a, const void *b)
{
    const struct listed_vm *x = a, *y = b;
    bool x_admin = !strcmp(x->class, "AdminVM"), y_admin = !strcmp(y->class, "AdminVM");

    if (x_admin != y_admin)
        return x_admin ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void take_line(struct listing *l, char *line)
{
    struct listed_vm vm = {};
    char *rest = line, *word = strsep(&rest, " ");

    snprintf(vm.name, sizeof(vm.name), "%s", word);
    while ((word = strsep(&rest, " "))) {
        if (!strncmp(word, "class=", 6))
            snprintf(vm.class, sizeof(vm.class), "%s", word + 6);
        else if (!strncmp(word, "state=", 6))
            snprintf(vm.state, sizeof(vm.state), "%s", word + 6);
        else if (!strncmp(word, "uuid=", 5))
            snprintf(vm.uuid, sizeof(vm.uuid), "%s", word + 5);
    }
    struct listed_vm *grown = realloc(l->vms, (l->count + 1) * sizeof(*grown));
    if (!grown)
        abort();
    l->vms = grown;
    l->vms[l->count++] = vm;
}

bool listing_load(struct listing *l)
{
    struct answer a = client_call("dom0", "admin.vm.List", "", "");
    char *rest = a.text, *line;
    bool ok = a.ok;

    *l = (struct listing){};
    if (!ok)
        client_complain(a.text);
    while (ok && (line = strsep(&rest, "\n")))
        if (*line)
            take_line(l, line);
    answer_free(&a);
    if (l->count)
        qsort(l->vms, l->count, sizeof(l->vms[0]), compare);
    return ok;
}

void listing_free(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->vms[i].properties);
    free(l->vms);
    *l = (struct listing){};
}

struct listed_vm *listing_find(const struct listing *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->vms[i].name, name))
            return &l->vms[i];
    return nullptr;
}

/* "NAME default=True type=str VALUE", newlines and backslashes of the value escaped. */
bool listing_next_property(const char **lines, struct listed_property *out)
{
    char is_default[8];
    int start = 0;
    const char *line = *lines;
    const char *end = strchr(line, '\n');
    size_t length = 0;

    if (!end || sscanf(line, "%63s default=%7s type=%15s%n", out->name, is_default, out->type, &start) != 3)
        return false;
    out->is_default = !strcmp(is_default, "True");
    for (const char *c = line + start + 1; c < end && length + 1 < sizeof(out->value); c++) {
        bool escaped = *c == '\\' && c + 1 < end;
        if (escaped)
            c++;
        out->value[length++] = escaped && *c == 'n' ? '\n' : *c;
    }
    out->value[length] = 0;
    *lines = end + 1;
    return true;
}

const char *listing_property(struct listed_vm *vm, const char *name)
{
    static struct listed_property p;

    if (!vm->properties) {
        struct answer a = client_call(vm->name, "admin.vm.property.GetAll", "", "");
        vm->properties = a.ok ? a.text : strdup("");
        if (a.ok)
            a.text = nullptr;
        answer_free(&a);
    }
    for (const char *lines = vm->properties; lines && listing_next_property(&lines, &p);)
        if (!strcmp(p.name, name))
            return p.value;
    return nullptr;
}
