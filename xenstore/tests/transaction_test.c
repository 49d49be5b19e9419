/* Transactions: a snapshot, all or nothing, EAGAIN on conflict; and as one property over random histories. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sees_a_snapshot(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);
    uint32_t tx;

    call(c, XS_WRITE, 0, "/a|1");
    tx = start(c);
    call(d, XS_WRITE, 0, "/a|2");
    call(d, XS_WRITE, 0, "/b|new");
    assert_string_equal(text_of(c, XS_READ, tx, "/a|"), "1");
    assert_string_equal(call(c, XS_READ, tx, "/b|"), "ENOENT");
    assert_string_equal(text_of(c, XS_READ, 0, "/a|"), "2");
    assert_string_equal(call(d, XS_READ, tx, "/a|"), "ENOENT"); /* another client's id */
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "F|"), "OK");
    test_store_end(store);
}

static void becomes_visible_at_once(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);
    uint32_t tx = start(c);

    call(c, XS_WRITE, tx, "/x/y/a|1");
    call(c, XS_WRITE, tx, "/x/b|2");
    call(c, XS_SET_PERMS, tx, "/x/b|n0|r7|");
    assert_string_equal(text_of(c, XS_READ, tx, "/x/y/a|"), "1");
    assert_string_equal(call(d, XS_READ, 0, "/x|"), "ENOENT");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "T|"), "OK");
    assert_string_equal(text_of(d, XS_READ, 0, "/x/y/a|"), "1");
    assert_string_equal(text_of(d, XS_GET_PERMS, 0, "/x/b|"), "n0|r7|");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "T|"), "ENOENT");
    test_store_end(store);
}

static void abort_leaves_nothing(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    uint32_t tx = start(c);

    call(c, XS_WRITE, tx, "/x|1");
    call(c, XS_RM, tx, "/tool|");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "F|"), "OK");
    assert_string_equal(call(c, XS_READ, 0, "/x|"), "ENOENT");
    assert_string_equal(call(c, XS_READ, 0, "/tool|"), "OK");
    test_store_end(store);
}

/* What `touch` does in a transaction conflicts with `meanwhile` done outside, or not. */
static const char *outcome(uint32_t type, const char *touch, uint32_t other, const char *meanwhile)
{
    static char result[16];
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);
    uint32_t tx;

    call(c, XS_WRITE, 0, "/d/a|1");
    call(c, XS_WRITE, 0, "/d/b|1");
    tx = start(c);
    call(c, type, tx, touch);
    call(c, XS_WRITE, tx, "/result|1");
    assert_string_equal(call(d, other, 0, meanwhile), "OK");
    strcpy(result, call(c, XS_TRANSACTION_END, tx, "T|"));
    assert_string_equal(call(d, XS_READ, 0, "/result|"), strcmp(result, "OK") == 0 ? "OK" : "ENOENT");
    test_store_end(store);
    return result;
}

static void conflicts_are_found(void **state)
{
    assert_string_equal(outcome(XS_READ, "/d/a|", XS_WRITE, "/d/a|1"), "EAGAIN");
    assert_string_equal(outcome(XS_READ, "/d/a|", XS_RM, "/d|"), "EAGAIN");
    assert_string_equal(outcome(XS_READ, "/d/a|", XS_SET_PERMS, "/d/a|r0|"), "EAGAIN");
    assert_string_equal(outcome(XS_READ, "/d/c|", XS_WRITE, "/d/c|1"), "EAGAIN"); /* read that it was missing */
    assert_string_equal(outcome(XS_WRITE, "/d/a|2", XS_WRITE, "/d/a|3"), "EAGAIN");
    assert_string_equal(outcome(XS_WRITE, "/d/n/m|2", XS_MKDIR, "/d/n|"), "EAGAIN");
    assert_string_equal(outcome(XS_WRITE, "/d/n|2", XS_RM, "/d|"), "EAGAIN");
    assert_string_equal(outcome(XS_DIRECTORY, "/d|", XS_WRITE, "/d/c|1"), "EAGAIN");
    assert_string_equal(outcome(XS_RM, "/d|", XS_WRITE, "/d/a|2"), "EAGAIN");
    assert_string_equal(outcome(XS_RM, "/d|", XS_WRITE, "/d/c|2"), "EAGAIN");
}

static void unrelated_changes_do_not_conflict(void **state)
{
    assert_string_equal(outcome(XS_READ, "/d/a|", XS_WRITE, "/d/b|2"), "OK");
    assert_string_equal(outcome(XS_READ, "/d|", XS_WRITE, "/d/c|2"), "OK");
    assert_string_equal(outcome(XS_WRITE, "/d/n|2", XS_WRITE, "/d/m|2"), "OK");
    assert_string_equal(outcome(XS_DIRECTORY, "/d|", XS_WRITE, "/d/a|2"), "OK");
}

static void removed_and_made_again(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    uint32_t tx;

    call(c, XS_WRITE, 0, "/d/a/deep|1");
    call(c, XS_WRITE, 0, "/d/b|1");
    tx = start(c);
    call(c, XS_WRITE, tx, "/d/a|2");
    call(c, XS_RM, tx, "/d|");
    call(c, XS_WRITE, tx, "/d/a|3");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "T|"), "OK");
    assert_string_equal(text_of(c, XS_READ, 0, "/d/a|"), "3");
    assert_string_equal(text_of(c, XS_DIRECTORY, 0, "/d|"), "a|");
    assert_string_equal(text_of(c, XS_DIRECTORY, 0, "/d/a|"), "");
    test_store_end(store);
}

static void nesting_is_refused(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    uint32_t tx = start(c);

    assert_string_equal(call(c, XS_TRANSACTION_START, tx, "|"), "EBUSY");
    assert_string_equal(call(c, XS_TRANSACTION_END, 0, "T|"), "ENOENT");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "X|"), "EINVAL");
    assert_string_equal(call(c, XS_TRANSACTION_END, tx, "T|"), "OK");
    test_store_end(store);
}

/*
 * Many transactions of two clients, random operations, commits in random order. Each committed one must have seen what
 * a serial execution at its commit would show: so a counter incremented only in transactions counts the commits.
 */
static void increments_are_never_lost(void **state)
{
    struct store *store = test_store();
    struct connection *client[2] = {dom0_client(store), dom0_client(store)};
    long committed = 0, conflicts = 0;
    char text[64];

    srand(1);
    call(client[0], XS_WRITE, 0, "/counter|0");
    for (int round = 0; round < 2000; round++) {
        uint32_t tx[2] = {start(client[0]), start(client[1])};

        for (int i = 0; i < 2; i++) {
            if (rand() % 4 == 0)
                snprintf(text, sizeof(text), "/other/%d|1", rand() % 5);
            else
                snprintf(text, sizeof(text), "/counter|%ld",
                         strtol(text_of(client[i], XS_READ, tx[i], "/counter|"), NULL, 10) + 1);
            bool counts = text[1] == 'c';
            call(client[i], rand() % 9 || counts ? XS_WRITE : XS_RM, tx[i], text);
            if (counts)
                tx[i] |= 1u << 31;
        }
        for (int i = 0, first = rand() % 2; i < 2; i++) {
            int which = i ^ first;
            bool counts = tx[which] >> 31;
            bool done = strcmp(call(client[which], XS_TRANSACTION_END, tx[which] & ~(1u << 31), "T|"), "OK") == 0;

            committed += counts && done;
            conflicts += !done;
        }
    }
    assert_int_equal(strtol(text_of(client[0], XS_READ, 0, "/counter|"), NULL, 10), committed);
    assert_true(conflicts > 100 && committed > 1000);
    test_store_end(store);
}

static void reset_ends_them(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);
    uint32_t tx = start(c);

    assert_string_equal(call(c, XS_RESET_WATCHES, 0, "|"), "OK");
    assert_string_equal(call(c, XS_READ, tx, "/|"), "ENOENT");
    test_store_end(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_a_snapshot),
        cmocka_unit_test(becomes_visible_at_once),
        cmocka_unit_test(abort_leaves_nothing),
        cmocka_unit_test(conflicts_are_found),
        cmocka_unit_test(unrelated_changes_do_not_conflict),
        cmocka_unit_test(removed_and_made_again),
        cmocka_unit_test(nesting_is_refused),
        cmocka_unit_test(increments_are_never_lost),
        cmocka_unit_test(reset_ends_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
