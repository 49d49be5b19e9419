/* wire_fuzz.c - libFuzzer: bytes from a VM, in pieces. Whatever comes out whole must be inside its limits. */
#include <stdlib.h>
#include <string.h>
#include "common/gui_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, so that the sanitizer sees one that was never written. */
static void expect_in_limits(const union gui_message *message)
{
    const struct gui_buffer_new *buffer = &message->as_GUI_BUFFER_NEW;

    if (message->header.length > sizeof(*message) || !gui_wire_size(GUI_TO_DOM0, message->header.type))
        abort();
    if (message->header.type == GUI_BUFFER_NEW &&
        (uint64_t)buffer->stride * (buffer->height - 1) + 4ull * buffer->width + buffer->offset >
            buffer->pages * 4096ull)
        abort();
    if (message->header.type == GUI_NODE && message->as_GUI_NODE.damage_count > GUI_DAMAGE_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gui_stream stream;
    const char *reason;
    size_t piece = size ? 1 + data[0] : 1;

    gui_stream_init(&stream, GUI_TO_DOM0);
    while (size) {
        void *where;
        size_t room = gui_stream_room(&stream, &where);
        size_t take = room < piece ? room : piece;

        if (!room || (uint8_t *)where + room > (uint8_t *)(&stream.message + 1))
            abort();
        if (take > size)
            take = size;
        memcpy(where, data, take);
        data += take;
        size -= take;
        enum gui_stream_result result = gui_stream_add(&stream, take, &reason);
        if (result == GUI_STREAM_BAD)
            return 0;
        if (result == GUI_STREAM_MESSAGE)
            expect_in_limits(&stream.message);
    }
    return 0;
}
