/* guest_memory.c - writes into the memory of a domain that is being built */
#include "toolstack/domain/guest_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/memory.h>
#include <xen/sys/gntdev.h>

#include "common/log.h"
#include "common/xen/gntdev.h"
#include "common/xen/page.h"

/* The references below FIRST_REF stay for the rings; the others are used again for each batch. */
enum { FIRST_REF = 8, REFS = XEN_PAGE / sizeof(grant_entry_v1_t), BATCH = REFS - FIRST_REF };

static const uint8_t zero_page[XEN_PAGE];

int guest_memory_open(struct guest_memory *m, const struct control *c, domid_t domid)
{
    *m = (struct guest_memory){.domid = domid, .gntdev = gntdev_open()};
    if (m->gntdev < 0)
        return m->gntdev;
    m->table = privcmd_map_resource(c->privcmd, domid, XENMEM_resource_grant_table, 0, 0, 1);
    if (!m->table) {
        int rc = -errno;
        close(m->gntdev);
        return rc;
    }
    return 0;
}

/* The frame first: an entry counts from the moment that its flags are set. */
static void set_entry(struct guest_memory *m, grant_ref_t ref, uint64_t gfn, uint16_t flags)
{
    grant_entry_v1_t *entry = &m->table[ref];

    entry->domid = 0;
    entry->frame = (uint32_t)gfn;
    atomic_thread_fence(memory_order_release);
    *(volatile uint16_t *)&entry->flags = flags;
}

void guest_memory_grant(struct guest_memory *m, grant_ref_t ref, uint64_t gfn)
{
    set_entry(m, ref, gfn, GTF_permit_access);
}

void guest_memory_close(struct guest_memory *m)
{
    for (grant_ref_t ref = FIRST_REF; ref < REFS; ref++)
        set_entry(m, ref, 0, GTF_invalid);
    munmap(m->table, XEN_PAGE);
    close(m->gntdev);
}

static int copy(struct guest_memory *m, struct ioctl_gntdev_grant_copy_segment *segments, unsigned count)
{
    struct ioctl_gntdev_grant_copy batch = {.count = count, .segments = segments};

    if (ioctl(m->gntdev, IOCTL_GNTDEV_GRANT_COPY, &batch) < 0)
        return -errno;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].status != GNTST_okay) {
            log_debug("grant copy to domain %u: status %d", m->domid, segments[i].status);
            return -EIO;
        }
    }
    return 0;
}

/* Copies from `bytes`, or zeroes where that is nullptr. */
static int fill(struct guest_memory *m, uint64_t paddr, const uint8_t *bytes, uint64_t size)
{
    struct ioctl_gntdev_grant_copy_segment segments[BATCH];
    unsigned count = 0;
    int rc = 0;

    while (rc == 0 && size > 0) {
        uint16_t offset = (uint16_t)(paddr % XEN_PAGE);
        uint64_t room = XEN_PAGE - offset;
        uint16_t length = (uint16_t)(size < room ? size : room);
        grant_ref_t ref = FIRST_REF + count;

        guest_memory_grant(m, ref, paddr / XEN_PAGE);
        segments[count++] =
            (struct ioctl_gntdev_grant_copy_segment){.source.virt = (void *)(uintptr_t)(bytes ? bytes : zero_page),
                                                     .dest.foreign = {.ref = ref, .offset = offset, .domid = m->domid},
                                                     .len = length,
                                                     .flags = GNTCOPY_dest_gref};
        bytes = bytes ? bytes + length : nullptr;
        paddr += length;
        size -= length;
        if (count == BATCH || size == 0) {
            rc = copy(m, segments, count);
            count = 0;
        }
    }
    return rc;
}

int guest_memory_write(struct guest_memory *m, uint64_t paddr, const void *bytes, uint64_t size)
{
    return fill(m, paddr, bytes, size);
}

int guest_memory_zero(struct guest_memory *m, uint64_t paddr, uint64_t size)
{
    return fill(m, paddr, nullptr, size);
}
