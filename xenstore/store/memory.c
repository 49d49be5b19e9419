#include "memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("xenstored: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *must_alloc(size_t bytes)
{
    return checked(calloc(1, bytes ? bytes : 1));
}

void *must_grow(void *old, size_t bytes)
{
    return checked(realloc(old, bytes ? bytes : 1));
}

void *must_copy(const void *from, size_t bytes)
{
    void *copy = must_alloc(bytes);

    if (bytes)
        memcpy(copy, from, bytes);
    return copy;
}

char *must_copy_string(const char *from)
{
    return must_copy(from, strlen(from) + 1);
}
