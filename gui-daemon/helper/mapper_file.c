/* mapper_file.c - see mapper.h: for tests. A file plays the VM's memory, $GUI_GRANT_DIR/pages.DOMID; a reference is the
 * number of a page in it, and the pages of a buffer must follow each other.
 */
#include "mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int mapper_open(uint32_t domid)
{
    const char *folder = getenv("GUI_GRANT_DIR");
    char path[256];

    snprintf(path, sizeof(path), "%s/pages.%u", folder ? folder : ".", domid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int mapper_map(int fd, uint32_t domid, uint32_t count, const uint32_t refs[], uint64_t *offset)
{
    struct stat status;

    for (uint32_t i = 1; i < count; i++)
        if (refs[i] != refs[0] + i)
            return -EINVAL;
    *offset = (uint64_t)refs[0] * 4096;
    if (fstat(fd, &status) < 0 || *offset + count * 4096ull > (uint64_t)status.st_size)
        return -EINVAL; /* as a reference that is not granted */
    return 0;
}

void mapper_unmap(int fd, uint64_t offset, uint32_t count)
{
}
