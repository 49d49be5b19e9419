/* kernel_image.c - an unpacked kernel (ELF64 or ELF32) with a PVH entry, as a file's bytes describe it */
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

static uint64_t padded(uint64_t length, uint64_t align)
{
    return (length + align - 1) & ~(align - 1);
}

/* Takes the first PHYS32_ENTRY; its value is 4 or 8 bytes long. A note has the same header in both kinds of file. */
static void find_entry(struct kernel_image *image, struct bytes notes, uint64_t align)
{
    uint64_t at = 0;
    const void *raw;

    while (image->entry == 0 && (raw = bytes_at(notes, at, sizeof(Elf64_Nhdr)))) {
        Elf64_Nhdr note;
        memcpy(&note, raw, sizeof(note));
        uint64_t name_at = at + sizeof(note);
        uint64_t desc_at = at + padded(sizeof(note) + (uint64_t)note.n_namesz, align);
        const void *name = bytes_at(notes, name_at, note.n_namesz);
        const void *desc = bytes_at(notes, desc_at, note.n_descsz);
        uint64_t value = 0;

        at = desc_at + padded(note.n_descsz, align);
        if (!name || !desc || note.n_type != XEN_ELFNOTE_PHYS32_ENTRY || note.n_namesz != 4 || memcmp(name, "Xen", 4))
            continue;
        if (note.n_descsz == 4 || note.n_descsz == 8)
            memcpy(&value, desc, note.n_descsz);
        if (value <= UINT32_MAX)
            image->entry = (uint32_t)value;
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

static bool is_for_x86(uint8_t class, uint16_t machine)
{
    /* Builds of 64-bit kernels often end in an ELF32 file: its code is 64-bit, its addresses are not. */
    return (class == ELFCLASS32 || class == ELFCLASS64) && (machine == EM_386 || machine == EM_X86_64);
}

/* The header in its 64-bit form. Its first 20 bytes, machine included, are the same in both. */
static int read_header(struct bytes file, Elf64_Ehdr *eh, const char **why)
{
    const void *raw = bytes_at(file, 0, sizeof(*eh));

    if (!raw || memcmp(raw, ELFMAG, SELFMAG) != 0) {
        const void *magic = bytes_at(file, 0x202, 4);
        *why = magic && !memcmp(magic, "HdrS", 4) ? "it is a packed bzImage; an unpacked vmlinux is needed"
               : raw                              ? "it is not an ELF file"
                                                  : "it is too short";
        return -EINVAL;
    }
    memcpy(eh, raw, sizeof(*eh));
    if (eh->e_ident[EI_DATA] != ELFDATA2LSB || !is_for_x86(eh->e_ident[EI_CLASS], eh->e_machine) ||
        eh->e_type != ET_EXEC) {
        *why = "it is not an x86 kernel";
        return -EINVAL;
    }
    if (eh->e_ident[EI_CLASS] == ELFCLASS32) {
        Elf32_Ehdr narrow;
        memcpy(&narrow, raw, sizeof(narrow));
        eh->e_phoff = narrow.e_phoff;
        eh->e_phentsize = narrow.e_phentsize;
        eh->e_phnum = narrow.e_phnum;
    }
    return 0;
}

/* Program header `i` in its 64-bit form. */
static int read_program_header(struct bytes file, const Elf64_Ehdr *eh, unsigned i, Elf64_Phdr *ph, const char **why)
{
    bool is_narrow = eh->e_ident[EI_CLASS] == ELFCLASS32;
    size_t size = is_narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
    const void *raw = eh->e_phoff <= file.size ? bytes_at(file, eh->e_phoff + i * size, size) : nullptr;

    if (!raw || eh->e_phentsize != size) {
        *why = "its program headers lie outside the file";
        return -EINVAL;
    }
    if (is_narrow) {
        Elf32_Phdr narrow;
        memcpy(&narrow, raw, sizeof(narrow));
        *ph = (Elf64_Phdr){.p_type = narrow.p_type,
                           .p_offset = narrow.p_offset,
                           .p_paddr = narrow.p_paddr,
                           .p_filesz = narrow.p_filesz,
                           .p_memsz = narrow.p_memsz,
                           .p_align = narrow.p_align};
    } else {
        memcpy(ph, raw, sizeof(*ph));
    }
    return 0;
}

int kernel_image_parse(struct kernel_image *image, const void *untrusted_file, size_t size, const char **why)
{
    struct bytes file = {untrusted_file, size};
    Elf64_Ehdr eh;

    *image = (struct kernel_image){0};
    int rc = read_header(file, &eh, why);
    if (rc)
        return rc;

    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        if ((rc = read_program_header(file, &eh, i, &ph, why)))
            return rc;
        if (ph.p_type == PT_LOAD && (rc = add_segment(image, file, &ph, why)))
            return rc;
        const void *notes = ph.p_type == PT_NOTE ? bytes_at(file, ph.p_offset, ph.p_filesz) : nullptr;
        if (notes)
            find_entry(image, (struct bytes){notes, ph.p_filesz}, ph.p_align == 8 ? 8 : 4);
    }
    if (image->entry == 0 || !entry_is_loaded(image)) {
        *why = "it has no PVH entry note (is CONFIG_PVH off?)";
        return -EINVAL;
    }
    return 0;
}
