/* test_elf.c - what elf_parse accepts and refuses, on images made here */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <elf.h>
#include <hv/elf.h>

#define LOAD_AT 0x1000000u
#define ENTRY   0x1000850u

/* A 64-bit image: two segments and a note, 4 KiB in all, on the heap so that the sanitizer sees reads beyond it. */
struct image64 {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdr[3];
    struct {
        Elf64_Nhdr other_header;
        char other_name[8];
        Elf64_Nhdr header;
        char name[4];
        uint64_t desc;
    } __attribute__((packed)) notes;
    uint8_t content[0x1000];
};

static struct image64 *make64(void)
{
    struct image64 *i = calloc(1, sizeof(*i));
    assert_non_null(i);
    memcpy(i->ehdr.e_ident,
           "\x7f"
           "ELF"
           "\2\1\1",
           7);
    i->ehdr.e_machine = EM_X86_64;
    i->ehdr.e_type = ET_EXEC;
    i->ehdr.e_phoff = offsetof(struct image64, phdr);
    i->ehdr.e_phentsize = sizeof(Elf64_Phdr);
    i->ehdr.e_phnum = 3;
    i->phdr[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_offset = offsetof(struct image64, content),
                              .p_paddr = LOAD_AT,
                              .p_vaddr = 0xffffffff81000000,
                              .p_filesz = 0x1000,
                              .p_memsz = 0x1000};
    i->phdr[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_offset = offsetof(struct image64, content),
                              .p_paddr = LOAD_AT + 0x2000,
                              .p_filesz = 0x10,
                              .p_memsz = 0x3000};
    i->phdr[2] = (Elf64_Phdr){
        .p_type = PT_NOTE, .p_offset = offsetof(struct image64, notes), .p_filesz = sizeof(i->notes), .p_align = 4};
    i->notes.other_header = (Elf64_Nhdr){.n_namesz = 6, .n_type = 18};
    memcpy(i->notes.other_name, "Linux", 6);
    i->notes.header = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 8, .n_type = 18};
    memcpy(i->notes.name, "Xen", 4);
    i->notes.desc = ENTRY;
    return i;
}

static const char *parse64(struct image64 *i, struct elf_image *out)
{
    const char *wrong = elf_parse(i, sizeof(*i), out);
    free(i);
    return wrong;
}

static void kernel_is_loaded_by_physical_address(void **state)
{
    struct elf_image out;
    assert_null(parse64(make64(), &out));
    assert_int_equal(out.segments, 2);
    assert_int_equal(out.segment[0].paddr, LOAD_AT);
    assert_int_equal(out.segment[0].file_offset, offsetof(struct image64, content));
    assert_int_equal(out.segment[1].file_bytes, 0x10);
    assert_int_equal(out.segment[1].mem_bytes, 0x3000);
    assert_int_equal(out.low, LOAD_AT);
    assert_int_equal(out.high, LOAD_AT + 0x5000);
    assert_int_equal(out.pvh_entry, ENTRY);
}

static void four_byte_entry_is_accepted(void **state)
{
    struct elf_image out;
    struct image64 *i = make64();
    i->notes.header.n_descsz = 4;
    i->notes.desc |= 0xdead00000000; /* not part of the value then */
    i->phdr[2].p_filesz -= 4;
    assert_null(parse64(i, &out));
    assert_int_equal(out.pvh_entry, ENTRY);
}

static void elf32_is_accepted(void **state)
{
    struct {
        Elf32_Ehdr ehdr;
        Elf32_Phdr phdr[2];
        Elf32_Nhdr header;
        char name[4];
        uint32_t desc;
        uint8_t content[64];
    } *i = calloc(1, sizeof(*i));
    struct elf_image out;
    assert_non_null(i);
    memcpy(i->ehdr.e_ident,
           "\x7f"
           "ELF"
           "\1\1\1",
           7);
    i->ehdr.e_machine = EM_386;
    i->ehdr.e_phoff = (Elf32_Off)((char *)i->phdr - (char *)i);
    i->ehdr.e_phentsize = sizeof(Elf32_Phdr);
    i->ehdr.e_phnum = 2;
    i->phdr[0] =
        (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = (Elf32_Off)((char *)&i->header - (char *)i), .p_filesz = 20};
    i->phdr[1] = (Elf32_Phdr){.p_type = PT_LOAD,
                              .p_offset = (Elf32_Off)((char *)i->content - (char *)i),
                              .p_paddr = 0x100000,
                              .p_filesz = 64,
                              .p_memsz = 100};
    i->header = (Elf32_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
    memcpy(i->name, "Xen", 4);
    i->desc = 0x100020;
    assert_null(elf_parse(i, sizeof(*i), &out));
    assert_int_equal(out.segments, 1);
    assert_int_equal(out.high, 0x100000 + 100);
    assert_int_equal(out.pvh_entry, 0x100020);
    free(i);
}

static void bzimage_is_refused_with_advice(void **state)
{
    uint8_t *bz = calloc(1, 0x400);
    struct elf_image out;
    assert_non_null(bz);
    memcpy(bz, "MZ", 2);
    memcpy(bz + 0x202, "HdrS", 4);
    const char *wrong = elf_parse(bz, 0x400, &out);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "unpack"));
    free(bz);
}

static void every_truncation_is_refused(void **state)
{
    for (size_t bytes = 0; bytes < offsetof(struct image64, content) + 0x1000; bytes++) {
        struct image64 *i = make64();
        uint8_t *cut = malloc(bytes ? bytes : 1); /* exact size: the sanitizer sees any read beyond it */
        struct elf_image out;
        assert_non_null(cut);
        memcpy(cut, i, bytes);
        assert_non_null(elf_parse(cut, bytes, &out));
        free(cut);
        free(i);
    }
}

/* One change each that makes the image unacceptable. */
struct damage {
    const char *what;
    size_t at, bytes;
    uint64_t value;
};
#define DAMAGE(what, field, value) {what, offsetof(struct image64, field), sizeof(((struct image64 *)0)->field), value}

static void damaged_images_are_refused(void **state)
{
    static const struct damage damages[] = {
        DAMAGE("no note", phdr[2].p_type, PT_NULL),
        DAMAGE("another note", notes.header.n_type, 17),
        DAMAGE("entry above 4 GiB", notes.desc, 1ull << 32),
        DAMAGE("entry outside", notes.desc, LOAD_AT + 0x1000),
        DAMAGE("entry in zeroed memory", notes.desc, LOAD_AT + 0x2010),
        DAMAGE("huge note name", notes.other_header.n_namesz, 0xffffffff),
        DAMAGE("huge note content", notes.header.n_descsz, 0xffffffff),
        DAMAGE("notes beyond the file", phdr[2].p_offset, ~0ull - 4),
        DAMAGE("overlap", phdr[1].p_paddr, LOAD_AT + 0xfff),
        DAMAGE("segment wraps", phdr[1].p_paddr, ~0ull - 0x100),
        DAMAGE("segment too long", phdr[1].p_memsz, ~0ull),
        DAMAGE("more in the file than in memory", phdr[1].p_memsz, 8),
        DAMAGE("file offset wraps", phdr[0].p_offset, ~0ull - 0xfff),
        DAMAGE("table beyond the file", ehdr.e_phoff, sizeof(struct image64) - 60),
        DAMAGE("table wraps", ehdr.e_phoff, ~0ull - 8),
        DAMAGE("odd entry size", ehdr.e_phentsize, 57),
        DAMAGE("too many headers", ehdr.e_phnum, 0xffff),
        DAMAGE("no headers", ehdr.e_phnum, 0),
        DAMAGE("another machine", ehdr.e_machine, EM_AARCH64),
        DAMAGE("big-endian", ehdr.e_ident[EI_DATA], ELFDATA2MSB),
        DAMAGE("no magic", ehdr.e_ident[0], 'M'),
    };
    for (size_t n = 0; n < sizeof(damages) / sizeof(damages[0]); n++) {
        struct image64 *i = make64();
        struct elf_image out;
        memcpy((char *)i + damages[n].at, &damages[n].value, damages[n].bytes);
        if (!parse64(i, &out))
            fail_msg("accepted: %s", damages[n].what);
    }
}

static void image_without_segments_is_refused(void **state)
{
    struct image64 *i = make64();
    struct elf_image out;
    i->phdr[0].p_type = i->phdr[1].p_type = PT_NULL;
    assert_non_null(parse64(i, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_is_loaded_by_physical_address),
        cmocka_unit_test(four_byte_entry_is_accepted),
        cmocka_unit_test(elf32_is_accepted),
        cmocka_unit_test(bzimage_is_refused_with_advice),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(damaged_images_are_refused),
        cmocka_unit_test(image_without_segments_is_refused),
    };
    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
