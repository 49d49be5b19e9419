/* elf.h - kernels as ELF images (32 or 64 bit) with a PVH entry note; all of it untrusted input */
#pragma once
#include <hv/types.h>

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
    uint64_t file_offset, file_bytes;
    uint64_t paddr, mem_bytes;
};
struct elf_image {
    struct elf_segment segment[ELF_MAX_SEGMENTS];
    unsigned int segments;
    uint64_t low, high; /* physical extent [low, high) of all segments */
    uint32_t pvh_entry; /* from XEN_ELFNOTE_PHYS32_ENTRY */
};

/* Checks everything against `bytes`; overlapping segments, wrap-around and files without PVH note are refused.
 * Returns NULL if good, else a sentence that says what is wrong (for example that it is a bzImage and must be
 * unpacked). */
const char *elf_parse(const void *image, size_t bytes, struct elf_image *out);
