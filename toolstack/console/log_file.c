/* log_file.c - see log_file.h */
#include "log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_it(struct log_file *log)
{
    struct stat status;

    log->size = 0;
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (log->fd < 0)
        return -errno;
    if (fstat(log->fd, &status) == 0)
        log->size = (size_t)status.st_size;
    return 0;
}

int log_file_open(struct log_file *log, const char *path, size_t limit)
{
    log->limit = limit;
    log->fd = -1;
    if (snprintf(log->path, sizeof(log->path), "%s", path) >= (int)sizeof(log->path))
        return -ENAMETOOLONG;
    return open_it(log);
}

static void rotate(struct log_file *log)
{
    char old[sizeof(log->path) + 2];

    snprintf(old, sizeof(old), "%s.1", log->path);
    log_file_close(log);
    if (rename(log->path, old))
        unlink(log->path);
    open_it(log);
}

void log_file_write(struct log_file *log, const char *bytes, size_t count)
{
    if (log->fd >= 0 && log->size && log->size + count > log->limit)
        rotate(log);
    while (log->fd >= 0 && count) {
        ssize_t put = write(log->fd, bytes, count);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return; /* a full disk loses console output, nothing else */
        log->size += (size_t)put;
        bytes += put;
        count -= (size_t)put;
    }
}

void log_file_close(struct log_file *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}
