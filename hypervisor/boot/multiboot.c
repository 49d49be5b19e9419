/*
 * multiboot.c - the information structures of multiboot 1 (0.6.96) and multiboot 2 (2.0). The loader is trusted to mean
 * well, not to be without faults: nothing is read that boot_read() refuses, and nothing beyond its structure.
 */
#include <hv/boot.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/string.h>

#define MB1_MAGIC 0x2badb002u
#define MB2_MAGIC 0x36d76289u

#define MAX_PATH 4096u

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

/* A string goes on to its 0, and no further than its structure or the room for it. */
static void read_string(char *dst, size_t size, uint64_t at, uint64_t limit)
{
    size_t n = 0;

    while (n + 1 < size && n < limit && boot_read(&dst[n], at + n, 1) && dst[n])
        n++;
    dst[n] = 0;
}

/* The loader's own name or path comes first with multiboot 1; with multiboot 2 GRUB leaves it out. */
static uint64_t skip_word(uint64_t at)
{
    bool in_word = true;
    char c;

    for (unsigned int i = 0; i < MAX_PATH && boot_read(&c, at, 1) && c && (in_word || c == ' '); i++) {
        in_word = in_word && c != ' ';
        at++;
    }
    return at;
}

static void add_e820(uint64_t start, uint64_t size, uint32_t type)
{
    if (machine.e820_count < MAX_E820 && size)
        machine.e820[machine.e820_count++] = (struct e820_entry){start, size, type};
}

/* `string` is an address, 0: none. */
static const char *add_module(uint32_t start, uint32_t end, uint64_t string, uint64_t limit)
{
    struct boot_module *m = &boot_info.module[boot_info.modules];
    if (start > end)
        return MALFORMED;
    if (boot_info.modules == MAX_MODULES)
        return "too many boot modules; give the dom0 kernel and its initrd";
    boot_info.modules++;
    m->start = start;
    m->end = end;
    read_string(m->string, sizeof(m->string), string, string ? limit : 0);
    return NULL;
}

static const char *parse1_mmap(const struct mb1_info *mb)
{
    for (uint64_t p = 0; p < mb->mmap_length;) {
        struct mb1_mmap e;
        if (!boot_read(&e, mb->mmap_addr + p, sizeof(e)) || e.size < sizeof(e) - 4 || e.size > mb->mmap_length - p)
            return MALFORMED;
        add_e820(e.addr, e.len, e.type);
        p += (uint64_t)e.size + 4;
    }
    return NULL;
}

static const char *parse1(uint32_t info)
{
    struct mb1_info mb;

    if (!boot_read(&mb, info, sizeof(mb)))
        return MALFORMED;
    if (!(mb.flags & BIT(6)))
        return "the boot loader gave no memory map";
    if (mb.flags & BIT(2))
        read_string(boot_info.cmdline, sizeof(boot_info.cmdline), skip_word(mb.cmdline), UINT32_MAX);
    const char *error = parse1_mmap(&mb);
    for (uint64_t i = 0; mb.flags & BIT(3) && i < mb.mods_count && !error; i++) {
        struct mb1_module m;
        if (!boot_read(&m, mb.mods_addr + i * sizeof(m), sizeof(m)))
            return MALFORMED;
        error = add_module(m.start, m.end, m.string ? skip_word(m.string) : 0, UINT32_MAX);
    }
    return error;
}

static const char *parse2_mmap(uint64_t at, const struct mb2_tag *tag)
{
    struct {
        uint64_t addr, len;
        uint32_t type;
    } e;
    const uint32_t bytes = 20; /* of the above */
    uint32_t entry_size;

    if (tag->size < 16 || !boot_read(&entry_size, at + 8, sizeof(entry_size)) || entry_size < bytes)
        return MALFORMED;
    for (uint64_t p = 16; p + entry_size <= tag->size; p += entry_size) {
        if (!boot_read(&e, at + p, bytes))
            return MALFORMED;
        add_e820(e.addr, e.len, e.type);
    }
    return NULL;
}

static const char *parse2_module(uint64_t at, const struct mb2_tag *tag)
{
    uint32_t range[2];

    if (tag->size < 16 || !boot_read(range, at + 8, sizeof(range)))
        return MALFORMED;
    return add_module(range[0], range[1], at + 16, tag->size - 16);
}

static const char *parse2_tag(uint64_t at, const struct mb2_tag *tag)
{
    switch (tag->type) {
    case MB2_CMDLINE: read_string(boot_info.cmdline, sizeof(boot_info.cmdline), at + 8, tag->size - 8); break;
    case MB2_MODULE: return parse2_module(at, tag);
    case MB2_MMAP: return parse2_mmap(at, tag);
    case MB2_ACPI_OLD:
        if (machine.rsdp)
            break;
        [[fallthrough]];
    case MB2_ACPI_NEW: machine.rsdp = at + 8; break;
    }
    return NULL;
}

static const char *parse2(uint32_t info)
{
    uint32_t total;
    const char *error = NULL;

    if (!boot_read(&total, info, sizeof(total)))
        return MALFORMED;
    for (uint64_t p = 8; p < total && !error;) {
        struct mb2_tag tag;
        if (!boot_read(&tag, info + p, sizeof(tag)) || tag.size < sizeof(tag) || tag.size > total - p)
            return MALFORMED;
        if (tag.type == MB2_END)
            return NULL;
        error = parse2_tag(info + p, &tag);
        p += ALIGN_UP((uint64_t)tag.size, 8ul);
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
