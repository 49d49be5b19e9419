/* text.c - untrusted text never reaches a terminal as anything but text */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "common/text.h"

static void cleans_to(const char *from, const char *to)
{
    char buffer[128];
    size_t length = strlen(from);

    memcpy(buffer, from, length);
    length = text_sanitise(buffer, length);
    assert_int_equal(length, strlen(to));
    assert_memory_equal(buffer, to, length);
}

static void printable_text_is_kept(void **state)
{
    cleans_to("plain ASCII ~", "plain ASCII ~");
    cleans_to("Grüße, 世界 😀", "Grüße, 世界 😀");
}

static void controls_become_underscores(void **state)
{
    cleans_to("a\033[31mb\n\r\tc\177", "a_[31mb___c_");
    cleans_to("x\xC2\x9By", "x_y");         /* C1 CSI as UTF-8 */
    cleans_to("x\xE2\x80\xAEy", "x_y");     /* right-to-left override */
    cleans_to("x\xEF\xBB\xBFy", "x_y");     /* BOM */
    cleans_to("x\xF3\xA0\x80\x81y", "x_y"); /* tag character */
}

static void invalid_bytes_become_underscores(void **state)
{
    cleans_to("\x9B", "_");
    cleans_to("\xC0\x80", "__");           /* overlong NUL */
    cleans_to("\xED\xA0\x80", "_");        /* surrogate */
    cleans_to("\xF4\x90\x80\x80", "____"); /* beyond Unicode */
    cleans_to("a\xE4\xB8", "a__");         /* cut off */
    cleans_to("\xE4\xB8z", "__z");
}

static void filter_joins_split_characters(void **state)
{
    const char *in = "Grü\033[2J世\n\xE4\xB8";
    struct text_filter filter = {};
    char out[64];
    size_t n = 0;

    for (size_t i = 0; i < strlen(in); i++)
        n += text_filter_run(&filter, in + i, 1, out + n);
    n += text_filter_end(&filter, out + n);
    assert_int_equal(n, strlen("Grü_[2J世\n__"));
    assert_memory_equal(out, "Grü_[2J世\n__", n);
}

/* Splitting a stream anywhere must not change what comes out. */
static void filter_does_not_depend_on_chunks(void **state)
{
    char in[64], whole[80], parts[80];
    uint32_t seed = 1;

    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(in); i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = "\xE2\x80\xAE\xF0\x9F\x98\x80\xC3\xA9"
                    "a\033\xFF"[(seed >> 16) % 12];
        }
        struct text_filter one = {}, two = {};
        size_t cut = seed % sizeof(in);
        size_t n = text_filter_run(&one, in, sizeof(in), whole);
        n += text_filter_end(&one, whole + n);
        size_t m = text_filter_run(&two, in, cut, parts);
        m += text_filter_run(&two, in + cut, sizeof(in) - cut, parts + m);
        m += text_filter_end(&two, parts + m);
        assert_int_equal(n, m);
        assert_memory_equal(whole, parts, n);
    }
}

static void names_are_checked(void **state)
{
    assert_true(text_is_vm_name("work"));
    assert_true(text_is_vm_name("sys-net_2"));
    assert_true(text_is_vm_name("a234567890123456789012345678901"));
    assert_false(text_is_vm_name("a2345678901234567890123456789012"));
    assert_false(text_is_vm_name(""));
    assert_false(text_is_vm_name("2work"));
    assert_false(text_is_vm_name("../x"));
    assert_false(text_is_vm_name("work space"));
    assert_false(text_is_vm_name("w\303\244"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_is_kept),           cmocka_unit_test(controls_become_underscores),
        cmocka_unit_test(invalid_bytes_become_underscores), cmocka_unit_test(filter_joins_split_characters),
        cmocka_unit_test(filter_does_not_depend_on_chunks), cmocka_unit_test(names_are_checked),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
