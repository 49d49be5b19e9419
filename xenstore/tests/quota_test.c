/* Quotas: what one guest cannot do, that the others still can, and that it gets it back. */
#include "fixture.h"
#include "transaction.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig {
    struct store *store;
    struct connection *dom0, *guest, *other;
};

static struct rig rig(void)
{
    struct rig r = {.store = test_store()};

    r.dom0 = dom0_client(r.store);
    r.guest = guest(r.store, 3);
    r.other = guest(r.store, 4);
    for (int i = 3; i <= 4; i++) {
        char text[64];

        snprintf(text, sizeof(text), "/local/domain/%d/data|", i);
        call(r.dom0, XS_MKDIR, 0, text);
        snprintf(text, sizeof(text), "/local/domain/%d/data|n%d|", i, i);
        call(r.dom0, XS_SET_PERMS, 0, text);
    }
    return r;
}

/* Makes nodes until refused; returns how many. */
static int fill(struct connection *c, uint32_t tx, const char *prefix, int most, const char *refusal)
{
    char text[64];

    for (int i = 0; i < most; i++) {
        const char *result;

        snprintf(text, sizeof(text), "data/%s%d|", prefix, i);
        result = call(c, XS_MKDIR, tx, text);
        if (strcmp(result, "OK") != 0) {
            assert_string_equal(result, refusal);
            return i;
        }
    }
    return most;
}

static void nodes(void **state)
{
    struct rig r = rig();

    assert_int_equal(fill(r.guest, 0, "n", 2000, "ENOSPC"), 999); /* and `data` itself */
    assert_string_equal(call(r.guest, XS_WRITE, 0, "data/a/b/c|1"), "ENOSPC");
    assert_string_equal(call(r.guest, XS_WRITE, 0, "data/n1|1"), "OK");
    assert_string_equal(call(r.other, XS_WRITE, 0, "data/a/b/c|1"), "OK");
    assert_string_equal(call(r.dom0, XS_WRITE, 0, "/local/domain/3/data/from-dom0|1"), "OK");
    assert_string_equal(call(r.guest, XS_RM, 0, "data/n1|"), "OK");
    assert_string_equal(call(r.guest, XS_RM, 0, "data/n2|"), "OK");
    assert_string_equal(call(r.guest, XS_MKDIR, 0, "data/n1|"), "OK");
    test_store_end(r.store);
}

static void nodes_of_transactions(void **state)
{
    struct rig r = rig();
    uint32_t one = start(r.guest), two = start(r.guest);

    assert_int_equal(fill(r.guest, one, "a", 600, ""), 600);
    assert_int_equal(fill(r.guest, two, "b", 600, ""), 600);
    assert_string_equal(call(r.guest, XS_TRANSACTION_END, one, "T|"), "OK");
    assert_string_equal(call(r.guest, XS_TRANSACTION_END, two, "T|"), "ENOSPC"); /* together too many */
    assert_int_equal(fill(r.guest, 0, "c", 2000, "ENOSPC"), 399);
    test_store_end(r.store);
}

static void nodes_touched_by_a_transaction(void **state)
{
    struct rig r = rig();
    uint32_t tx = start(r.guest);
    char text[64];
    int touched = 0;

    do
        snprintf(text, sizeof(text), "data/%d|", touched++);
    while (strcmp(call(r.guest, XS_READ, tx, text), "ENOENT") == 0);
    assert_int_equal(touched, 1025);
    assert_string_equal(call(r.guest, XS_READ, tx, text), "ENOSPC");
    test_store_end(r.store);
}

static void repeated_changes_cost_nothing_more(void **state)
{
    struct rig r = rig();
    uint32_t tx = start(r.guest);

    for (int i = 0; i < 20000; i++) {
        assert_string_equal(call(r.guest, XS_WRITE, tx, "data/a|1"), "OK");
        assert_string_equal(call(r.guest, XS_RM, tx, "data/a|"), "OK");
    }
    assert_true(connection_transaction(r.guest, tx)->change_count <= 2);
    assert_string_equal(call(r.guest, XS_TRANSACTION_END, tx, "T|"), "OK");
    test_store_end(r.store);
}

static void transactions(void **state)
{
    struct rig r = rig();

    for (int i = 0; i < 10; i++)
        assert_true(start(r.guest) > 0);
    assert_string_equal(call(r.guest, XS_TRANSACTION_START, 0, "|"), "ENOSPC");
    assert_string_equal(call(r.guest, XS_RESET_WATCHES, 0, "|"), "OK");
    assert_true(start(r.guest) > 0);
    test_store_end(r.store);
}

static void watches(void **state)
{
    struct rig r = rig();
    char text[64];

    for (int i = 0; i < 128; i++) {
        snprintf(text, sizeof(text), "data|%d|", i);
        assert_string_equal(call(r.guest, XS_WATCH, 0, text), "OK");
        while (*event(r.guest))
            ;
    }
    assert_string_equal(call(r.guest, XS_WATCH, 0, "data|x|"), "ENOSPC");
    assert_string_equal(call(r.other, XS_WATCH, 0, "data|x|"), "OK");
    assert_string_equal(call(r.guest, XS_UNWATCH, 0, "data|5|"), "OK");
    assert_string_equal(call(r.guest, XS_WATCH, 0, "data|x|"), "OK");
    test_store_end(r.store);
}

static void size_of_a_node(void **state)
{
    struct rig r = rig();
    char payload[4000] = "data/big";

    assert_string_equal(ask(r.guest, XS_WRITE, 0, payload, 9 + 2049).payload, "ENOSPC");
    assert_string_equal(ask(r.guest, XS_WRITE, 0, payload, 9 + 2000).payload, "OK");
    assert_string_equal(call(r.guest, XS_SET_PERMS, 0, "data/big|n3|r1|r2|r4|r5|r6|"), "ENOSPC");
    assert_string_equal(call(r.guest, XS_SET_PERMS, 0, "data/big|n3|r1|r2|r4|r5|"), "OK");
    test_store_end(r.store);
}

static void memory(void **state)
{
    struct rig r = rig();
    char payload[2100];
    int written = 0;

    call(r.dom0, XS_CONTROL, 0, "quota|memory|100000|");
    for (; written < 999; written++) {
        size_t name = (size_t)snprintf(payload, sizeof(payload), "data/%d", written) + 1;

        if (ask(r.guest, XS_WRITE, 0, payload, name + 1900).header.type == XS_ERROR)
            break;
    }
    assert_in_range(written, 40, 52);
    assert_string_equal(call(r.other, XS_WRITE, 0, "data/x|1"), "OK");
    test_store_end(r.store);
}

static void unread_answers_stop_its_requests(void **state)
{
    struct rig r = rig();
    struct answer answer;
    int served = 0;

    while (connection_room(r.guest)) {
        send_request(r.guest, XS_DIRECTORY, 0, "data", 5);
        served++;
    }
    assert_int_equal(served, 20);
    assert_true(take(r.guest, &answer));
    assert_true(connection_room(r.guest) > 0);
    test_store_end(r.store);
}

static void unread_events_are_bounded(void **state)
{
    struct rig r = rig();
    char text[64];

    call(r.dom0, XS_CONTROL, 0, "quota|memory|100000|");
    call(r.guest, XS_WATCH, 0, "/local/domain/3|t|");
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof(text), "/local/domain/3/data/%d|1", i % 900);
        call(r.dom0, XS_WRITE, 0, text);
    }
    assert_true(connection_bytes(r.guest) < 300000); /* dom0's nodes count too, though it may exceed the quota */
    assert_true(r.guest->lost_events > 0);
    assert_string_equal(call(r.other, XS_WRITE, 0, "data/x|1"), "OK");
    test_store_end(r.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes),
        cmocka_unit_test(nodes_of_transactions),
        cmocka_unit_test(nodes_touched_by_a_transaction),
        cmocka_unit_test(repeated_changes_cost_nothing_more),
        cmocka_unit_test(transactions),
        cmocka_unit_test(watches),
        cmocka_unit_test(size_of_a_node),
        cmocka_unit_test(memory),
        cmocka_unit_test(unread_answers_stop_its_requests),
        cmocka_unit_test(unread_events_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
