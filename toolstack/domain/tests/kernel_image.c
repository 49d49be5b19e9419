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
        cmocka_unit_test(segment_outside_the_file_is_refused),
        cmocka_unit_test(segment_outside_low_memory_is_refused),
        cmocka_unit_test(kernel_without_pvh_entry_is_refused),
        cmocka_unit_test(oversized_notes_end_the_search),
        cmocka_unit_test(packed_kernel_is_called_by_its_name),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
