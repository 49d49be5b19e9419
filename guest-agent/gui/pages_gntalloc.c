/* pages_gntalloc.c - see pages.h: the kernel's /dev/xen/gntalloc, one descriptor per allocation, because the kernel
 * walks all allocations of a descriptor for every mmap() */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/xen/gntalloc.h"

int pages_alloc(struct pages *pages, uint32_t count)
{
    struct gntalloc_pages granted;

    pages->refs = calloc(count, sizeof(pages->refs[0]));
    if (!pages->refs)
        return -ENOMEM;
    pages->fd = gntalloc_open();
    int r = pages->fd < 0 ? pages->fd : gntalloc_alloc(pages->fd, 0, count, false, pages->refs, &granted);
    if (r < 0) {
        if (pages->fd >= 0)
            close(pages->fd);
        free(pages->refs);
        return r;
    }
    pages->address = granted.address;
    pages->index = granted.index;
    pages->count = count;
    return 0;
}

void pages_free(struct pages *pages)
{
    struct gntalloc_pages granted = {pages->address, pages->count, pages->index};

    gntalloc_free(pages->fd, &granted);
    close(pages->fd);
    free(pages->refs);
    *pages = (struct pages){.fd = -1};
}
