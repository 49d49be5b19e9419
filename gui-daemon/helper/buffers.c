/* buffers.c - see buffers.h */
#include "buffers.h"

#include <string.h>

static struct buffer_entry *find(struct buffers *buffers, uint32_t id)
{
    for (uint32_t i = 0; i < GUI_BUFFERS_MAX; i++)
        if (buffers->entries[i].id == id)
            return &buffers->entries[i];
    return nullptr;
}

const char *buffers_begin(struct buffers *buffers, const struct gui_buffer_new *wire)
{
    if (buffers->incoming.header.object)
        return "two buffers at a time";
    if (find(buffers, wire->header.object))
        return "buffer id in use";
    if (buffers->count >= GUI_BUFFERS_MAX || buffers->pages + wire->pages > GUI_VM_PAGES_MAX)
        return "too many buffers";
    buffers->incoming = *wire;
    buffers->have = 0;
    return nullptr;
}

const char *buffers_add(struct buffers *buffers, const struct gui_buffer_refs *wire, bool *complete)
{
    const struct gui_buffer_new *incoming = &buffers->incoming;

    if (!incoming->header.object || wire->header.object != incoming->header.object)
        return "references without a buffer";
    if (wire->first != buffers->have || wire->count > incoming->pages - buffers->have)
        return "references out of order";
    memcpy(buffers->refs + buffers->have, wire->refs, wire->count * sizeof(wire->refs[0]));
    buffers->have += wire->count;
    *complete = buffers->have == incoming->pages;
    return nullptr;
}

void buffers_end(struct buffers *buffers, uint64_t offset)
{
    struct buffer_entry *entry = find(buffers, 0);

    *entry = (struct buffer_entry){buffers->incoming.header.object, buffers->incoming.pages, offset, false};
    buffers->count++;
    buffers->pages += entry->pages;
    buffers->incoming.header.object = 0;
}

const char *buffers_delete(struct buffers *buffers, uint32_t id)
{
    struct buffer_entry *entry = find(buffers, id);

    if (!entry || entry->deleted)
        return "unknown buffer";
    entry->deleted = true;
    return nullptr;
}

bool buffers_gone(struct buffers *buffers, uint32_t id, struct buffer_entry *was)
{
    struct buffer_entry *entry = id ? find(buffers, id) : nullptr;

    if (!entry)
        return false;
    *was = *entry;
    *entry = (struct buffer_entry){};
    buffers->count--;
    buffers->pages -= was->pages;
    return true;
}
