/* test_format.c - printf's subset, compared with the C library's where both have it */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

/* The library's, under another name: the hypervisor's snprintf stands in lib/format.c. */
int ours(char *buf, size_t size, const char *fmt, ...);
#include <stdio.h>

#define same(...)                                                                                                      \
    do {                                                                                                               \
        char a[300], b[300];                                                                                           \
        int n = ours(a, sizeof(a), __VA_ARGS__), m = snprintf(b, sizeof(b), __VA_ARGS__);                              \
        assert_string_equal(a, b);                                                                                     \
        assert_int_equal(n, m);                                                                                        \
    } while (0)

static void numbers_as_in_c(void **state)
{
    same("%d %i %u %x %X", -5, INT_MIN, UINT_MAX, 0xbeefu, 0xbeefu);
    same("%ld %lu %lx %zu %llx", LONG_MIN, ULONG_MAX, ULONG_MAX, (size_t)0, 1ull << 63);
    same("[%5d] [%-5d] [%05d] [%08lx] [%-8x|]", 42, 42, 42, 0xabcul, 7u);
    same("%#x %#lx %x", 16u, 1ul << 40, 0u);
    same("%hhx %hx", 0x1ffu, 0x12345u);
    same("%2d%3d%1d", 12345, 1, 22);
}

static void text_as_in_c(void **state)
{
    same("%s|%10s|%-10s|%.3s|%.0s|", "abc", "right", "left", "cut off", "none");
    same("%c%%%c", 'x', 'y');
    same("nothing");
    same("%s", "");
}

static void a_full_buffer_ends_the_text_and_tells_its_length(void **state)
{
    char buf[8];

    memset(buf, 'z', sizeof(buf));
    assert_int_equal(ours(buf, 4, "%s", "abcdefgh"), 8);
    assert_memory_equal(buf, "abc\0zzzz", 8);
    assert_int_equal(ours(buf, 0, "%d", 12345), 5);
    assert_int_equal(buf[0], 'a');
    assert_int_equal(ours(buf, 1, "xyz"), 3);
    assert_string_equal(buf, "");
}

static void odd_formats_do_no_harm(void **state)
{
    char buf[40];

    ours(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
    const char *volatile odd[] = {"%", "%q", "%5", "%l", "a%-"};
    for (size_t i = 0; i < 5; i++)
        assert_true(ours(buf, sizeof(buf), odd[i]) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_in_c),
        cmocka_unit_test(text_as_in_c),
        cmocka_unit_test(a_full_buffer_ends_the_text_and_tells_its_length),
        cmocka_unit_test(odd_formats_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
