/* frame.h - frames between the exec agent in dom0 and the host outside: one text line each, so that noise is dropped
 *
 *     @ATOLL TYPE SEQUENCE BASE64 CRC32
 *
 * TYPE is a word, SEQUENCE a decimal number, BASE64 the payload ('-' when empty), CRC32 eight hexadecimal digits over
 * everything before the blank in front of them. images/machine/remote.py is the other end. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_PAYLOAD = 1536, /* bytes of payload at most */
    FRAME_LINE = 2304,    /* bytes of a line at most, with its newline */
};

struct frame {
    char type[8];
    uint32_t sequence;
    size_t length;                      /* of payload, in bytes */
    uint8_t payload[FRAME_PAYLOAD + 1]; /* a zero byte follows it, for payloads that are text */
};

/* Writes a frame as a line with newlines around it; `length` <= FRAME_PAYLOAD. Returns the bytes put into `line`. */
size_t frame_encode(char line[FRAME_LINE], const char *type, uint32_t sequence, const void *payload, size_t length);

/* Reads a line (without its newline). Returns 0, or -1 for a line that is no intact frame. */
int frame_decode(struct frame *out, const char *untrusted_line, size_t length);
