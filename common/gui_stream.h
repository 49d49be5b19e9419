/* gui_stream.h - puts whole, checked GUI messages together from a byte stream
 *
 * No allocation: one message at a time, in place. Use: ask gui_stream_room() where the next bytes go, read at most that
 * many, tell gui_stream_add(). It never asks for bytes beyond the current message, so nothing has to be moved.
 */
#pragma once
#include "common/gui_wire.h"

struct gui_stream {
    enum gui_direction direction; /* of the messages that are read */
    size_t filled;
    union gui_message message;
};

enum gui_stream_result {
    GUI_STREAM_MORE,    /* the message is not complete */
    GUI_STREAM_MESSAGE, /* stream->message is complete and its fields are in their limits */
    GUI_STREAM_BAD,     /* the peer broke the protocol: end the connection */
};

void gui_stream_init(struct gui_stream *stream, enum gui_direction direction);

/* Where the next bytes go, and at most how many (never 0 unless the stream is bad). Starts the next message if one was
 * complete. */
[[nodiscard]] size_t gui_stream_room(struct gui_stream *stream, void **where);

/* `count` bytes were put there. For GUI_STREAM_BAD, *reason is a constant text. */
[[nodiscard]] enum gui_stream_result gui_stream_add(struct gui_stream *stream, size_t count, const char **reason);
