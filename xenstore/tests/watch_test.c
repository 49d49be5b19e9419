/* Watches: what fires, for whom, in which order, and what does not. */
#include "fixture.h"
#include <stdio.h>
#include <string.h>

static void watch(struct connection *c, const char *path_and_token)
{
    assert_string_equal(call(c, XS_WATCH, 0, path_and_token), "OK");
}

static void fires_once_at_first(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store);

    watch(c, "/a|token|");
    assert_string_equal(event(c), "/a token");
    assert_string_equal(event(c), "");
    assert_string_equal(call(c, XS_WATCH, 0, "/a|token|"), "EEXIST");
    assert_string_equal(call(c, XS_UNWATCH, 0, "/a|token|"), "OK");
    assert_string_equal(call(c, XS_UNWATCH, 0, "/a|token|"), "ENOENT");
    test_store_end(store);
}

static void reports_what_changed_below(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);

    watch(c, "/a|t|");
    event(c);
    call(d, XS_WRITE, 0, "/a/b/c|1");
    call(d, XS_SET_PERMS, 0, "/a/b|n0|");
    call(d, XS_WRITE, 0, "/ab|1"); /* not below */
    call(d, XS_READ, 0, "/a/b|");
    call(d, XS_MKDIR, 0, "/a/b|"); /* is there: no change */
    call(d, XS_RM, 0, "/a/b|");
    assert_string_equal(event(c), "/a/b/c t");
    assert_string_equal(event(c), "/a/b t");
    assert_string_equal(event(c), ""); /* the removal's is the same as the one that still waited */
    call(d, XS_RM, 0, "/a|");
    assert_string_equal(event(c), "/a t");
    test_store_end(store);
}

static void removal_reaches_watches_below(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);

    call(d, XS_WRITE, 0, "/a/b/c|1");
    watch(c, "/a/b/c|deep|");
    watch(c, "/a/b/missing|none|");
    event(c), event(c);
    call(d, XS_RM, 0, "/a|");
    assert_string_equal(event(c), "/a/b/c deep");
    assert_string_equal(event(c), "");
    test_store_end(store);
}

static void relative_ones_report_relatively(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    call(c, XS_MKDIR, 0, "/local/domain/3/device|");
    call(c, XS_SET_PERMS, 0, "/local/domain/3/device|n3|");
    watch(g, "device|t|");
    assert_string_equal(event(g), "device t");
    watch(g, "/local/domain/3/device|u|");
    assert_string_equal(event(g), "/local/domain/3/device u");
    call(c, XS_WRITE, 0, "/local/domain/3/device/vbd|1");
    assert_string_equal(event(g), "device/vbd t");
    assert_string_equal(event(g), "/local/domain/3/device/vbd u");
    test_store_end(store);
}

static void permission_filters_events(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    watch(g, "/|all|");
    assert_string_equal(event(g), "/ all");
    call(c, XS_WRITE, 0, "/secret|1");
    assert_string_equal(event(g), "");
    call(c, XS_SET_PERMS, 0, "/secret|n0|r3|");
    assert_string_equal(event(g), "/secret all");
    call(c, XS_WRITE, 0, "/secret|2");
    assert_string_equal(event(g), "/secret all");
    call(c, XS_WRITE, 0, "/secret/child|2");
    call(c, XS_SET_PERMS, 0, "/secret/child|n0|");
    while (*event(g))
        ;
    call(c, XS_WRITE, 0, "/secret/child|3");
    assert_string_equal(event(g), ""); /* existence is the parent's to show, the value is the child's */
    call(c, XS_RM, 0, "/secret/child|");
    assert_string_equal(event(g), "/secret/child all");
    test_store_end(store);
}

static void transaction_fires_at_its_commit(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);
    uint32_t tx = start(d);

    watch(c, "/a|t|");
    event(c);
    call(d, XS_WRITE, tx, "/a/1|x");
    call(d, XS_WRITE, tx, "/a/2|x");
    call(d, XS_WRITE, tx, "/a/gone|x");
    call(d, XS_RM, tx, "/a/gone|");
    assert_string_equal(event(c), "");
    call(d, XS_TRANSACTION_END, tx, "T|");
    assert_string_equal(event(c), "/a/1 t");
    assert_string_equal(event(c), "/a/2 t");
    assert_string_equal(event(c), "");
    tx = start(d);
    call(d, XS_WRITE, tx, "/a/1|y");
    call(d, XS_TRANSACTION_END, tx, "F|");
    assert_string_equal(event(c), "");
    test_store_end(store);
}

static void domains_coming_and_going(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *g = guest(store, 3);

    watch(c, "@introduceDomain|in|");
    watch(c, "@releaseDomain|out|");
    watch(g, "@releaseDomain|out|");
    event(c), event(c), event(g);
    guest(store, 4);
    assert_string_equal(event(c), "@introduceDomain in");
    domain_shut_down(store, domain_find(store, 4));
    assert_string_equal(event(c), "@releaseDomain out");
    domain_shut_down(store, domain_find(store, 4));
    assert_string_equal(event(c), "");
    call(c, XS_RESUME, 0, "4|");
    domain_shut_down(store, domain_find(store, 4));
    assert_string_equal(event(c), "@releaseDomain out");
    domain_release(store, 4);
    assert_string_equal(event(c), "@releaseDomain out");
    assert_string_equal(event(g), ""); /* may not read that name, until: */
    call(c, XS_SET_PERMS, 0, "@releaseDomain|n0|r3|");
    guest(store, 5);
    domain_release(store, 5);
    assert_string_equal(event(g), "@releaseDomain out");
    test_store_end(store);
}

static void unwatch_drops_what_waits(void **state)
{
    struct store *store = test_store();
    struct connection *c = dom0_client(store), *d = dom0_client(store);
    struct answer answer;
    size_t bytes;

    watch(c, "/b|u|");
    event(c);
    watch(c, "/a|t|");
    connection_output(c, &bytes);
    connection_sent(c, 3); /* the first event is half sent: it must still come whole */
    call(d, XS_WRITE, 0, "/b|1");
    call(d, XS_WRITE, 0, "/a|1");
    send_request(c, XS_UNWATCH, 0, "/a\0t", 5);
    connection_output(c, &bytes);
    connection_sent(c, bytes);
    assert_string_equal(event(c), "/b u");
    assert_true(take(c, &answer));
    assert_int_equal(answer.header.type, XS_UNWATCH);
    assert_false(take(c, &answer));
    assert_int_equal(c->replies, 0);
    assert_int_equal(c->output_bytes, 0);
    test_store_end(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_at_first),           cmocka_unit_test(reports_what_changed_below),
        cmocka_unit_test(removal_reaches_watches_below), cmocka_unit_test(relative_ones_report_relatively),
        cmocka_unit_test(permission_filters_events),     cmocka_unit_test(transaction_fires_at_its_commit),
        cmocka_unit_test(domains_coming_and_going),      cmocka_unit_test(unwatch_drops_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
