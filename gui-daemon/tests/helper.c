/* helper.c - the helper's tables and queue, and the broker's reading of facts */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "broker/facts.h"
#include "helper/buffers.h"
#include "helper/queue.h"

static struct buffers buffers;
static struct queue queue;

static const char *begin(uint32_t id, uint32_t pages)
{
    struct gui_buffer_new wire = {.header.object = id, .pages = pages};

    return buffers_begin(&buffers, &wire);
}

static const char *add(uint32_t id, uint32_t first, uint32_t count, bool *complete)
{
    struct gui_buffer_refs wire = {.header.object = id, .first = first, .count = count};

    *complete = false;
    for (uint32_t i = 0; i < count; i++)
        wire.refs[i] = 1000 + first + i;
    return buffers_add(&buffers, &wire, complete);
}

static int reset(void **state)
{
    memset(&buffers, 0, sizeof(buffers));
    queue_init(&queue);
    return 0;
}

static void references_come_in_order_and_complete(void **state)
{
    bool complete;

    assert_null(begin(1, 300));
    assert_non_null(begin(2, 1)); /* one at a time */
    assert_non_null(add(2, 0, 1, &complete));
    assert_non_null(add(1, 1, 1, &complete));
    assert_null(add(1, 0, 250, &complete));
    assert_false(complete);
    assert_non_null(add(1, 250, 51, &complete));
    assert_null(add(1, 250, 50, &complete));
    assert_true(complete);
    assert_int_equal(buffers.refs[299], 1299);
    buffers_end(&buffers, 4096);
    assert_non_null(begin(1, 1)); /* the id is taken */
    assert_non_null(add(1, 0, 1, &complete));
}

static void an_id_is_free_when_it_is_gone(void **state)
{
    struct buffer_entry was;

    assert_null(begin(1, 10));
    buffers_end(&buffers, 8192);
    assert_non_null(buffers_delete(&buffers, 2));
    assert_null(buffers_delete(&buffers, 1));
    assert_non_null(buffers_delete(&buffers, 1)); /* twice */
    assert_non_null(begin(1, 1));                 /* still mapped */
    assert_true(buffers_gone(&buffers, 1, &was));
    assert_int_equal(was.offset, 8192);
    assert_int_equal(was.pages, 10);
    assert_false(buffers_gone(&buffers, 1, &was));
    assert_false(buffers_gone(&buffers, 0, &was));
    assert_null(begin(1, 1));
}

static void quotas_hold(void **state)
{
    uint32_t id = 0;

    for (uint64_t pages = 0; pages + GUI_BUFFER_PAGES_MAX <= GUI_VM_PAGES_MAX; pages += GUI_BUFFER_PAGES_MAX) {
        assert_null(begin(++id, GUI_BUFFER_PAGES_MAX));
        buffers_end(&buffers, 0);
    }
    assert_non_null(begin(++id, 1));
    reset(state);
    for (id = 1; id <= GUI_BUFFERS_MAX; id++) {
        assert_null(begin(id, 1));
        buffers_end(&buffers, 0);
    }
    assert_non_null(begin(id, 1));
}

static union gui_message motion(uint32_t object, int32_t x)
{
    union gui_message m;

    gui_wire_init(&m, GUI_POINTER_MOTION, object, 0);
    m.as_GUI_POINTER_MOTION.x = x;
    return m;
}

static void motions_nobody_saw_become_one(void **state)
{
    union gui_message m = motion(1, 10), key;
    const void *bytes;
    size_t one = m.header.length;

    assert_true(queue_add(&queue, &m));
    m = motion(1, 20);
    assert_true(queue_add(&queue, &m));
    assert_int_equal(queue_peek(&queue, &bytes), one);
    assert_int_equal(((const struct gui_pointer *)bytes)->x, 20);
    m = motion(2, 30); /* another window */
    assert_true(queue_add(&queue, &m));
    assert_int_equal(queue_peek(&queue, &bytes), 2 * one);
    gui_wire_init(&key, GUI_KEY, 2, 0); /* and never across a key */
    assert_true(queue_add(&queue, &key));
    m = motion(2, 40);
    assert_true(queue_add(&queue, &m));
    assert_int_equal(queue_peek(&queue, &bytes), 3 * one + key.header.length);
}

static void a_motion_that_was_begun_is_not_changed(void **state)
{
    union gui_message m = motion(1, 10);
    const void *bytes;

    assert_true(queue_add(&queue, &m));
    queue_sent(&queue, 4);
    m = motion(1, 20);
    assert_true(queue_add(&queue, &m));
    assert_int_equal(queue_peek(&queue, &bytes), 2 * m.header.length - 4);
}

static void a_full_queue_says_so_and_loses_nothing(void **state)
{
    union gui_message m;
    const void *bytes;
    size_t count = 0;

    gui_wire_init(&m, GUI_KEY, 1, 0);
    while (queue_add(&queue, &m))
        count++;
    assert_int_equal(count, GUI_QUEUE_MAX / m.header.length);
    queue_sent(&queue, m.header.length);
    m.header.serial = 77;
    assert_true(queue_add(&queue, &m)); /* room at the front is used */
    size_t length = queue_peek(&queue, &bytes);
    struct gui_header last;
    memcpy(&last, (const uint8_t *)bytes + length - m.header.length, sizeof(last));
    assert_int_equal(last.serial, 77);
}

static bool parse(const char *line, struct fact *fact)
{
    return fact_parse(line, strlen(line), fact);
}

static void facts_of_atolld(void **state)
{
    struct fact fact;

    assert_true(parse("{\"event\":\"vm-started\",\"domid\":3,\"name\":\"work\",\"label\":\"cc0000\"}", &fact));
    assert_true(fact.started && fact.domid == 3 && fact.colour == 0xcc0000);
    assert_string_equal(fact.name, "work");
    assert_true(parse("{\"event\":\"vm-stopped\",\"domid\":3,\"name\":\"work\"}", &fact));
    assert_false(fact.started);
    assert_true(
        parse("{\"event\":\"vm-changed\",\"domid\":3,\"name\":\"work\",\"label\":\"3465A4\",\"new\":1}", &fact));
    assert_int_equal(fact.colour, 0x3465a4);
    assert_false(parse("{\"event\":\"vm-paused\",\"domid\":3}", &fact));
    assert_false(parse("{\"event\":\"vm-started\",\"domid\":0,\"name\":\"work\",\"label\":\"cc0000\"}", &fact));
    assert_false(parse("{\"event\":\"vm-started\",\"domid\":3,\"name\":\"a b\",\"label\":\"cc0000\"}", &fact));
    assert_false(parse("{\"event\":\"vm-started\",\"domid\":3,\"name\":\"work\",\"label\":\"red\"}", &fact));
    assert_false(parse("{\"event\":\"vm-started\",\"domid\":3,\"name\":\"work\",\"label\":\"cc00000\"}", &fact));
    assert_false(parse("{\"event\":\"vm-started\",\"domid\":\"3\"}", &fact));
    assert_false(parse("nothing", &fact));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(references_come_in_order_and_complete, reset),
        cmocka_unit_test_setup(an_id_is_free_when_it_is_gone, reset),
        cmocka_unit_test_setup(quotas_hold, reset),
        cmocka_unit_test_setup(motions_nobody_saw_become_one, reset),
        cmocka_unit_test_setup(a_motion_that_was_begun_is_not_changed, reset),
        cmocka_unit_test_setup(a_full_queue_says_so_and_loses_nothing, reset),
        cmocka_unit_test(facts_of_atolld),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
