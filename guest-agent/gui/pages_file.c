/* pages_file.c - see pages.h: for tests. A file plays the VM's memory, $GUI_GRANT_DIR/pages.$VCHAN_DOMAIN; a reference
 * is the number of a page in it. Pages are not used again.
 */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

int pages_alloc(struct pages *pages, uint32_t count)
{
    const char *folder = getenv("GUI_GRANT_DIR"), *domain = getenv("VCHAN_DOMAIN");
    char path[256];
    struct stat status;

    snprintf(path, sizeof(path), "%s/pages.%s", folder ? folder : ".", domain ? domain : "0");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    pages->refs = calloc(count, sizeof(pages->refs[0]));
    if (fd < 0 || !pages->refs || fstat(fd, &status) < 0 || ftruncate(fd, status.st_size + (off_t)count * PAGE) < 0)
        goto fail;
    pages->address = mmap(nullptr, (size_t)count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, status.st_size);
    if (pages->address == MAP_FAILED)
        goto fail;
    for (uint32_t i = 0; i < count; i++)
        pages->refs[i] = (uint32_t)(status.st_size / PAGE) + i;
    pages->count = count;
    close(fd);
    return 0;

fail:
    free(pages->refs);
    if (fd >= 0)
        close(fd);
    return -ENOMEM;
}

void pages_free(struct pages *pages)
{
    munmap(pages->address, (size_t)pages->count * PAGE);
    free(pages->refs);
    *pages = (struct pages){.fd = -1};
}
