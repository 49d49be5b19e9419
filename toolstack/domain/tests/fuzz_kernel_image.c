/* fuzz_kernel_image.c - any bytes as a kernel file: the decoder's promises must hold for what it accepts */
#include <stdlib.h>

#include "toolstack/domain/kernel_image.h"
#include "toolstack/domain/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_image image;
    const char *why = nullptr;

    if (kernel_image_parse(&image, data, size, &why)) {
        if (!why)
            abort();
        return 0;
    }
    for (size_t i = 0; i < image.segment_count; i++) {
        const struct kernel_segment *s = &image.segments[i];
        if (s->file_offset + s->file_size > size || s->file_size > s->mem_size || s->paddr < PLATFORM_LEGACY_END ||
            s->paddr + s->mem_size > PLATFORM_LOW_RAM_MAX)
            abort();
    }
    return 0;
}
