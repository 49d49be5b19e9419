/* frame.c - frames of the exec agent: text lines with base64 and a checksum */
#include "frame.h"

#include <stdio.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t crc32(const char *data, size_t length)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

static size_t base64_encode(char *out, const uint8_t *in, size_t length)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);

        out[n++] = digits[group >> 18];
        out[n++] = digits[group >> 12 & 63];
        out[n++] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[n++] = left > 2 ? digits[group & 63] : '=';
    }
    return n;
}

/* Returns the number of bytes, or -1 when the text is not base64 or longer than `room` bytes. */
static int base64_decode(uint8_t *out, size_t room, const char *in, size_t length)
{
    size_t n = 0;

    if (length % 4)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t group = 0;
        size_t padding = 0;

        for (size_t j = 0; j < 4; j++) {
            const char *digit = in[i + j] ? strchr(digits, in[i + j]) : NULL;

            if (in[i + j] == '=' && i + 4 == length && j >= 2)
                padding++;
            else if (!digit || padding)
                return -1;
            group = group << 6 | (padding ? 0 : (uint32_t)(digit - digits));
        }
        if (n + 3 - padding > room)
            return -1;
        for (size_t j = 0; j < 3 - padding; j++)
            out[n++] = (uint8_t)(group >> (16 - 8 * j));
    }
    return (int)n;
}

size_t frame_encode(char line[FRAME_LINE], const char *type, uint32_t sequence, const void *payload, size_t length)
{
    /* The first newline ends whatever noise stands on the wire. */
    size_t n = (size_t)snprintf(line, FRAME_LINE, "\n@ATOLL %.7s %u ", type, sequence);

    if (length == 0)
        line[n++] = '-';
    else
        n += base64_encode(line + n, payload, length);
    n += (size_t)snprintf(line + n, FRAME_LINE - n, " %08x\n", crc32(line + 1, n - 1));
    return n;
}

int frame_decode(struct frame *out, const char *untrusted_line, size_t length)
{
    char text[FRAME_LINE];
    int type_end = 0, payload_start = 0, decoded;
    char *check;

    if (length >= sizeof(text) || length < 10)
        return -1;
    memcpy(text, untrusted_line, length);
    text[length] = '\0';
    check = strrchr(text, ' ');
    if (!check || strlen(check) != 9)
        return -1;
    *check++ = '\0';
    char want[9];
    snprintf(want, sizeof(want), "%08x", crc32(text, strlen(text)));
    if (strcmp(check, want) != 0)
        return -1;
    if (sscanf(text, "@ATOLL %7[a-z]%n %u %n", out->type, &type_end, &out->sequence, &payload_start) != 2 ||
        payload_start == 0)
        return -1;
    const char *payload = text + payload_start;
    decoded = strcmp(payload, "-") == 0 ? 0 : base64_decode(out->payload, FRAME_PAYLOAD, payload, strlen(payload));
    if (decoded < 0)
        return -1;
    out->length = (size_t)decoded;
    out->payload[out->length] = '\0';
    return 0;
}
