/* label.c - the colours that mark VMs */
#include "toolstack/daemon/label.h"

#include <string.h>

static const struct label labels[] = {
    {"red", 1, "cc0000"},  {"orange", 2, "f57900"}, {"yellow", 3, "edd400"}, {"green", 4, "73d216"},
    {"gray", 5, "555555"}, {"blue", 6, "3465a4"},   {"purple", 7, "75507b"}, {"black", 8, "000000"},
};

const struct label *label_at(size_t i)
{
    return i < sizeof(labels) / sizeof(labels[0]) ? &labels[i] : nullptr;
}

const struct label *label_find(const char *name)
{
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (!strcmp(labels[i].name, name))
            return &labels[i];
    return nullptr;
}
