/* file_view.h - a whole file, readable as bytes */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct file_view {
    const uint8_t *bytes; /* nullptr if not open */
    size_t size;
};

/* Returns 0 or a negative errno (-EINVAL for an empty file). Undo with file_view_close(). */
[[nodiscard]] int file_view_open(struct file_view *view, const char *path);
void file_view_close(struct file_view *view);
