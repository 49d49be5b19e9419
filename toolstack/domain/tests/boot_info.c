/* boot_info.c - tests of hvm_start_info as the kernel will read it */
#include "toolstack/domain/tests/cmocka_all.h"

#include <errno.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "toolstack/domain/boot_info.h"

static const uint64_t base = 0x4200000;
static uint8_t page[BOOT_INFO_SIZE];

static const void *at(uint64_t paddr)
{
    assert_true(paddr >= base && paddr < base + BOOT_INFO_SIZE);
    return page + (paddr - base);
}

static struct memory_layout layout(void)
{
    struct memory_layout l;
    assert_int_equal(layout_make(&l, 256, 4096), 0);
    return l;
}

static void kernel_finds_everything(void **state)
{
    struct memory_layout l = layout();
    struct boot_request r = {base, 0x5000000, 1234, 0xFC000000, "console=hvc0 root=/dev/xvda"};
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry last;

    assert_int_equal(boot_info_build(page, &r, &l), 0);
    memcpy(&info, page, sizeof(info));
    assert_int_equal(info.magic, XEN_HVM_START_MAGIC_VALUE);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.rsdp_paddr, 0xFC000000);
    assert_string_equal(at(info.cmdline_paddr), r.cmdline);
    assert_int_equal(info.nr_modules, 1);
    memcpy(&module, at(info.modlist_paddr), sizeof(module));
    assert_int_equal(module.paddr, 0x5000000);
    assert_int_equal(module.size, 1234);
    assert_int_equal(info.memmap_entries, l.map_len);
    memcpy(&last, (const char *)at(info.memmap_paddr) + (l.map_len - 1) * sizeof(last), sizeof(last));
    assert_int_equal(last.addr, l.map[l.map_len - 1].start);
    assert_int_equal(last.size, l.map[l.map_len - 1].size);
}

static void no_initrd_means_no_module(void **state)
{
    struct memory_layout l = layout();
    struct boot_request r = {base, 0, 0, 0xFC000000, ""};
    struct hvm_start_info info;

    assert_int_equal(boot_info_build(page, &r, &l), 0);
    memcpy(&info, page, sizeof(info));
    assert_int_equal(info.nr_modules, 0);
    assert_int_equal(info.modlist_paddr, 0);
}

static void too_long_command_line_is_refused(void **state)
{
    struct memory_layout l = layout();
    char text[BOOT_CMDLINE_MAX + 2];
    struct boot_request r = {base, 0, 0, 0xFC000000, text};

    memset(text, 'x', sizeof(text));
    text[BOOT_CMDLINE_MAX + 1] = 0;
    assert_int_equal(boot_info_build(page, &r, &l), -E2BIG);
    text[BOOT_CMDLINE_MAX] = 0;
    assert_int_equal(boot_info_build(page, &r, &l), 0);
}

static void block_out_of_the_kernels_sight_is_refused(void **state)
{
    struct memory_layout l = layout();
    struct boot_request r = {1ull << 30, 0, 0, 0xFC000000, ""};

    assert_int_equal(boot_info_build(page, &r, &l), -EINVAL);
    r.base = l.low_end;
    assert_int_equal(boot_info_build(page, &r, &l), -EINVAL);
    r = (struct boot_request){base, l.low_end - 4096, 4097, 0xFC000000, ""};
    assert_int_equal(boot_info_build(page, &r, &l), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_finds_everything),
        cmocka_unit_test(no_initrd_means_no_module),
        cmocka_unit_test(too_long_command_line_is_refused),
        cmocka_unit_test(block_out_of_the_kernels_sight_is_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
