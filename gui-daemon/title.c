/* title.c - see title.h */
#include "title.h"

#include <stdint.h>

void title_clean(const char *untrusted, size_t length, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < length && untrusted[i] && used + 1 < size; i++) {
        uint8_t byte = (uint8_t)untrusted[i];

        if ((byte & 0xc0) == 0x80)
            continue; /* the rest of a character that already stands as '_' */
        out[used++] = byte >= 0x20 && byte < 0x7f ? (char)byte : '_';
    }
    out[used] = '\0';
}
