/* text.h - text that comes from a VM, made fit for people and terminals
 *
 * Kept: printable UTF-8. Replaced by '_': control characters (also C1), bytes that are not UTF-8, characters that
 * reorder or hide text (bidirectional controls, zero-width ones, BOM), private use, noncharacters, surrogates.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define VM_NAME_MAX 31 /* characters, without the NUL */

/* Cleans `length` bytes in place, each bad character or byte becoming one '_'. Returns the new length, never larger. */
size_t text_sanitise(char *text, size_t length);

/* A cleaner for a stream: it also keeps newline, tab and carriage return, and characters split between calls. */
struct text_filter {
    uint8_t held[4]; /* the start of an incomplete character */
    uint8_t held_count;
};

/* Cleans `length` bytes of `in`. `out` needs room for length + 4 bytes. Returns the number of bytes in `out`. */
size_t text_filter_run(struct text_filter *filter, const char *in, size_t length, char *out);

/* At the end of the stream: the incomplete rest, `out` needs 4 bytes. */
size_t text_filter_end(struct text_filter *filter, char *out);

/* A VM's name: letters, digits, '-' and '_', starting with a letter, at most VM_NAME_MAX characters. */
[[nodiscard]] bool text_is_vm_name(const char *text);
