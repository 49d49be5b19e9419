#include "permissions.h"
#include "memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool identity_is_privileged(const struct identity *who)
{
    return who->domid == 0;
}

struct permissions permissions_single(domid_t owner, uint8_t others)
{
    struct permission entry = {owner, others};

    return (struct permissions){1, must_copy(&entry, sizeof(entry))};
}

struct permissions permissions_copy(const struct permissions *from)
{
    return (struct permissions){from->count, must_copy(from->entries, from->count * sizeof(*from->entries))};
}

void permissions_free(struct permissions *list)
{
    free(list->entries);
    *list = (struct permissions){0};
}

bool permissions_equal(const struct permissions *a, const struct permissions *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->entries[i].domid != b->entries[i].domid || a->entries[i].access != b->entries[i].access)
            return false;
    return true;
}

static unsigned access_of_domain(const struct permissions *list, domid_t domid)
{
    if (list->entries[0].domid == domid)
        return ACCESS_READ | ACCESS_WRITE | ACCESS_OWNER;
    for (uint32_t i = 1; i < list->count; i++)
        if (list->entries[i].domid == domid)
            return list->entries[i].access;
    return list->entries[0].access;
}

unsigned permissions_of(const struct permissions *list, const struct identity *who)
{
    if (identity_is_privileged(who))
        return ACCESS_READ | ACCESS_WRITE | ACCESS_OWNER;
    if (who->target != DOMID_INVALID && list->entries[0].domid == who->target)
        return ACCESS_READ | ACCESS_WRITE | ACCESS_OWNER;
    return access_of_domain(list, who->domid);
}

bool permissions_forget(struct permissions *list, domid_t domid)
{
    uint32_t kept = 1;

    for (uint32_t i = 1; i < list->count; i++)
        if (list->entries[i].domid != domid)
            list->entries[kept++] = list->entries[i];
    if (kept == list->count)
        return false;
    list->count = kept;
    return true;
}

static bool parse_access(char letter, uint8_t *access)
{
    switch (letter) {
    case 'n': *access = ACCESS_NONE; return true;
    case 'r': *access = ACCESS_READ; return true;
    case 'w': *access = ACCESS_WRITE; return true;
    case 'b': *access = ACCESS_READ | ACCESS_WRITE; return true;
    default: return false;
    }
}

static bool parse_entry(const char *untrusted, struct permission *entry)
{
    char *end;
    unsigned long domid;

    if (!parse_access(untrusted[0], &entry->access) || untrusted[1] < '0' || untrusted[1] > '9')
        return false;
    domid = strtoul(untrusted + 1, &end, 10);
    if (*end || domid >= DOMID_FIRST_RESERVED)
        return false;
    entry->domid = (domid_t)domid;
    return true;
}

bool permissions_parse(const char *untrusted, size_t bytes, struct permissions *out)
{
    struct permission entries[PERMISSIONS_MAX];
    uint32_t count = 0;

    if (!bytes || untrusted[bytes - 1] != '\0')
        return false;
    for (size_t at = 0; at < bytes; at += strlen(untrusted + at) + 1)
        if (count == PERMISSIONS_MAX || !parse_entry(untrusted + at, &entries[count++]))
            return false;
    *out = (struct permissions){count, must_copy(entries, count * sizeof(entries[0]))};
    return true;
}

size_t permissions_format(const struct permissions *list, char *out, size_t room)
{
    static const char letters[] = "nrwb";
    size_t needed = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        char text[8];
        size_t length =
            (size_t)snprintf(text, sizeof(text), "%c%u", letters[list->entries[i].access & 3], list->entries[i].domid) +
            1;

        if (needed + length <= room)
            memcpy(out + needed, text, length);
        needed += length;
    }
    return needed;
}
