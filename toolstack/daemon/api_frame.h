/* api_frame.h - one call of the Admin API as its bytes say: METHOD[+ARG] SRC TYPE DEST NUL payload */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { API_CALL_MAX = 65536 };

/* What was called. All point into the decoded bytes; the payload is followed by a NUL. */
struct api_call {
    const char *method, *argument; /* argument: empty if there is none */
    const char *source, *destination;
    const char *payload;
    size_t payload_size;
};

/*
 * Decodes `size` bytes in place; the byte after them must be writable. The strings hold printable ASCII only; the
 * payload is untrusted bytes. Returns false if they are no call.
 */
[[nodiscard]] bool api_frame_parse(struct api_call *call, char *untrusted_bytes, size_t size);
