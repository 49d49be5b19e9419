/* memory.h - allocation that does not fail: quotas bound what guests can make us hold, so an empty heap is our own bug
 */
#pragma once
#include <stddef.h>

/* Zeroed memory; ends the program with a message when there is none. Free with free(). */
[[nodiscard]] void *must_alloc(size_t bytes);
/* Like realloc(), but never NULL for bytes > 0. New bytes are undefined. */
[[nodiscard]] void *must_grow(void *old, size_t bytes);
[[nodiscard]] void *must_copy(const void *from, size_t bytes);
[[nodiscard]] char *must_copy_string(const char *from);
