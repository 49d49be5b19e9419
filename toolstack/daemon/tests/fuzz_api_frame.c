/* fuzz_api_frame.c - any bytes as a call: what is accepted has the promised form */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/daemon/api_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
    for (; *word; word++)
        if (*word <= 0x20 || *word > 0x7e)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_call call;
    char *bytes = malloc(size + 1);

    if (!bytes)
        abort();
    if (size)
        memcpy(bytes, data, size);
    if (api_frame_parse(&call, bytes, size)) {
        check_word(call.method);
        check_word(call.argument);
        check_word(call.source);
        check_word(call.destination);
        if (!*call.method || strchr(call.method, '+') || call.payload + call.payload_size != bytes + size ||
            call.payload[call.payload_size])
            abort();
    }
    free(bytes);
    return 0;
}
