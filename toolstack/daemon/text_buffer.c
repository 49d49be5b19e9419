/* text_buffer.c - bytes that grow */
#include "toolstack/daemon/text_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct text_buffer *b, size_t more)
{
    size_t room = b->room ? b->room : 256;

    while (room < b->size + more)
        room *= 2;
    char *bytes = room == b->room ? b->bytes : realloc(b->bytes, room);
    if (!bytes) {
        b->failed = true;
        return false;
    }
    b->bytes = bytes;
    b->room = room;
    return true;
}

void text_add(struct text_buffer *b, const void *bytes, size_t size)
{
    if (b->failed || !reserve(b, size))
        return;
    if (size)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

void text_print(struct text_buffer *b, const char *format, ...)
{
    char part[4096 + 512];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(part))
        b->failed = true;
    else
        text_add(b, part, (size_t)length);
}

void text_free(struct text_buffer *b)
{
    free(b->bytes);
    *b = (struct text_buffer){};
}
