/* system.c - which VMs there are, from qvm-ls */
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 };

static int add_vm(struct policy_system *system, const char *line, size_t length)
{
    const char *bar = memchr(line, '|', length);
    struct policy_vm *grown = realloc(system->vms, (system->count + 1) * sizeof(*grown));

    if (!grown)
        return -1;
    system->vms = grown;
    if (!bar)
        return -1;
    const char *type = bar + 1;
    size_t rest = length - (size_t)(type - line);
    const char *end = memchr(type, '|', rest);
    system->vms[system->count++] = (struct policy_vm){.name = strndup(line, (size_t)(bar - line)),
                                                      .type = strndup(type, end ? (size_t)(end - type) : rest)};
    return 0;
}

int policy_system_parse(struct policy_system *system, const char *text)
{
    *system = (struct policy_system){};
    while (*text) {
        size_t length = strcspn(text, "\n");

        /* dom0 is not one of the VMs that rules speak of. */
        if (length && strncmp(text, "dom0|", 5) != 0 && add_vm(system, text, length) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}

int policy_system_load(struct policy_system *system, char error[static POLICY_ERROR_SIZE])
{
    char *text = malloc(OUTPUT_MAX + 1);
    FILE *output = text ? popen("qvm-ls --raw-data --fields NAME,CLASS", "re") : nullptr;

    *system = (struct policy_system){};
    size_t n = output ? fread(text, 1, OUTPUT_MAX, output) : 0;
    int status = output ? pclose(output) : -1;
    if (text)
        text[n] = 0;
    int r = status == 0 && n < OUTPUT_MAX ? policy_system_parse(system, text) : -1;
    if (r < 0)
        snprintf(error, POLICY_ERROR_SIZE, "qvm-ls does not tell which VMs there are");
    free(text);
    return r;
}

void policy_system_free(struct policy_system *system)
{
    for (size_t i = 0; i < system->count; i++) {
        free(system->vms[i].name);
        free(system->vms[i].type);
        for (char **tag = system->vms[i].tags; tag && *tag; tag++)
            free(*tag);
        free(system->vms[i].tags);
    }
    free(system->vms);
    *system = (struct policy_system){};
}
