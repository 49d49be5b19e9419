/* kernel_image.c - tests of the decoder of kernel files */
#include "toolstack/domain/tests/cmocka_all.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "toolstack/domain/kernel_image.h"

/* A kernel of one page at 16 MiB with bss behind it, and a note with the entry point. */
struct file {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    Elf64_Nhdr nh;
    char name[4];
    uint64_t entry;
    uint8_t text[4096];
};

static struct file make(void)
{
    struct file f = {
        .eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = EM_X86_64,
               .e_phoff = offsetof(struct file, ph),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 2},
        .ph = {{.p_type = PT_LOAD,
                .p_offset = offsetof(struct file, text),
                .p_paddr = 0x1000000,
                .p_filesz = 4096,
                .p_memsz = 8192},
               {.p_type = PT_NOTE, .p_offset = offsetof(struct file, nh), .p_filesz = 24}},
        .nh = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
        .name = "Xen",
        .entry = 0x1000b20,
    };
    return f;
}

static const char *refusal(const struct file *f, size_t size)
{
    struct kernel_image image;
    const char *why = nullptr;

    assert_int_equal(kernel_image_parse(&image, f, size, &why), -EINVAL);
    assert_non_null(why);
    return why;
}

static void good_kernel_is_described(void **state)
{
    struct file f = make();
    struct kernel_image image;
    const char *why;

    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), 0);
    assert_int_equal(image.entry, 0x1000b20);
    assert_int_equal(image.segment_count, 1);
    assert_int_equal(image.start, 0x1000000);
    assert_int_equal(image.end, 0x1002000);
}

static void entry_may_be_four_bytes_long(void **state)
{
    struct file f = make();
    struct kernel_image image;
    const char *why;

    f.nh.n_descsz = 4;
    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), 0);
    assert_int_equal(image.entry, 0x1000b20);
}

/* The same as an ELF32 file. */
struct narrow_file {
    Elf32_Ehdr eh;
    Elf32_Phdr ph[2];
    Elf32_Nhdr nh;
    char name[4];
    uint32_t entry;
    uint8_t text[4096];
};

static struct narrow_file make_narrow(uint16_t machine)
{
    struct narrow_file f = {
        .eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = machine,
               .e_phoff = offsetof(struct narrow_file, ph),
               .e_phentsize = sizeof(Elf32_Phdr),
               .e_phnum = 2},
        .ph = {{.p_type = PT_LOAD,
                .p_offset = offsetof(struct narrow_file, text),
                .p_paddr = 0x100000,
                .p_filesz = 4096,
                .p_memsz = 8192},
               {.p_type = PT_NOTE, .p_offset = offsetof(struct narrow_file, nh), .p_filesz = 20}},
        .nh = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
        .name = "Xen",
        .entry = 0x100010,
    };
    return f;
}

static void narrow_kernels_are_described_too(void **state)
{
    const uint16_t machines[] = {EM_386, EM_X86_64};

    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        struct narrow_file f = make_narrow(machines[i]);
        struct kernel_image image;
        const char *why;

        assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), 0);
        assert_int_equal(image.entry, 0x100010);
        assert_int_equal(image.segment_count, 1);
        assert_int_equal(image.segments[0].file_offset, offsetof(struct narrow_file, text));
        assert_int_equal(image.segments[0].file_size, 4096);
        assert_int_equal(image.start, 0x100000);
        assert_int_equal(image.end, 0x102000);
    }
}

static void broken_narrow_kernels_are_refused(void **state)
{
    struct kernel_image image;
    const char *why;
    struct narrow_file f = make_narrow(EM_386);

    f.eh.e_phentsize = sizeof(Elf64_Phdr);
    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), -EINVAL);
    f = make_narrow(EM_386);
    f.eh.e_phoff = UINT32_MAX;
    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), -EINVAL);
    f = make_narrow(EM_386);
    f.ph[0].p_offset = UINT32_MAX;
    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), -EINVAL);
    f = make_narrow(EM_ARM);
    assert_int_equal(kernel_image_parse(&image, &f, sizeof(f), &why), -EINVAL);
    assert_non_null(strstr(why, "x86"));
}

/* Some linkers align notes to 8 bytes: what follows the first one is found all the same. */
static void notes_may_be_aligned_to_eight_bytes(void **state)
{
    struct {
        struct file f;
        struct {
            Elf64_Nhdr nh;
            char name[4];
            uint32_t desc, padding;
        } first __attribute__((aligned(8)));
        struct {
            Elf64_Nhdr nh;
            char name[4];
            uint64_t entry;
        } second;
    } with = {.f = make(),
              .first = {.nh = {.n_namesz = 4, .n_descsz = 4, .n_type = 5}, .name = "GNU"},
              .second = {.nh = {.n_namesz = 4, .n_descsz = 8, .n_type = 18}, .name = "Xen", .entry = 0x1000b20}};
    struct kernel_image image;
    const char *why;

    with.f.ph[1].p_offset = offsetof(typeof(with), first);
    with.f.ph[1].p_filesz = sizeof(with.first) + sizeof(with.second);
    with.f.ph[1].p_align = 8;
    assert_int_equal(kernel_image_parse(&image, &with, sizeof(with), &why), 0);
    assert_int_equal(image.entry, 0x1000b20);
}

/* The entry is in 32-bit code: it cannot lie above 4 GiB, and a wider value is not one below. */
static void entry_above_4_gib_is_refused(void **state)
{
    struct file f = make();

    f.entry |= 1ULL << 32;
    assert_non_null(strstr(refusal(&f, sizeof(f)), "PVH"));
}

static void segment_outside_the_file_is_refused(void **state)
{
    struct file f = make();

    f.ph[0].p_offset = UINT64_MAX - 10;
    refusal(&f, sizeof(f));
    f = make();
    f.ph[0].p_filesz = sizeof(f);
    f.ph[0].p_memsz = sizeof(f);
    refusal(&f, sizeof(f));
    f = make();
    refusal(&f, sizeof(f) - 1);
}

static void segment_outside_low_memory_is_refused(void **state)
{
    const uint64_t bad[] = {0, 0x1000, 0xBFFFF000, 0xC0000000, UINT64_MAX - 4096};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct file f = make();
        f.ph[0].p_paddr = bad[i];
        refusal(&f, sizeof(f));
    }
}

static void kernel_without_pvh_entry_is_refused(void **state)
{
    struct file f = make();

    f.nh.n_type = 17;
    assert_non_null(strstr(refusal(&f, sizeof(f)), "PVH"));
    f = make();
    f.entry = 0x3000000;
    assert_non_null(strstr(refusal(&f, sizeof(f)), "PVH"));
}

static void oversized_notes_end_the_search(void **state)
{
    struct file f = make();

    f.nh.n_namesz = UINT32_MAX;
    refusal(&f, sizeof(f));
    f = make();
    f.nh.n_descsz = UINT32_MAX;
    refusal(&f, sizeof(f));
}

static void packed_kernel_is_called_by_its_name(void **state)
{
    static uint8_t f[4096];
    struct kernel_image image;
    const char *why;

    memcpy(f + 0x202, "HdrS", 4);
    assert_int_equal(kernel_image_parse(&image, f, sizeof(f), &why), -EINVAL);
    assert_non_null(strstr(why, "bzImage"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_kernel_is_described),
        cmocka_unit_test(entry_may_be_four_bytes_long),
        cmocka_unit_test(narrow_kernels_are_described_too),
        cmocka_unit_test(broken_narrow_kernels_are_refused),
        cmocka_unit_test(notes_may_be_aligned_to_eight_bytes),
        cmocka_unit_test(entry_above_4_gib_is_refused),
        cmocka_unit_test(segment_outside_the_file_is_refused),
        cmocka_unit_test(segment_outside_low_memory_is_refused),
        cmocka_unit_test(kernel_without_pvh_entry_is_refused),
        cmocka_unit_test(oversized_notes_end_the_search),
        cmocka_unit_test(packed_kernel_is_called_by_its_name),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
