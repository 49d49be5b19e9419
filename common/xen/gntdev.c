/* gntdev.c - see gntdev.h */
#include "common/xen/gntdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/sys/gntdev.h>
#include "common/xen/page.h"

int gntdev_open(void)
{
    int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static void forget(int fd, uint64_t index, uint32_t count)
{
    struct ioctl_gntdev_unmap_grant_ref unmap = {.index = index, .count = count};

    ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
}

/* Tells the kernel which grants are meant; mmap() of the returned index then maps them. */
static int declare(int fd, domid_t granter, uint32_t count, const grant_ref_t refs[], uint64_t *index)
{
    size_t size = sizeof(struct ioctl_gntdev_map_grant_ref) + (count - 1) * sizeof(struct ioctl_gntdev_grant_ref);
    struct ioctl_gntdev_map_grant_ref *map = calloc(1, size);
    int r = 0;

    if (!map)
        return -ENOMEM;
    map->count = count;
    for (uint32_t i = 0; i < count; i++)
        map->refs[i] = (struct ioctl_gntdev_grant_ref){.domid = granter, .ref = refs[i]};
    if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) < 0)
        r = -errno;
    else
        *index = map->index;
    free(map);
    return r;
}

int gntdev_map(int fd, domid_t granter, uint32_t count, const grant_ref_t refs[], bool writable,
               struct gntdev_mapping *out)
{
    uint64_t index = 0;
    void *address;

    if (count == 0 || count > XEN_PAGES_MAX)
        return -EINVAL;
    int r = declare(fd, granter, count, refs, &index);
    if (r < 0)
        return r;
    address =
        mmap(nullptr, (size_t)count * XEN_PAGE, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)index);
    if (address == MAP_FAILED) {
        r = -errno;
        forget(fd, index, count);
        return r;
    }
    *out = (struct gntdev_mapping){.address = address, .count = count, .index = index};
    return 0;
}

int gntdev_notify_on_unmap(int fd, const struct gntdev_mapping *map, long offset, uint32_t port)
{
    struct ioctl_gntdev_unmap_notify notify = {
        .index = map->index + (offset < 0 ? 0 : (uint64_t)offset),
        .action = (offset < 0 ? 0 : UNMAP_NOTIFY_CLEAR_BYTE) | (port ? UNMAP_NOTIFY_SEND_EVENT : 0),
        .event_channel_port = port,
    };

    return ioctl(fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &notify) < 0 ? -errno : 0;
}

void gntdev_unmap(int fd, struct gntdev_mapping *map)
{
    if (!map->address)
        return;
    munmap(map->address, (size_t)map->count * XEN_PAGE);
    forget(fd, map->index, map->count);
    *map = (struct gntdev_mapping){};
}
