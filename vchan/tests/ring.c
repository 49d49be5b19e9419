/* ring.c - the rings keep their bounds whatever the peer writes into the shared memory */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "vchan/libvchan.h"
#include "vchan/ring.h"

/* Both ends over one piece of memory that the address sanitizer watches to the byte. */
struct pair {
    struct vchan_interface *page;
    uint8_t *left, *right;
    struct ring server, client;
};

static void pair_make(struct pair *p, unsigned int left, unsigned int right)
{
    assert_true(ring_orders_valid(left, right));
    p->page = calloc(1, RING_PAGE);
    p->left = calloc(1, ring_pages(left) ? ring_pages(left) * RING_PAGE : 1);
    p->right = calloc(1, ring_pages(right) ? ring_pages(right) * RING_PAGE : 1);
    ring_format(p->page, left, right);
    ring_attach(&p->server, p->page, true, left, right, p->left, p->right);
    ring_attach(&p->client, p->page, false, left, right, p->left, p->right);
}

static void pair_free(struct pair *p)
{
    free(p->page);
    free(p->left);
    free(p->right);
}

static void data_arrives_in_order_at_every_size(void **state)
{
    static const unsigned int orders[][2] = {{10, 11}, {11, 10}, {12, 12}, {10, 13}, {16, 16}, {20, 20}};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct pair p;
        uint8_t out = 0, in = 0, chunk[700];
        pair_make(&p, orders[i][0], orders[i][1]);
        for (int round = 0; round < 5000; round++) {
            uint32_t n = (uint32_t)(round * 37 % (int)sizeof(chunk));
            uint32_t space = ring_writable(&p.client);
            n = n < space ? n : space;
            for (uint32_t k = 0; k < n; k++)
                chunk[k] = out++;
            ring_put(&p.client, chunk, n);
            uint32_t ready = ring_readable(&p.server);
            n = ready < 211 ? ready : 211 + (uint32_t)round % 300;
            n = n < ready ? n : ready;
            ring_get(&p.server, chunk, n);
            for (uint32_t k = 0; k < n; k++)
                assert_int_equal(chunk[k], in++);
        }
        assert_false(p.server.broken || p.client.broken);
        pair_free(&p);
    }
}

static void orders_that_overlap_are_refused(void **state)
{
    assert_false(ring_orders_valid(9, 12));
    assert_false(ring_orders_valid(10, 10));
    assert_false(ring_orders_valid(11, 11));
    assert_false(ring_orders_valid(21, 12));
    assert_false(ring_orders_valid(12, 0xFFFF));
    assert_false(ring_orders_valid(0, 0));
    assert_false(ring_orders_valid(20, 10)); /* 256 grants reach into the ring at 1024 */
    assert_true(ring_orders_valid(20, 11));
    assert_true(ring_orders_valid(20, 20));
}

static void chosen_orders_are_valid_and_large_enough(void **state)
{
    for (size_t l = 0; l <= 1 << 20; l = l * 2 + 1)
        for (size_t r = 0; r <= 1 << 20; r = r * 3 + 1) {
            unsigned int lo, ro;
            assert_int_equal(ring_choose_orders(l, r, &lo, &ro), 0);
            assert_true(ring_orders_valid(lo, ro));
            assert_true((size_t)1 << lo >= l && (size_t)1 << ro >= r);
        }
    unsigned int lo, ro;
    assert_int_not_equal(ring_choose_orders((1 << 20) + 1, 1, &lo, &ro), 0);
    assert_int_not_equal(ring_choose_orders(1, SIZE_MAX, &lo, &ro), 0);
}

static void impossible_index_closes_the_channel(void **state)
{
    struct pair p;

    pair_make(&p, 12, 12);
    p.page->left.prod = 4097; /* one more than the ring holds */
    assert_int_equal(ring_readable(&p.server), 0);
    assert_int_equal(ring_peer_state(&p.server), VCHAN_DISCONNECTED);
    p.page->left.prod = 10; /* too late to be good again */
    assert_int_equal(ring_readable(&p.server), 0);
    assert_int_equal(ring_peer_state(&p.server), VCHAN_DISCONNECTED);
    pair_free(&p);

    pair_make(&p, 12, 12);
    p.page->right.cons = 1; /* read what was not written */
    assert_int_equal(ring_writable(&p.server), 0);
    assert_true(p.server.broken);
    pair_free(&p);
}

static void our_own_index_in_shared_memory_is_not_believed(void **state)
{
    struct pair p;
    uint8_t byte;

    pair_make(&p, 12, 12);
    ring_put(&p.client, "ab", 2);
    p.page->left.cons = 0x80000000; /* the server's own index, scribbled over by the client */
    assert_int_equal(ring_readable(&p.server), 2);
    ring_get(&p.server, &byte, 1);
    assert_int_equal(byte, 'a');
    assert_int_equal(p.page->left.cons, 1);
    pair_free(&p);
}

static void orders_in_shared_memory_are_read_once(void **state)
{
    struct pair p;
    uint8_t data[4096];

    pair_make(&p, 12, 12);
    p.page->left_order = p.page->right_order = 20;
    p.page->left.prod = 5000;
    assert_int_equal(ring_readable(&p.server), 0);
    p.server.broken = false;
    p.page->left.prod = 4096;
    assert_int_equal(ring_readable(&p.server), 4096);
    ring_get(&p.server, data, 4096); /* the sanitizer stops us if this leaves the ring */
    pair_free(&p);
}

static void live_bytes_have_three_values(void **state)
{
    struct pair p;

    pair_make(&p, 12, 12);
    assert_int_equal(ring_peer_state(&p.server), VCHAN_WAITING);
    assert_int_equal(ring_peer_state(&p.client), VCHAN_CONNECTED);
    p.page->srv_live = VCHAN_WAITING; /* a server cannot wait for us */
    assert_int_equal(ring_peer_state(&p.client), VCHAN_DISCONNECTED);
    for (int value = 3; value < 256; value++) {
        p.page->cli_live = (uint8_t)value;
        assert_int_equal(ring_peer_state(&p.server), VCHAN_DISCONNECTED);
    }
    pair_free(&p);
}

static void notification_is_given_once_per_wish(void **state)
{
    struct pair p;

    pair_make(&p, 12, 12);
    assert_true(ring_take_notify(&p.client, VCHAN_NOTIFY_WRITE)); /* a fresh server wants to hear of the first write */
    assert_false(ring_take_notify(&p.client, VCHAN_NOTIFY_WRITE));
    assert_false(ring_take_notify(&p.client, VCHAN_NOTIFY_READ));
    ring_ask_notify(&p.server, VCHAN_NOTIFY_READ);
    assert_false(ring_take_notify(&p.server, VCHAN_NOTIFY_READ));
    assert_true(ring_take_notify(&p.client, VCHAN_NOTIFY_READ));
    pair_free(&p);
}

/* A peer that writes rubbish into the whole head of the page between any two operations. */
static void hostile_peer_never_leads_out_of_bounds(void **state)
{
    uint32_t seed = 12345;
    uint8_t data[8192];

    for (int life = 0; life < 300; life++) {
        struct pair p;
        pair_make(&p, 10 + (unsigned int)life % 4, 12);
        for (int step = 0; step < 200; step++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t *words = (uint32_t *)p.page;
            if (seed >> 28 < 4)
                words[(seed >> 8) % 6] = seed;
            else if (seed >> 28 < 8)
                words[(seed >> 8) % 4] += (seed >> 16) % 5000;
            uint32_t n = ring_readable(&p.server);
            assert_true(n <= p.server.in.size);
            ring_get(&p.server, data, n);
            n = ring_writable(&p.server);
            assert_true(n <= p.server.out.size);
            ring_put(&p.server, data, n);
            ring_ask_notify(&p.server, VCHAN_NOTIFY_READ | VCHAN_NOTIFY_WRITE);
            (void)ring_take_notify(&p.server, VCHAN_NOTIFY_WRITE);
            (void)ring_peer_state(&p.server);
        }
        pair_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_arrives_in_order_at_every_size),
        cmocka_unit_test(orders_that_overlap_are_refused),
        cmocka_unit_test(chosen_orders_are_valid_and_large_enough),
        cmocka_unit_test(impossible_index_closes_the_channel),
        cmocka_unit_test(our_own_index_in_shared_memory_is_not_believed),
        cmocka_unit_test(orders_in_shared_memory_are_read_once),
        cmocka_unit_test(live_bytes_have_three_values),
        cmocka_unit_test(notification_is_given_once_per_wish),
        cmocka_unit_test(hostile_peer_never_leads_out_of_bounds),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
