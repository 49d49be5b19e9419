/* The tree through the wire: reading, writing, listing, removing, permissions, names, errors. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void value_is_bytes_as_written(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    struct answer answer = ask(c, XS_WRITE, 0, "/a/b\0x\0y", 8);

    assert_string_equal(answer.payload, "OK");
    answer = ask(c, XS_READ, 0, "/a/b", 5);
    assert_int_equal(answer.header.len, 3);
    assert_memory_equal(answer.payload, "x\0y", 3);
    test_store_end(store);
}

static void write_creates_parents(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);

    assert_string_equal(call(c, XS_WRITE, 0, "/x/y/z|1"), "OK");
    assert_string_equal(text_of(c, XS_READ, 0, "/x/y|"), "");
    assert_string_equal(text_of(c, XS_DIRECTORY, 0, "/x|"), "y|");
    assert_string_equal(call(c, XS_MKDIR, 0, "/x/y/z|"), "OK");
    assert_string_equal(text_of(c, XS_READ, 0, "/x/y/z|"), "1");
    assert_string_equal(text_of(c, XS_DIRECTORY, 0, "/|"), "local|tool|vm|x|");
    test_store_end(store);
}

static void remove_takes_everything_below(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);

    call(c, XS_WRITE, 0, "/x/y/z|1");
    assert_string_equal(call(c, XS_RM, 0, "/x/y|"), "OK");
    assert_string_equal(call(c, XS_READ, 0, "/x/y/z|"), "ENOENT");
    assert_string_equal(call(c, XS_RM, 0, "/x/y|"), "OK"); /* its parent is there */
    assert_string_equal(call(c, XS_RM, 0, "/x/y/z|"), "ENOENT");
    assert_string_equal(call(c, XS_RM, 0, "/|"), "EINVAL");
    test_store_end(store);
}

static void malformed_requests_are_refused(void **state)
{
    static const char *const bad[] = {"/a//b|", "/a/|", "//|", "|", "", "/a", "/a b|", "/a|b|", "@introduceDomain|",
                                      "/\xff|"};
    struct store *store = test_store();
    struct connection *c = dom0_client(store);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(call(c, XS_READ, 0, bad[i]), "EINVAL");
    assert_string_equal(call(c, 20, 0, "|"), "ENOSYS");
    assert_string_equal(call(c, 9999, 0, "|"), "ENOSYS");
    assert_string_equal(call(c, XS_WATCH_EVENT, 0, "|"), "ENOSYS");
    assert_string_equal(call(c, XS_READ, 5, "/local|"), "ENOENT"); /* no such transaction */
    assert_string_equal(call(c, XS_SET_PERMS, 0, "/local|"), "EINVAL");
    assert_string_equal(call(c, XS_SET_PERMS, 0, "/local|x1|"), "EINVAL");
    assert_string_equal(call(c, XS_SET_PERMS, 0, "/local|r99999|"), "EINVAL");
    assert_string_equal(call(c, XS_SET_PERMS, 0, "/local|r1"), "EINVAL");
    assert_string_equal(call(c, XS_WATCH, 0, "/local|"), "EINVAL");
    assert_string_equal(call(c, XS_WATCH, 0, "@nothing|t|"), "EINVAL");
    assert_string_equal(call(c, XS_INTRODUCE, 0, "1|x|3|"), "EINVAL");
    assert_string_equal(call(c, XS_CONTROL, 0, "nonsense|"), "EINVAL");
    test_store_end(store);
}

static void names_have_a_longest(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);
    char path[XENSTORE_ABS_PATH_MAX + 3];

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[XENSTORE_ABS_PATH_MAX + 1] = '\0';
    assert_string_equal(text_of(c, XS_MKDIR, 0, path), "EINVAL");
    assert_int_equal(ask(c, XS_MKDIR, 0, path, XENSTORE_ABS_PATH_MAX + 2).header.type, XS_ERROR);
    path[XENSTORE_ABS_PATH_MAX] = '\0';
    assert_int_equal(ask(c, XS_MKDIR, 0, path, XENSTORE_ABS_PATH_MAX + 1).header.type, XS_MKDIR);
    path[0] = 'a';
    path[XENSTORE_REL_PATH_MAX + 1] = '\0';
    assert_string_equal(ask(g, XS_READ, 0, path, XENSTORE_REL_PATH_MAX + 2).payload, "EINVAL");
    path[XENSTORE_REL_PATH_MAX] = '\0';
    assert_string_equal(ask(g, XS_READ, 0, path, XENSTORE_REL_PATH_MAX + 1).payload, "EACCES");
    test_store_end(store);
}

static void oversized_payload_ends_the_connection(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    struct xsd_sockmsg header = {XS_WRITE, 1, 0, XENSTORE_PAYLOAD_MAX + 1};

    connection_input(c, &header, sizeof(header));
    assert_true(c->broken);
    assert_int_equal(connection_room(c), 0);
    test_store_end(store);
}

static void guest_sees_only_what_it_may(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3), *h = guest(store, 4);

    call(c, XS_WRITE, 0, "/secret/a|1");
    call(c, XS_WRITE, 0, "/local/domain/3/name|work");
    call(c, XS_SET_PERMS, 0, "/local/domain/3/name|n0|r3|");
    call(c, XS_WRITE, 0, "/local/domain/3/data|");
    call(c, XS_SET_PERMS, 0, "/local/domain/3/data|n3|");
    assert_string_equal(call(g, XS_READ, 0, "/secret/a|"), "EACCES");
    assert_string_equal(call(g, XS_READ, 0, "/secret/missing|"), "EACCES"); /* not ENOENT: that would tell */
    assert_string_equal(text_of(g, XS_READ, 0, "name|"), "work");
    assert_string_equal(call(h, XS_READ, 0, "/local/domain/3/name|"), "EACCES");
    assert_string_equal(call(g, XS_WRITE, 0, "name|evil"), "EACCES");
    assert_string_equal(call(g, XS_RM, 0, "name|"), "EACCES");
    assert_string_equal(call(g, XS_WRITE, 0, "data/x|1"), "OK");
    assert_string_equal(text_of(g, XS_GET_PERMS, 0, "data/x|"), "n3|");
    assert_string_equal(call(g, XS_READ, 0, "data/missing|"), "ENOENT");
    assert_string_equal(call(h, XS_READ, 0, "/local/domain/3/data/x|"), "EACCES");
    assert_string_equal(call(g, XS_SET_PERMS, 0, "data/x|r3|"), "OK");
    assert_string_equal(text_of(h, XS_READ, 0, "/local/domain/3/data/x|"), "1");
    assert_string_equal(call(h, XS_WRITE, 0, "/local/domain/3/data/x|2"), "EACCES");
    assert_string_equal(call(h, XS_SET_PERMS, 0, "/local/domain/3/data/x|n4|"), "EACCES");
    assert_string_equal(call(g, XS_SET_PERMS, 0, "data/x|n4|"), "EPERM"); /* may not give away */
    test_store_end(store);
}

static void administration_is_domain_0s(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    assert_string_equal(call(g, XS_CONTROL, 0, "stats|"), "EACCES");
    assert_string_equal(call(g, XS_INTRODUCE, 0, "9|1|1|"), "EACCES");
    assert_string_equal(call(g, XS_RELEASE, 0, "3|"), "EACCES");
    assert_string_equal(call(g, XS_SET_TARGET, 0, "3|0|"), "EACCES");
    assert_string_equal(call(g, XS_SET_PERMS, 0, "@releaseDomain|r3|"), "EACCES");
    assert_string_equal(call(c, XS_SET_PERMS, 0, "@releaseDomain|n0|r3|"), "OK");
    assert_string_equal(text_of(c, XS_GET_PERMS, 0, "@releaseDomain|"), "n0|r3|");
    assert_string_equal(text_of(c, XS_IS_DOMAIN_INTRODUCED, 0, "3|"), "T|");
    assert_string_equal(text_of(c, XS_IS_DOMAIN_INTRODUCED, 0, "4|"), "F|");
    assert_string_equal(text_of(g, XS_GET_DOMAIN_PATH, 0, "3|"), "/local/domain/3|");
    assert_string_equal(call(c, XS_RELEASE, 0, "3|"), "OK");
    assert_string_equal(call(c, XS_RELEASE, 0, "3|"), "ENOENT");
    assert_string_equal(call(c, XS_INTRODUCE, 0, "9|1|1|"), "OK");
    assert_string_equal(text_of(c, XS_IS_DOMAIN_INTRODUCED, 0, "9|"), "T|");
    test_store_end(store);
}

static void target_gives_its_rights(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    guest(store, 4);
    call(c, XS_MKDIR, 0, "/local/domain/4|");
    call(c, XS_SET_PERMS, 0, "/local/domain/4|n4|");
    assert_string_equal(call(g, XS_WRITE, 0, "/local/domain/4/x|1"), "EACCES");
    assert_string_equal(call(c, XS_SET_TARGET, 0, "3|4|"), "OK");
    assert_string_equal(call(g, XS_WRITE, 0, "/local/domain/4/x|1"), "OK");
    call(c, XS_RELEASE, 0, "4|");
    call(c, XS_MKDIR, 0, "/local/domain/4|");
    call(c, XS_SET_PERMS, 0, "/local/domain/4|n4|");
    assert_string_equal(call(g, XS_WRITE, 0, "/local/domain/4/x|1"), "EACCES");
    test_store_end(store);
}

static void dead_domain_leaves_no_rights(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    call(c, XS_WRITE, 0, "/shared|1");
    call(c, XS_SET_PERMS, 0, "/shared|n0|b3|r4|");
    call(c, XS_MKDIR, 0, "/local/domain/3/data|");
    call(c, XS_SET_PERMS, 0, "/local/domain/3/data|n3|");
    assert_string_equal(call(g, XS_WRITE, 0, "data/x|1"), "OK");
    call(c, XS_RELEASE, 0, "3|");
    assert_string_equal(text_of(c, XS_GET_PERMS, 0, "/shared|"), "n0|r4|");
    assert_string_equal(call(c, XS_READ, 0, "/local/domain/3/data|"), "ENOENT");
    assert_string_equal(call(guest(store, 3), XS_READ, 0, "/shared|"), "EACCES");
    test_store_end(store);
}

static void large_directory_comes_in_parts(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    size_t offset = 0, names = 0;
    char text[64], generation[24] = "";

    for (int i = 0; i < 700; i++) {
        snprintf(text, sizeof(text), "/big/child-%04d|", i);
        call(c, XS_MKDIR, 0, text);
    }
    assert_string_equal(call(c, XS_DIRECTORY, 0, "/big|"), "E2BIG");
    for (bool end = false; !end;) {
        struct answer answer;
        const char *name;

        snprintf(text, sizeof(text), "/big%c%zu", 0, offset);
        answer = ask(c, XS_DIRECTORY_PART, 0, text, 6 + strlen(text + 5));
        assert_int_equal(answer.header.type, XS_DIRECTORY_PART);
        if (!*generation)
            strcpy(generation, answer.payload);
        assert_string_equal(generation, answer.payload);
        for (name = answer.payload + strlen(generation) + 1; name < answer.payload + answer.header.len;
             name += strlen(name) + 1) {
            end = !*name;
            names += !end;
            offset += end ? 0 : strlen(name) + 1;
        }
    }
    assert_int_equal(names, 700);
    call(c, XS_RM, 0, "/big/child-0001|");
    assert_string_not_equal(text_of(c, XS_DIRECTORY_PART, 0, "/big|0|"), generation);
    test_store_end(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_is_bytes_as_written),      cmocka_unit_test(write_creates_parents),
        cmocka_unit_test(remove_takes_everything_below),  cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(names_have_a_longest),           cmocka_unit_test(oversized_payload_ends_the_connection),
        cmocka_unit_test(guest_sees_only_what_it_may),    cmocka_unit_test(administration_is_domain_0s),
        cmocka_unit_test(target_gives_its_rights),        cmocka_unit_test(dead_domain_leaves_no_rights),
        cmocka_unit_test(large_directory_comes_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
