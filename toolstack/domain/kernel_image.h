/* kernel_image.h - an unpacked kernel (ELF64 or ELF32) with a PVH entry, as a file's bytes describe it */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_MAX_SEGMENTS = 16 };

struct kernel_segment {
    uint64_t file_offset, file_size; /* bytes inside the file, checked */
    uint64_t paddr, mem_size;        /* where it goes; mem_size >= file_size, the rest is zero */
};

struct kernel_image {
    struct kernel_segment segments[KERNEL_MAX_SEGMENTS];
    size_t segment_count;
    uint64_t start, end; /* physical range that the segments cover */
    uint32_t entry;      /* physical address of the 32-bit PVH entry point */
};

/*
 * Decode the `size` bytes at `untrusted_file`. Nothing is allocated; the segments refer to the caller's bytes.
 * Returns 0, or -EINVAL and in *why a sentence part that names the fault ("it is a bzImage; ...").
 */
[[nodiscard]] int kernel_image_parse(struct kernel_image *image, const void *untrusted_file, size_t size,
                                     const char **why);
