/* sparse_copy.c - copies a file's data and leaves its holes holes */
#include "toolstack/storage/sparse_copy.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_range(int from, int to, off_t start, off_t end)
{
    static thread_local char block[1 << 16];

    while (start < end) {
        size_t want = end - start < (off_t)sizeof(block) ? (size_t)(end - start) : sizeof(block);
        ssize_t got = pread(from, block, want, start);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = pwrite(to, block + done, (size_t)(got - done), start + done);
            if (put < 0 && errno != EINTR)
                return -errno;
            done += put > 0 ? put : 0;
        }
        start += got;
    }
    return 0;
}

int sparse_copy(int from, int to)
{
    struct stat st;

    if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
        return -errno;
    for (off_t at = 0; at < st.st_size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO ? 0 : -errno; /* only a hole is left */
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        int rc = copy_range(from, to, data, hole);
        if (rc)
            return rc;
        at = hole;
    }
    return 0;
}
