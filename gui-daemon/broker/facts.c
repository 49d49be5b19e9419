/* facts.c - see facts.h */
#include "facts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"

enum { DOMID_LAST = 32751 };

static bool parse_colour(const char *text, uint32_t *colour)
{
    if (strspn(text, "0123456789abcdefABCDEF") != 6 || strlen(text) != 6)
        return false;
    *colour = (uint32_t)strtoul(text, nullptr, 16);
    return true;
}

static bool from_object(json_t *object, struct fact *fact)
{
    const char *event, *name = nullptr, *label = nullptr;
    json_int_t domid;

    if (json_unpack(object, "{s:s, s:I, s?s, s?s}", "event", &event, "domid", &domid, "name", &name, "label", &label))
        return false;
    if (domid < 1 || domid > DOMID_LAST)
        return false;
    memset(fact, 0, sizeof(*fact));
    fact->domid = (uint32_t)domid;
    /* A VM that got another label starts anew as far as windows are concerned: none keeps the old colour. */
    fact->started = !strcmp(event, "vm-started") || !strcmp(event, "vm-changed");
    if (!fact->started)
        return !strcmp(event, "vm-stopped");
    if (!name || !label || !text_is_vm_name(name) || !parse_colour(label, &fact->colour))
        return false;
    snprintf(fact->name, sizeof(fact->name), "%s", name);
    return true;
}

bool fact_parse(const char *line, size_t length, struct fact *fact)
{
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, nullptr);
    bool done = object && from_object(object, fact);

    json_decref(object);
    return done;
}
