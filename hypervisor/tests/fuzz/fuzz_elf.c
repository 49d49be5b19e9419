/* fuzz_elf.c - fuzz target: any bytes as a kernel; what is accepted must hold what elf.h promises */
#include <stdlib.h>
#include <hv/elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct elf_image img;

    if (elf_parse(data, bytes, &img))
        return 0;
    require(img.segments >= 1 && img.segments <= ELF_MAX_SEGMENTS);
    for (unsigned int i = 0; i < img.segments; i++) {
        const struct elf_segment *s = &img.segment[i];
        require(s->file_offset <= bytes && s->file_bytes <= bytes - s->file_offset);
        require(s->file_bytes <= s->mem_bytes && s->mem_bytes);
        require(s->paddr >= img.low && s->paddr + s->mem_bytes <= img.high && s->paddr + s->mem_bytes > s->paddr);
        for (unsigned int j = 0; j < i; j++)
            require(s->paddr >= img.segment[j].paddr + img.segment[j].mem_bytes ||
                    img.segment[j].paddr >= s->paddr + s->mem_bytes);
    }
    require(img.pvh_entry >= img.low && img.pvh_entry < img.high);
    return 0;
}
