/* api_answer.c - the answers of the Admin API, in bytes */
#include "toolstack/daemon/api_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void send_and_free(struct api_reply *reply, struct text_buffer *b)
{
    static const char broken[] = "2\0MemoryError\0\0atolld is out of memory.";

    if (b->failed)
        reply->send(reply, broken, sizeof(broken));
    else
        reply->send(reply, b->bytes, b->size);
    text_free(b);
}

void answer_ok(struct api_reply *reply, const char *text)
{
    struct text_buffer b = {};

    text_add(&b, "0", 2);
    text_add(&b, text, strlen(text));
    send_and_free(reply, &b);
}

void answer_buffer(struct api_reply *reply, struct text_buffer *text)
{
    struct text_buffer b = {};

    text_add(&b, "0", 2);
    text_add(&b, text->bytes, text->size);
    b.failed = b.failed || text->failed;
    text_free(text);
    send_and_free(reply, &b);
}

/* The sentence is a format string for the clients, so '%' is doubled. */
void answer_error(struct api_reply *reply, const char *exception, const char *text)
{
    struct text_buffer b = {};

    text_add(&b, "2", 2);
    text_add(&b, exception, strlen(exception) + 1);
    text_add(&b, "", 1);
    for (; *text; text++)
        text_add(&b, *text == '%' ? "%%" : text, *text == '%' ? 2 : 1);
    text_add(&b, "", 1);
    send_and_free(reply, &b);
}

void answer_errorf(struct api_reply *reply, const char *exception, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    answer_error(reply, exception, text);
}
