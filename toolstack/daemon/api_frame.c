/* api_frame.c - one call of the Admin API as its bytes say: METHOD[+ARG] SRC TYPE DEST NUL payload */
#include "toolstack/daemon/api_frame.h"

#include <string.h>

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text > 0x7e)
            return false;
    return true;
}

/* Cuts the next word off; nullptr if there is no further one. */
static char *next_word(char **rest)
{
    char *word = *rest;
    char *space = word ? strchr(word, ' ') : nullptr;

    if (space)
        *space = 0;
    *rest = space ? space + 1 : nullptr;
    return word && is_plain(word) ? word : nullptr;
}

bool api_frame_parse(struct api_call *call, char *untrusted_bytes, size_t size)
{
    char *end = memchr(untrusted_bytes, 0, size);
    char *rest = untrusted_bytes;

    if (!end)
        return false;
    untrusted_bytes[size] = 0;
    char *method = next_word(&rest);
    char *source = next_word(&rest);
    char *type = next_word(&rest);
    char *destination = next_word(&rest);
    if (!method || !*method || !source || !type || !destination || rest)
        return false;
    if (strcmp(type, "name") && strcmp(type, "keyword"))
        return false;

    char *plus = strchr(method, '+');
    if (plus)
        *plus = 0;
    /* The keyword is how the control domain is called by its role. */
    if (!strcmp(type, "keyword") && !strcmp(destination, "adminvm"))
        destination = "dom0";
    *call = (struct api_call){.method = method,
                              .argument = plus ? plus + 1 : "",
                              .source = source,
                              .destination = destination,
                              .payload = end + 1,
                              .payload_size = size - (size_t)(end + 1 - untrusted_bytes)};
    return true;
}
