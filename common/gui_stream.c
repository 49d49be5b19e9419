/* gui_stream.c - see gui_stream.h. Pure: no I/O. */
#include "common/gui_stream.h"

void gui_stream_init(struct gui_stream *stream, enum gui_direction direction)
{
    stream->direction = direction;
    stream->filled = 0;
}

/* How long the message under way is, as far as known. The length was checked when the header became complete. */
static size_t target(const struct gui_stream *stream)
{
    return stream->filled < sizeof(struct gui_header) ? sizeof(struct gui_header) : stream->message.header.length;
}

size_t gui_stream_room(struct gui_stream *stream, void **where)
{
    if (stream->filled >= sizeof(struct gui_header) && stream->filled == stream->message.header.length)
        stream->filled = 0;
    *where = (uint8_t *)&stream->message + stream->filled;
    return target(stream) - stream->filled;
}

enum gui_stream_result gui_stream_add(struct gui_stream *stream, size_t count, const char **reason)
{
    const struct gui_header *header = &stream->message.header;
    bool had_header = stream->filled >= sizeof(*header);

    stream->filled += count;
    if (stream->filled < sizeof(*header))
        return GUI_STREAM_MORE;
    if (!had_header) {
        size_t size = gui_wire_size(stream->direction, header->type);

        if (!size || header->length != size) {
            *reason = size ? "length" : "unknown type";
            stream->filled = 0;
            return GUI_STREAM_BAD;
        }
    }
    if (stream->filled < header->length)
        return GUI_STREAM_MORE;
    *reason = gui_wire_check(stream->direction, &stream->message, stream->filled);
    return *reason ? GUI_STREAM_BAD : GUI_STREAM_MESSAGE;
}
