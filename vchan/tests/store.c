/* store.c - runs under store.py, with a real xenstored behind $XENSTORED_PATH */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include "vchan/store.h"

static bool readable(const struct store *store, int timeout)
{
    return poll(&(struct pollfd){.fd = store_fd(store), .events = POLLIN}, 1, timeout) == 1;
}

static void numbers_are_published_and_removed(void **state)
{
    struct store *store = store_open();
    uint32_t value = 0;

    assert_non_null(store);
    assert_int_equal(store_read_number(store, "data/vchan/7/512/ring-ref", &value), -ENOENT);
    assert_int_equal(store_publish(store, "data/vchan/7/512/ring-ref", 4000000000, 0, 7), 0);
    assert_int_equal(store_read_number(store, "data/vchan/7/512/ring-ref", &value), 0);
    assert_int_equal(value, 4000000000);
    assert_int_equal(store_read_number(store, "/local/domain/0/data/vchan/7/512/ring-ref", &value), 0);
    assert_int_equal(store_remove(store, "data/vchan/7/512"), 0);
    assert_int_equal(store_read_number(store, "data/vchan/7/512/ring-ref", &value), -ENOENT);
    store_close(store);
}

static void watches_fire_at_once_and_on_change(void **state)
{
    struct store *store = store_open(), *other = store_open();

    assert_non_null(store);
    assert_int_equal(store_watch(store, "data/vchan/7/513/event-channel"), 0);
    assert_true(store_fired(store) == 1 || (readable(store, 5000) && store_fired(store) == 1));
    assert_int_equal(store_fired(store), 0);
    assert_int_equal(store_publish(other, "data/vchan/7/513/event-channel", 1, 0, 7), 0);
    assert_true(readable(store, 5000));
    assert_int_equal(store_fired(store), 1);
    assert_int_equal(store_watch(store, "@releaseDomain"), 0);
    store_close(other);
    store_close(store);
}

static void own_domain_is_known(void **state)
{
    struct store *store = store_open();
    unsigned int domain = 99;

    assert_int_equal(store_own_domain(store, &domain), 0);
    assert_int_equal(domain, 0);
    assert_int_equal(store_domain_exists(store, 4242), 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_published_and_removed),
        cmocka_unit_test(watches_fire_at_once_and_on_change),
        cmocka_unit_test(own_domain_is_known),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
