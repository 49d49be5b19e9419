/* vmexec.c - see vmexec.h */
#include "toolstack/rpc/vmexec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool stands_for_itself(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

char *vmexec_encode(char *const words[], int count)
{
    size_t room = 1;

    for (int i = 0; i < count; i++)
        room += strlen(words[i]) * 3 + 1;
    char *encoded = malloc(room), *to = encoded;
    for (int i = 0; encoded && i < count; i++) {
        if (i > 0)
            *to++ = '+';
        for (const char *from = words[i]; *from; from++) {
            if (stands_for_itself(*from))
                *to++ = *from;
            else
                to += sprintf(to, *from == '-' ? "--" : "-%02X", (unsigned char)*from);
        }
    }
    if (encoded)
        *to = 0;
    return encoded;
}
