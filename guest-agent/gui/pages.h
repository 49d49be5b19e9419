/* pages.h - memory of ours that dom0 may read
 *
 * Two implementations, one of which is linked: pages_gntalloc.c, and pages_file.c for tests on one machine.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct pages {
    void *address;
    uint32_t count;
    uint32_t *refs; /* count of them, in order */
    /* the implementation's */
    int fd;
    uint64_t index;
};

/* `count` zeroed pages, granted to dom0 for reading. Returns 0 or a negative errno. Undo with pages_free(). */
[[nodiscard]] int pages_alloc(struct pages *pages, uint32_t count);
void pages_free(struct pages *pages);
