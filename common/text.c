/* text.c - see text.h */
#include "common/text.h"

#include <string.h>

enum : int { INVALID = 0, INCOMPLETE = -1 };

static unsigned int sequence_length(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    if (first >= 0xF0 && first <= 0xF4)
        return 4;
    return 0;
}

/* Returns how many bytes the character takes and sets `code`, INVALID, or INCOMPLETE if it may be right but is cut off.
 */
static int decode(const uint8_t *bytes, size_t length, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned int need = sequence_length(bytes[0]);

    if (need == 0)
        return INVALID;
    *code = need == 1 ? bytes[0] : bytes[0] & (0x7Fu >> need);
    for (unsigned int i = 1; i < need; i++) {
        if (i >= length)
            return INCOMPLETE;
        if ((bytes[i] & 0xC0) != 0x80)
            return INVALID;
        *code = *code << 6 | (bytes[i] & 0x3Fu);
    }
    return *code < smallest[need] || *code > 0x10FFFF ? INVALID : (int)need;
}

static bool printable(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } refused[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},     {0x180E, 0x180E},
        {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xD800, 0xF8FF},   {0xFE00, 0xFE0F},
        {0xFEFF, 0xFEFF}, {0xFDD0, 0xFDEF}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF}, {0xF0000, 0x10FFFF},
    };

    if ((code & 0xFFFE) == 0xFFFE)
        return false;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (code >= refused[i].first && code <= refused[i].last)
            return false;
    return true;
}

/* Cleans what is complete; the number of bytes left over at the end goes to `rest`. `out` may be `in`. */
static size_t clean(const uint8_t *in, size_t length, uint8_t *out, const char *also, size_t *rest)
{
    size_t written = 0;

    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        int used = decode(in + at, length - at, &code);

        if (used == INCOMPLETE) {
            *rest = length - at;
            return written;
        }
        if (used != INVALID && (printable(code) || (code && code < 0x80 && strchr(also, (int)code)))) {
            memmove(out + written, in + at, (size_t)used);
            written += (size_t)used;
        } else {
            out[written++] = '_';
        }
        at += used == INVALID ? 1 : (size_t)used;
    }
    *rest = 0;
    return written;
}

size_t text_sanitise(char *text, size_t length)
{
    uint8_t *bytes = (uint8_t *)text;
    size_t rest;
    size_t written = clean(bytes, length, bytes, "", &rest);

    memset(bytes + written, '_', rest);
    return written + rest;
}

size_t text_filter_run(struct text_filter *filter, const char *in, size_t length, char *out)
{
    const uint8_t *bytes = (const uint8_t *)in;
    uint8_t *to = (uint8_t *)out;
    size_t rest;
    size_t written = 0;

    /* Complete the held character first, a byte at a time. */
    while (filter->held_count && length) {
        filter->held[filter->held_count++] = *bytes++;
        length--;
        written += clean(filter->held, filter->held_count, to + written, "\n\t\r", &rest);
        memmove(filter->held, filter->held + filter->held_count - rest, rest);
        filter->held_count = (uint8_t)rest;
    }
    written += clean(bytes, length, to + written, "\n\t\r", &rest);
    if (rest) {
        memcpy(filter->held, bytes + length - rest, rest);
        filter->held_count = (uint8_t)rest;
    }
    return written;
}

size_t text_filter_end(struct text_filter *filter, char *out)
{
    size_t rest = filter->held_count;

    memset(out, '_', rest);
    filter->held_count = 0;
    return rest;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_is_vm_name(const char *text)
{
    size_t length = strnlen(text, VM_NAME_MAX + 1);

    if (!is_letter(text[0]) || length > VM_NAME_MAX)
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_letter(text[i]) && !(text[i] >= '0' && text[i] <= '9') && text[i] != '-' && text[i] != '_')
            return false;
    return true;
}
