/* multiboot.c - the information structures of multiboot 1 (0.6.96) and multiboot 2 (2.0) */
#include <hv/boot.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/string.h>

#define MB1_MAGIC 0x2badb002u
#define MB2_MAGIC 0x36d76289u

#define MALFORMED "the boot loader's information is malformed"

struct boot_info boot_info;

struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
struct mb1_module {
    uint32_t start, end, string, reserved;
};
struct mb1_mmap {
    uint32_t size;
    uint64_t addr, len;
    uint32_t type;
} __packed;
struct mb2_tag {
    uint32_t type, size;
};
enum { MB2_END, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6, MB2_ACPI_OLD = 14, MB2_ACPI_NEW = 15 };

static const void *at(uint64_t address)
{
    return (const void *)address; /* the identity map of the first 4 GiB is still there */
}

static void copy_string(char *dst, size_t size, const char *src)
{
    size_t n = strnlen(src, size - 1);
    memcpy(dst, src, n);
    dst[n] = 0;
}

/* The loader's own name or path comes first with multiboot 1; with multiboot 2 GRUB leaves it out. */
static const char *skip_word(const char *s)
{
    while (*s && *s != ' ')
        s++;
    while (*s == ' ')
        s++;
    return s;
}

static void add_e820(uint64_t start, uint64_t size, uint32_t type)
{
    if (machine.e820_count < MAX_E820 && size)
        machine.e820[machine.e820_count++] = (struct e820_entry){start, size, type};
}

static const char *add_module(uint64_t start, uint64_t end, const char *string)
{
    struct boot_module *m = &boot_info.module[boot_info.modules];
    if (start > end)
        return MALFORMED;
    if (boot_info.modules == MAX_MODULES)
        return "too many boot modules; give the dom0 kernel and its initrd";
    boot_info.modules++;
    m->start = start;
    m->end = end;
    copy_string(m->string, sizeof(m->string), string);
    return NULL;
}

static const char *parse1(uint32_t info)
{
    const struct mb1_info *mb = at(info);
    const struct mb1_module *mods = at(mb->mods_addr);

    if (!(mb->flags & BIT(6)))
        return "the boot loader gave no memory map";
    if (mb->flags & BIT(2))
        copy_string(boot_info.cmdline, sizeof(boot_info.cmdline), skip_word(at(mb->cmdline)));
    for (uint32_t p = 0; p < mb->mmap_length;) {
        const struct mb1_mmap *e = at(mb->mmap_addr + p);
        if (e->size < sizeof(*e) - 4 || e->size > mb->mmap_length)
            return MALFORMED;
        add_e820(e->addr, e->len, e->type);
        p += e->size + 4;
    }
    for (uint32_t i = 0; mb->flags & BIT(3) && i < mb->mods_count; i++) {
        const char *error = add_module(mods[i].start, mods[i].end, mods[i].string ? skip_word(at(mods[i].string)) : "");
        if (error)
            return error;
    }
    return NULL;
}

static void parse2_mmap(const struct mb2_tag *tag)
{
    const uint32_t *head = (const uint32_t *)tag;
    uint32_t entry_size = head[2];

    if (tag->size < 16 || entry_size < 20 || entry_size > tag->size)
        return;
    for (uint32_t p = 16; p + entry_size <= tag->size; p += entry_size) {
        const struct __packed {
            uint64_t addr, len;
            uint32_t type;
        } *e = (const void *)((const char *)tag + p);
        add_e820(e->addr, e->len, e->type);
    }
}

static const char *parse2(uint32_t info)
{
    const uint32_t *head = at(info);
    const char *error = NULL;

    for (uint32_t p = 8; p < head[0] && !error;) {
        const struct mb2_tag *tag = at(info + p);
        const uint32_t *words = (const uint32_t *)tag;
        if (tag->size < 8 || tag->size > head[0] - p)
            return MALFORMED;
        switch (tag->type) {
        case MB2_END: return NULL;
        case MB2_CMDLINE: copy_string(boot_info.cmdline, sizeof(boot_info.cmdline), (const char *)(words + 2)); break;
        case MB2_MODULE: error = add_module(words[2], words[3], (const char *)(words + 4)); break;
        case MB2_MMAP: parse2_mmap(tag); break;
        case MB2_ACPI_OLD:
            if (machine.rsdp)
                break;
            [[fallthrough]];
        case MB2_ACPI_NEW: machine.rsdp = info + p + 8; break;
        }
        p += ALIGN_UP(tag->size, 8u);
    }
    return error;
}

const char *multiboot_parse(uint32_t magic, uint32_t info)
{
    switch (magic) {
    case MB1_MAGIC: return parse1(info);
    case MB2_MAGIC: return parse2(info);
    default: return "not started by a multiboot loader";
    }
}
