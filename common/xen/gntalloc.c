/* gntalloc.c - see gntalloc.h */
#include "common/xen/gntalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/sys/gntalloc.h>
#include "common/xen/page.h"

int gntalloc_open(void)
{
    int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static void give_back(int fd, uint64_t index, uint32_t count)
{
    struct ioctl_gntalloc_dealloc_gref dealloc = {.index = index, .count = count};

    ioctl(fd, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc);
}

static int allocate(int fd, domid_t peer, uint32_t count, bool writable, grant_ref_t refs[], uint64_t *index)
{
    size_t size = sizeof(struct ioctl_gntalloc_alloc_gref) + (count - 1) * sizeof(uint32_t);
    struct ioctl_gntalloc_alloc_gref *alloc = calloc(1, size);
    int r = 0;

    if (!alloc)
        return -ENOMEM;
    alloc->domid = peer;
    alloc->flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
    alloc->count = count;
    if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc) < 0) {
        r = -errno;
    } else {
        memcpy(refs, alloc->gref_ids, count * sizeof(refs[0]));
        *index = alloc->index;
    }
    free(alloc);
    return r;
}

int gntalloc_alloc(int fd, domid_t peer, uint32_t count, bool writable, grant_ref_t refs[], struct gntalloc_pages *out)
{
    uint64_t index = 0;
    void *address;

    if (count == 0 || count > XEN_PAGES_MAX)
        return -EINVAL;
    int r = allocate(fd, peer, count, writable, refs, &index);
    if (r < 0)
        return r;
    address = mmap(nullptr, (size_t)count * XEN_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)index);
    if (address == MAP_FAILED) {
        r = -errno;
        give_back(fd, index, count);
        return r;
    }
    *out = (struct gntalloc_pages){.address = address, .count = count, .index = index};
    return 0;
}

int gntalloc_notify_on_free(int fd, const struct gntalloc_pages *pages, long offset, uint32_t port)
{
    struct ioctl_gntalloc_unmap_notify notify = {
        .index = pages->index + (offset < 0 ? 0 : (uint64_t)offset),
        .action = (offset < 0 ? 0 : UNMAP_NOTIFY_CLEAR_BYTE) | (port ? UNMAP_NOTIFY_SEND_EVENT : 0),
        .event_channel_port = port,
    };

    return ioctl(fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify) < 0 ? -errno : 0;
}

void gntalloc_free(int fd, struct gntalloc_pages *pages)
{
    if (!pages->address)
        return;
    munmap(pages->address, (size_t)pages->count * XEN_PAGE);
    give_back(fd, pages->index, pages->count);
    *pages = (struct gntalloc_pages){};
}
