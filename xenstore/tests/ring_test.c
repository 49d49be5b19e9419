/* The ring, against a guest that keeps the rules and against ones that do not. */
#include "fixture.h"
#include "ring.h"
#include <stdlib.h>
#include <string.h>

struct rig {
    struct store *store;
    struct connection *dom0, *guest;
    struct xenstore_domain_interface *page;
    struct ring ring;
};

static struct rig rig(void)
{
    struct rig r = {.store = test_store(), .page = must_alloc(sizeof(*r.page))};

    r.dom0 = dom0_client(r.store);
    r.guest = guest(r.store, 3);
    r.page->connection = XENSTORE_RECONNECT; /* as a toolstack leaves it */
    ring_start(&r.ring, r.page);
    call(r.dom0, XS_WRITE, 0, "/local/domain/3/name|work");
    call(r.dom0, XS_SET_PERMS, 0, "/local/domain/3/name|n0|r3|");
    return r;
}

static void end(struct rig *r)
{
    test_store_end(r->store);
    free(r->page);
}

/* The guest's kernel: puts bytes in as far as there is room. */
static uint32_t guest_put(struct rig *r, const void *bytes, uint32_t count)
{
    const char *at = bytes;
    uint32_t done = 0;

    while (done < count && r->page->req_prod - r->page->req_cons < XENSTORE_RING_SIZE)
        r->page->req[MASK_XENSTORE_IDX(r->page->req_prod++)] = at[done++];
    return done;
}

static uint32_t guest_get(struct rig *r, void *bytes, uint32_t count)
{
    char *at = bytes;
    uint32_t done = 0;

    while (done < count && r->page->rsp_cons != r->page->rsp_prod)
        at[done++] = r->page->rsp[MASK_XENSTORE_IDX(r->page->rsp_cons++)];
    return done;
}

static struct ring_result pump(struct rig *r)
{
    return ring_pump(&r->ring, r->guest);
}

static void put_all(struct rig *r, const void *bytes, uint32_t count)
{
    for (uint32_t done = 0; done < count; assert_int_equal(pump(r).error, RING_FINE))
        done += guest_put(r, (const char *)bytes + done, count - done);
}

static void get_all(struct rig *r, void *bytes, uint32_t count)
{
    for (uint32_t done = 0; done < count; assert_int_equal(pump(r).error, RING_FINE))
        done += guest_get(r, (char *)bytes + done, count - done);
}

static void requests_pass_whatever_the_indices(void **state)
{
    struct rig r = rig();

    /* Starts just before the indices wrap around, both the ring's size and 32 bits. */
    r.page->req_cons = r.page->req_prod = r.page->rsp_cons = r.page->rsp_prod = 0xfffffe00;
    ring_start(&r.ring, r.page);
    assert_int_equal(r.page->connection, XENSTORE_CONNECTED);
    for (uint32_t i = 0; i < 500; i++) {
        struct xsd_sockmsg header = {XS_READ, i, 0, 5};
        char value[4];

        put_all(&r, &header, sizeof(header));
        put_all(&r, "name", 5);
        get_all(&r, &header, sizeof(header));
        assert_int_equal(header.type, XS_READ);
        assert_int_equal(header.req_id, i);
        assert_int_equal(header.len, 4);
        get_all(&r, value, 4);
        assert_memory_equal(value, "work", 4);
    }
    end(&r);
}

static void long_messages_pass_in_pieces(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_WRITE, 1, 0, 9 + 2000};
    char payload[9 + 2000] = "data/big", back[2000];

    call(r.dom0, XS_MKDIR, 0, "/local/domain/3/data|");
    call(r.dom0, XS_SET_PERMS, 0, "/local/domain/3/data|n3|");
    memset(payload + 9, 'x', 2000);
    put_all(&r, &header, sizeof(header));
    put_all(&r, payload, sizeof(payload));
    get_all(&r, &header, sizeof(header));
    assert_int_equal(header.type, XS_WRITE);
    get_all(&r, back, header.len);
    header = (struct xsd_sockmsg){XS_READ, 2, 0, 9};
    put_all(&r, &header, sizeof(header));
    put_all(&r, "data/big", 9);
    get_all(&r, &header, sizeof(header));
    assert_int_equal(header.len, 2000);
    get_all(&r, back, 2000);
    assert_memory_equal(back, payload + 9, 2000);
    end(&r);
}

static void impossible_request_index(void **state)
{
    static const uint32_t bad[] = {1025, 0x80000000, 0xffffffff};

    for (size_t i = 0; i < 3; i++) {
        struct rig r = rig();

        r.page->req_prod = r.page->req_cons + bad[i];
        assert_int_equal(pump(&r).error, RING_BAD_INDEX);
        assert_int_equal(r.page->error, XENSTORE_ERROR_RINGIDX);
        assert_string_equal(call(r.dom0, XS_READ, 0, "/local|"), "OK");
        end(&r);
    }
}

static void impossible_response_index(void **state)
{
    struct rig r = rig();

    r.page->rsp_cons = r.page->rsp_prod + 1; /* it claims to have read what was not written */
    assert_int_equal(pump(&r).error, RING_BAD_INDEX);
    assert_int_equal(r.page->error, XENSTORE_ERROR_RINGIDX);
    end(&r);
}

static void our_indices_are_not_the_guests_to_change(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5};

    put_all(&r, &header, sizeof(header));
    r.page->req_cons = 0x1234; /* we published 16, and go on from there */
    r.page->rsp_prod = 0x4321;
    memcpy(r.page->req + 16, "name", 5);
    r.page->req_prod = 21;
    assert_int_equal(pump(&r).error, RING_FINE);
    assert_int_equal(r.page->req_cons, 21);
    assert_int_equal(r.page->rsp_prod, sizeof(header) + 4);
    assert_memory_equal(r.page->rsp + sizeof(header), "work", 4);
    end(&r);
}

static void too_long_message(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_WRITE, 1, 0, 0xffffffff};

    guest_put(&r, &header, sizeof(header));
    assert_int_equal(pump(&r).error, RING_BAD_MESSAGE);
    assert_int_equal(r.page->error, XENSTORE_ERROR_PROTO);
    end(&r);
}

static void one_that_never_reads_is_not_served_further(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_DIRECTORY, 1, 0, 2};
    uint32_t taken = 0;

    for (int i = 0; i < 2000; i++) {
        taken += guest_put(&r, &header, sizeof(header));
        guest_put(&r, "/", 2);
        struct ring_result result = pump(&r);
        assert_int_equal(result.error, RING_FINE);
    }
    assert_true(r.guest->replies <= 20);
    assert_true(taken < 3000);
    assert_true(connection_bytes(r.guest) < 100000);
    end(&r);
}

static void notification_only_when_something_moved(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5};

    assert_false(pump(&r).moved);
    guest_put(&r, &header, sizeof(header));
    assert_true(pump(&r).moved);
    assert_false(pump(&r).moved);
    end(&r);
}

static void restart_forgets_the_old_kernel(void **state)
{
    struct rig r = rig();
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5};

    put_all(&r, &header, sizeof(header)); /* half a request */
    assert_false(ring_wants_restart(&r.ring));
    r.page->connection = XENSTORE_RECONNECT;
    assert_true(ring_wants_restart(&r.ring));
    connection_restart(r.guest);
    ring_restart(&r.ring);
    assert_int_equal(r.page->connection, XENSTORE_CONNECTED);
    put_all(&r, &header, sizeof(header));
    put_all(&r, "name", 5);
    get_all(&r, &header, sizeof(header));
    assert_int_equal(header.len, 4);
    end(&r);
}

/* Random bytes and indices: nothing is read or written outside the page (the sanitizer watches), nobody else suffers.
 */
static void random_pages(void **state)
{
    srand(3);
    for (int round = 0; round < 300; round++) {
        struct rig r = rig();

        for (int step = 0; step < 50; step++) {
            uint32_t *words = &r.page->req_cons;

            for (size_t i = 0; i < sizeof(r.page->req); i++)
                r.page->req[i] = (char)(rand() % 3 ? 0 : rand());
            words[rand() % 7] = rand() % 2 ? (uint32_t)rand() % 2000 : (uint32_t)rand() * 2654435761u;
            if (pump(&r).error)
                break;
        }
        assert_string_equal(call(r.dom0, XS_READ, 0, "/local|"), "OK");
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_pass_whatever_the_indices),
        cmocka_unit_test(long_messages_pass_in_pieces),
        cmocka_unit_test(impossible_request_index),
        cmocka_unit_test(impossible_response_index),
        cmocka_unit_test(our_indices_are_not_the_guests_to_change),
        cmocka_unit_test(too_long_message),
        cmocka_unit_test(one_that_never_reads_is_not_served_further),
        cmocka_unit_test(notification_only_when_something_moved),
        cmocka_unit_test(restart_forgets_the_old_kernel),
        cmocka_unit_test(random_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
