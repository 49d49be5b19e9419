/* elf.c - kernels as ELF images with a PVH entry note; every byte of the image is untrusted */
#include <hv/elf.h>
#include <hv/string.h>

enum { CLASS32 = 1, CLASS64 = 2, LITTLE_ENDIAN = 1 };
enum { MACHINE_386 = 3, MACHINE_X86_64 = 62 };
enum { PT_LOAD = 1, PT_NOTE = 4 };
enum { NOTE_PHYS32_ENTRY = 18 }; /* XEN_ELFNOTE_PHYS32_ENTRY of public/elfnote.h */
#define MAX_HEADERS   64u
#define MAX_NOTES     256u
#define MAX_PADDR     BIT(52) /* no x86 has more address bits */
#define NOTE_HEADER   12u
#define BZIMAGE_MAGIC 0x202u /* "HdrS" of Linux' setup header */

/* Where the fields of the two classes stand; `wide` ones have 8 bytes in ELF64 and 4 in ELF32. */
struct layout {
    uint8_t header_bytes, phoff, phentsize, phnum;                /* file header */
    uint8_t ph_bytes, offset, paddr, filesz, memsz, align, width; /* program header */
};
static const struct layout layouts[] = {
    [CLASS32] = {52, 28, 42, 44, 32, 4, 12, 16, 20, 28, 4},
    [CLASS64] = {64, 32, 54, 56, 56, 8, 24, 32, 40, 48, 8},
};

struct image {
    const uint8_t *at;
    size_t bytes;
    const struct layout *layout;
};

struct program_header {
    uint32_t type;
    uint64_t offset, paddr, filesz, memsz, align;
};

/* Little-endian number of 2, 4 or 8 bytes, at any alignment. */
static uint64_t number(const uint8_t *at, unsigned int bytes)
{
    uint64_t value = 0;
    for (unsigned int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool in_file(const struct image *img, uint64_t offset, uint64_t bytes)
{
    return offset <= img->bytes && bytes <= img->bytes - offset;
}

static struct program_header program_header(const struct image *img, uint64_t at)
{
    const struct layout *l = img->layout;
    const uint8_t *p = img->at + at;
    return (struct program_header){
        .type = (uint32_t)number(p, 4),
        .offset = number(p + l->offset, l->width),
        .paddr = number(p + l->paddr, l->width),
        .filesz = number(p + l->filesz, l->width),
        .memsz = number(p + l->memsz, l->width),
        .align = number(p + l->align, l->width),
    };
}

static const char *add_segment(const struct image *img, const struct program_header *untrusted, struct elf_image *out)
{
    if (!untrusted->memsz)
        return NULL;
    if (out->segments == ELF_MAX_SEGMENTS)
        return "the kernel has more loadable segments than supported (16)";
    if (!in_file(img, untrusted->offset, untrusted->filesz))
        return "the kernel file is cut short: a segment lies beyond its end";
    if (untrusted->filesz > untrusted->memsz)
        return "the kernel is damaged: a segment is larger in the file than in memory";
    if (untrusted->paddr >= MAX_PADDR || untrusted->memsz > MAX_PADDR - untrusted->paddr)
        return "the kernel is damaged: a segment ends beyond the physical address space";

    struct elf_segment s = {untrusted->offset, untrusted->filesz, untrusted->paddr, untrusted->memsz};
    for (unsigned int i = 0; i < out->segments; i++) {
        const struct elf_segment *other = &out->segment[i];
        if (s.paddr < other->paddr + other->mem_bytes && other->paddr < s.paddr + s.mem_bytes)
            return "the kernel is damaged: two segments overlap in memory";
    }
    out->low = out->segments ? MIN(out->low, s.paddr) : s.paddr;
    out->high = MAX(out->high, s.paddr + s.mem_bytes);
    out->segment[out->segments++] = s;
    return NULL;
}

/* One note at `p`, wholly inside [p, p + left). Returns its padded size, 0 if it does not fit. */
static uint64_t read_note(const uint8_t *p, uint64_t left, uint64_t align, bool *found, uint32_t *entry)
{
    if (left < NOTE_HEADER)
        return 0;
    uint64_t name_bytes = number(p, 4), desc_bytes = number(p + 4, 4), type = number(p + 8, 4);
    uint64_t desc = ALIGN_UP(NOTE_HEADER + name_bytes, align); /* both are 32 bits wide: no overflow */
    if (desc > left || desc_bytes > left - desc)
        return 0;
    if (name_bytes == 4 && !memcmp(p + NOTE_HEADER, "Xen", 4) && type == NOTE_PHYS32_ENTRY &&
        (desc_bytes == 4 || desc_bytes == 8)) {
        uint64_t value = number(p + desc, (unsigned int)desc_bytes);
        *found = value <= UINT32_MAX;
        *entry = (uint32_t)value;
    }
    return ALIGN_UP(desc + desc_bytes, align);
}

static const char *read_notes(const struct image *img, const struct program_header *untrusted, bool *found,
                              uint32_t *entry)
{
    if (!in_file(img, untrusted->offset, untrusted->filesz))
        return "the kernel file is cut short: its notes lie beyond its end";
    const uint8_t *p = img->at + untrusted->offset;
    uint64_t left = untrusted->filesz, align = untrusted->align == 8 ? 8 : 4;
    for (unsigned int i = 0; i < MAX_NOTES && left && !*found; i++) {
        uint64_t used = read_note(p, left, align, found, entry);
        if (!used || used >= left)
            break;
        p += used;
        left -= used;
    }
    return NULL;
}

static const char *check_header(struct image *img)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    if (in_file(img, BZIMAGE_MAGIC, 4) && !memcmp(img->at + BZIMAGE_MAGIC, "HdrS", 4))
        return "the kernel is a compressed bzImage: unpack it to an ELF vmlinux first (Linux' scripts/extract-vmlinux)";
    if (img->bytes < 64 || memcmp(img->at, magic, sizeof(magic)))
        return "the kernel is not an ELF image";
    uint8_t class = img->at[4];
    if ((class != CLASS32 && class != CLASS64) || img->at[5] != LITTLE_ENDIAN)
        return "the kernel is not for this machine: its ELF header is neither 32 nor 64 bit little-endian";
    img->layout = &layouts[class];
    uint64_t machine = number(img->at + 18, 2);
    if (machine != MACHINE_386 && machine != MACHINE_X86_64)
        return "the kernel is not for this machine: it is not built for x86";
    return NULL;
}

static const char *visit_headers(const struct image *img, struct elf_image *out, bool *found)
{
    const struct layout *l = img->layout;
    uint64_t table = number(img->at + l->phoff, l->width);
    uint64_t entry_bytes = number(img->at + l->phentsize, 2), count = number(img->at + l->phnum, 2);
    if (entry_bytes != l->ph_bytes || !count || count > MAX_HEADERS || !in_file(img, table, count * entry_bytes))
        return "the kernel is damaged: its program header table makes no sense";
    for (uint64_t i = 0; i < count; i++) {
        struct program_header untrusted = program_header(img, table + i * entry_bytes);
        const char *wrong = NULL;
        if (untrusted.type == PT_LOAD)
            wrong = add_segment(img, &untrusted, out);
        else if (untrusted.type == PT_NOTE && !*found)
            wrong = read_notes(img, &untrusted, found, &out->pvh_entry);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static bool is_loaded(const struct elf_image *img, uint64_t paddr)
{
    for (unsigned int i = 0; i < img->segments; i++)
        if (paddr >= img->segment[i].paddr && paddr - img->segment[i].paddr < img->segment[i].file_bytes)
            return true;
    return false;
}

const char *elf_parse(const void *image, size_t bytes, struct elf_image *out)
{
    struct image img = {.at = image, .bytes = bytes};
    bool found = false;

    memset(out, 0, sizeof(*out));
    const char *wrong = check_header(&img);
    if (!wrong)
        wrong = visit_headers(&img, out, &found);
    if (wrong)
        return wrong;
    if (!out->segments)
        return "the kernel has no loadable segment";
    if (!found)
        return "the kernel has no PVH entry note: it needs CONFIG_PVH (Debian's linux-image-amd64 has it)";
    if (!is_loaded(out, out->pvh_entry))
        return "the kernel is damaged: its PVH entry point lies outside its segments";
    return NULL;
}
