/* log_file.h - a file that keeps the last of what was written to it, in bounded space */
#pragma once
#include <stddef.h>

struct log_file {
    char path[256];
    int fd;      /* negative: could not be opened; writes go nowhere */
    size_t size; /* bytes in it */
    size_t limit;
};

/*
 * Appends to `path`. When it would exceed `limit` bytes it becomes "<path>.1", whose old content is lost, and a new one
 * begins: at most twice the limit is used. Returns 0, or a negative errno; then the file takes writes and drops them.
 */
int log_file_open(struct log_file *log, const char *path, size_t limit);
void log_file_write(struct log_file *log, const char *bytes, size_t count);
void log_file_close(struct log_file *log);
