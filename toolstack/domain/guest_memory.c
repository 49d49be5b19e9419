/* guest_memory.c - writes into the memory of a domain that is being built */
#include "toolstack/domain/guest_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/xen/page.h"

/* dom0 needs a scratch frame for each mapped page, and it has only so many: a window at a time. */
enum { WINDOW_PAGES = 1024 };

static int fill(struct control *c, domid_t domid, uint64_t paddr, const uint8_t *bytes, uint64_t size)
{
    xen_pfn_t gfns[WINDOW_PAGES];

    while (size > 0) {
        uint64_t skip = paddr % XEN_PAGE;
        uint64_t pages = (skip + size + XEN_PAGE - 1) / XEN_PAGE;
        if (pages > WINDOW_PAGES)
            pages = WINDOW_PAGES;
        uint64_t length = pages * XEN_PAGE - skip;
        if (length > size)
            length = size;
        for (uint64_t i = 0; i < pages; i++)
            gfns[i] = paddr / XEN_PAGE + i;

        uint8_t *window = privcmd_map_foreign(c->privcmd, domid, PROT_READ | PROT_WRITE, pages, gfns, nullptr);
        if (!window)
            return -errno;
        if (bytes)
            memcpy(window + skip, bytes, length);
        else
            memset(window + skip, 0, length);
        munmap(window, pages * XEN_PAGE);
        bytes = bytes ? bytes + length : nullptr;
        paddr += length;
        size -= length;
    }
    return 0;
}

int guest_memory_write(struct control *c, domid_t domid, uint64_t paddr, const void *bytes, size_t size)
{
    return fill(c, domid, paddr, bytes, size);
}

int guest_memory_zero(struct control *c, domid_t domid, uint64_t paddr, uint64_t size)
{
    return fill(c, domid, paddr, nullptr, size);
}
