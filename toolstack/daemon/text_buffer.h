/* text_buffer.h - bytes that grow */
#pragma once
#include <stddef.h>

/* Zero-initialised it is empty. After a failed allocation `failed` stays set and nothing is added. */
struct text_buffer {
    char *bytes;
    size_t size, room;
    bool failed;
};

void text_add(struct text_buffer *b, const void *bytes, size_t size);
[[gnu::format(printf, 2, 3)]] void text_print(struct text_buffer *b, const char *format, ...);
void text_free(struct text_buffer *b);
