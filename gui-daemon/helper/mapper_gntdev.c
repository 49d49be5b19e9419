/* mapper_gntdev.c - see mapper.h: grants, through the kernel's /dev/xen/gntdev
 *
 * The mapping belongs to the open file, not to a process: the compositor maps what is declared here. It maps without
 * PROT_WRITE, and the kernel then asks the hypervisor for a read-only mapping.
 */
#include "mapper.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <xen/sys/gntdev.h>
#include "common/gui_wire.h"
#include "common/xen/gntdev.h"

int mapper_open(uint32_t domid)
{
    return gntdev_open();
}

int mapper_map(int fd, uint32_t domid, uint32_t count, const uint32_t refs[], uint64_t *offset)
{
    /* Static: the helper has one thread, and the largest list is 128 KiB. */
    static union {
        struct ioctl_gntdev_map_grant_ref map;
        char room[sizeof(struct ioctl_gntdev_map_grant_ref) +
                  GUI_BUFFER_PAGES_MAX * sizeof(struct ioctl_gntdev_grant_ref)];
    } request;
    struct ioctl_gntdev_grant_ref *list = request.map.refs;

    memset(&request.map, 0, sizeof(request.map));
    request.map.count = count;
    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct ioctl_gntdev_grant_ref){.domid = domid, .ref = refs[i]};
    if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &request.map) < 0)
        return -errno;
    *offset = request.map.index;
    return 0;
}

void mapper_unmap(int fd, uint64_t offset, uint32_t count)
{
    struct ioctl_gntdev_unmap_grant_ref request = {.index = offset, .count = count};

    ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &request);
}
