/* file_view.c - a whole file, readable as bytes */
#include "toolstack/domain/file_view.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_view_open(struct file_view *view, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int rc = 0;

    *view = (struct file_view){0};
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0) {
        rc = -errno;
    } else if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
        rc = -EINVAL;
    } else {
        void *bytes = mmap(nullptr, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            rc = -errno;
        else
            *view = (struct file_view){bytes, (size_t)st.st_size};
    }
    close(fd);
    return rc;
}

void file_view_close(struct file_view *view)
{
    if (view->bytes)
        munmap((void *)(uintptr_t)view->bytes, view->size);
    *view = (struct file_view){0};
}
