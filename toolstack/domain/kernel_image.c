/* kernel_image.c - an unpacked Linux kernel (ELF64 vmlinux) with a PVH entry, as a file's bytes describe it */
#include "toolstack/domain/kernel_image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/elfnote.h>

#include "toolstack/domain/platform.h"

/* A view of the file: every access goes through bytes_at(). */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static const void *bytes_at(struct bytes file, uint64_t offset, uint64_t length)
{
    if (offset > file.size || length > file.size - offset)
        return nullptr;
    return file.data + offset;
}

static int add_segment(struct kernel_image *image, struct bytes file, const Elf64_Phdr *ph, const char **why)
{
    if (ph->p_memsz == 0)
        return 0;
    if (image->segment_count == KERNEL_MAX_SEGMENTS) {
        *why = "it has too many segments";
        return -EINVAL;
    }
    if (ph->p_filesz > ph->p_memsz || !bytes_at(file, ph->p_offset, ph->p_filesz)) {
        *why = "a segment lies outside the file";
        return -EINVAL;
    }
    if (ph->p_paddr < PLATFORM_LEGACY_END || ph->p_paddr >= PLATFORM_LOW_RAM_MAX ||
        ph->p_memsz > PLATFORM_LOW_RAM_MAX - ph->p_paddr) {
        *why = "a segment does not lie between 1 MiB and 3 GiB";
        return -EINVAL;
    }
    uint64_t end = ph->p_paddr + ph->p_memsz;

    image->segments[image->segment_count++] =
        (struct kernel_segment){ph->p_offset, ph->p_filesz, ph->p_paddr, ph->p_memsz};
    if (image->start == 0 || ph->p_paddr < image->start)
        image->start = ph->p_paddr;
    if (end > image->end)
        image->end = end;
    return 0;
}

/* Takes the first PHYS32_ENTRY; its value is 4 or 8 bytes long (8 in 64-bit kernels). */
static void find_entry(struct kernel_image *image, struct bytes notes)
{
    uint64_t at = 0;
    const void *raw;

    while (image->entry == 0 && (raw = bytes_at(notes, at, sizeof(Elf64_Nhdr)))) {
        Elf64_Nhdr note;
        memcpy(&note, raw, sizeof(note));
        uint64_t name_at = at + sizeof(note);
        uint64_t desc_at = name_at + ((note.n_namesz + 3ULL) & ~3ULL);
        const void *name = bytes_at(notes, name_at, note.n_namesz);
        const void *desc = bytes_at(notes, desc_at, note.n_descsz);

        at = desc_at + ((note.n_descsz + 3ULL) & ~3ULL);
        if (!name || !desc || note.n_type != XEN_ELFNOTE_PHYS32_ENTRY || note.n_namesz != 4 || memcmp(name, "Xen", 4))
            continue;
        if (note.n_descsz == 4 || note.n_descsz == 8)
            memcpy(&image->entry, desc, 4);
    }
}

static bool entry_is_loaded(const struct kernel_image *image)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct kernel_segment *s = &image->segments[i];
        if (image->entry >= s->paddr && image->entry - s->paddr < s->file_size)
            return true;
    }
    return false;
}

static int check_header(const Elf64_Ehdr *eh, struct bytes file, const char **why)
{
    if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0) {
        const void *magic = bytes_at(file, 0x202, 4);
        *why = magic && !memcmp(magic, "HdrS", 4) ? "it is a packed bzImage; an unpacked vmlinux is needed"
                                                  : "it is not an ELF file";
        return -EINVAL;
    }
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64 ||
        eh->e_type != ET_EXEC || eh->e_phentsize != sizeof(Elf64_Phdr)) {
        *why = "it is not a 64-bit x86 kernel";
        return -EINVAL;
    }
    return 0;
}

int kernel_image_parse(struct kernel_image *image, const void *untrusted_file, size_t size, const char **why)
{
    struct bytes file = {untrusted_file, size};
    Elf64_Ehdr eh;

    *image = (struct kernel_image){0};
    if (size < sizeof(eh)) {
        *why = "it is too short";
        return -EINVAL;
    }
    memcpy(&eh, file.data, sizeof(eh));
    int rc = check_header(&eh, file, why);
    if (rc)
        return rc;

    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        uint64_t offset = i * sizeof(ph);
        const void *raw = eh.e_phoff <= size ? bytes_at(file, eh.e_phoff + offset, sizeof(ph)) : nullptr;
        if (!raw) {
            *why = "its program headers lie outside the file";
            return -EINVAL;
        }
        memcpy(&ph, raw, sizeof(ph));
        if (ph.p_type == PT_LOAD && (rc = add_segment(image, file, &ph, why)))
            return rc;
        const void *notes = ph.p_type == PT_NOTE ? bytes_at(file, ph.p_offset, ph.p_filesz) : nullptr;
        if (notes)
            find_entry(image, (struct bytes){notes, ph.p_filesz});
    }
    if (image->entry == 0 || !entry_is_loaded(image)) {
        *why = "it has no PVH entry note (is CONFIG_PVH off?)";
        return -EINVAL;
    }
    return 0;
}
