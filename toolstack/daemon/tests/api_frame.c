/* api_frame.c - tests of the decoder of Admin API calls */
#include "toolstack/domain/tests/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "toolstack/daemon/api_frame.h"

/* Decodes in an allocation of exactly the promised size, so that a sanitizer sees any byte too much. */
static bool parse(struct api_call *call, char **bytes, const char *text, size_t size)
{
    *bytes = malloc(size + 1);
    assert_non_null(*bytes);
    memcpy(*bytes, text, size);
    return api_frame_parse(call, *bytes, size);
}

static void call_with_argument_and_payload(void **state)
{
    static const char text[] = "admin.vm.property.Set+label dom0 name work\0red";
    struct api_call call;
    char *bytes;

    assert_true(parse(&call, &bytes, text, sizeof(text) - 1));
    assert_string_equal(call.method, "admin.vm.property.Set");
    assert_string_equal(call.argument, "label");
    assert_string_equal(call.source, "dom0");
    assert_string_equal(call.destination, "work");
    assert_int_equal(call.payload_size, 3);
    assert_string_equal(call.payload, "red");
    free(bytes);
}

static void keyword_means_dom0(void **state)
{
    static const char text[] = "admin.vm.List dom0 keyword adminvm";
    struct api_call call;
    char *bytes;

    assert_true(parse(&call, &bytes, text, sizeof(text)));
    assert_string_equal(call.destination, "dom0");
    assert_string_equal(call.argument, "");
    assert_int_equal(call.payload_size, 0);
    free(bytes);
}

static void refuse(const char *text, size_t size)
{
    struct api_call call;
    char *bytes;

    assert_false(parse(&call, &bytes, text, size));
    free(bytes);
}

static void anything_else_is_refused(void **state)
{
    refuse("", 0);
    refuse("admin.vm.List dom0 name dom0", 28); /* no NUL */
    refuse("admin.vm.List", 14);
    refuse("admin.vm.List dom0 name", 24);
    refuse("admin.vm.List dom0 name dom0 more", 34);
    refuse("admin.vm.List dom0 uuid dom0", 29);
    refuse("admin.vm.List dom0 name do\nm0", 30);
    refuse(" dom0 name dom0", 16);
    refuse("admin.vm.L\xc3\xafst dom0 name dom0", 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_with_argument_and_payload),
        cmocka_unit_test(keyword_means_dom0),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
