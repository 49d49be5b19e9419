/* wire.c - the GUI messages' limits, and the stream that puts them together */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "common/gui_stream.h"
#include "common/gui_wire.h"

static union gui_message message;

static const char *check_up(void)
{
    return gui_wire_check(GUI_TO_DOM0, &message, message.header.length);
}

static void start_buffer(void)
{
    gui_wire_init(&message, GUI_BUFFER_NEW, 1, 0);
    message.as_GUI_BUFFER_NEW.width = 100;
    message.as_GUI_BUFFER_NEW.height = 10;
    message.as_GUI_BUFFER_NEW.stride = 400;
    message.as_GUI_BUFFER_NEW.format = GUI_XRGB8888;
    message.as_GUI_BUFFER_NEW.pages = 1;
}

static void start_node(void)
{
    gui_wire_init(&message, GUI_NODE, 1, 0);
    message.as_GUI_NODE.buffer = 1;
    message.as_GUI_NODE.source = (struct gui_box){0, 0, 10, 10};
    message.as_GUI_NODE.destination = (struct gui_box){-5, 0, 10, 10};
}

static void every_type_has_its_size_in_its_direction_only(void **state)
{
    for (uint32_t type = 0; type < 200; type++) {
        size_t up = gui_wire_size(GUI_TO_DOM0, type), down = gui_wire_size(GUI_TO_VM, type);

        assert_true(up <= sizeof(union gui_message) && down <= sizeof(union gui_message));
        assert_true(type == GUI_HELLO ? up && up == down : !(up && down));
    }
    assert_int_equal(gui_wire_size(GUI_TO_VM, GUI_TITLE), 0);
    assert_int_equal(gui_wire_size(GUI_TO_DOM0, GUI_KEY), 0);
}

static void a_wrong_length_is_refused(void **state)
{
    gui_wire_init(&message, GUI_BUFFER_DEL, 1, 0);
    assert_null(check_up());
    message.header.length++;
    assert_non_null(check_up());
    message.header.length--;
    assert_non_null(gui_wire_check(GUI_TO_DOM0, &message, 15));
    assert_non_null(gui_wire_check(GUI_TO_DOM0, &message, 17));
    message.header.object = 0;
    assert_non_null(check_up());
}

static void buffers_must_lie_in_their_pages(void **state)
{
    start_buffer();
    assert_null(check_up());
    message.as_GUI_BUFFER_NEW.offset = 96; /* 4000 + 96 = 4096 */
    assert_null(check_up());
    message.as_GUI_BUFFER_NEW.offset = 100;
    assert_non_null(check_up());

    start_buffer();
    message.as_GUI_BUFFER_NEW.height = 11;
    assert_non_null(check_up());

    /* width * 4 * height overflows 32 bits: 64-bit arithmetic must see it. */
    start_buffer();
    message.as_GUI_BUFFER_NEW.stride = 0x80000000u;
    assert_non_null(check_up());
    message.as_GUI_BUFFER_NEW.stride = 396;
    assert_non_null(check_up());
    message.as_GUI_BUFFER_NEW.stride = 402;
    assert_non_null(check_up());
}

static void buffer_limits(void **state)
{
    static const struct {
        size_t offset;
        uint32_t bad;
    } cases[] = {
        {offsetof(struct gui_buffer_new, width), 0},
        {offsetof(struct gui_buffer_new, width), 8193},
        {offsetof(struct gui_buffer_new, height), 0},
        {offsetof(struct gui_buffer_new, height), 0xffffffffu},
        {offsetof(struct gui_buffer_new, format), 0x20203852},
        {offsetof(struct gui_buffer_new, offset), 4096},
        {offsetof(struct gui_buffer_new, pages), 0},
        {offsetof(struct gui_buffer_new, pages), GUI_BUFFER_PAGES_MAX + 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start_buffer();
        memcpy((char *)&message + cases[i].offset, &cases[i].bad, 4);
        assert_non_null(check_up());
    }
}

static void reference_counts_cannot_wrap(void **state)
{
    gui_wire_init(&message, GUI_BUFFER_REFS, 1, 0);
    assert_non_null(check_up());
    message.as_GUI_BUFFER_REFS.count = GUI_REFS_PER_MESSAGE;
    assert_null(check_up());
    message.as_GUI_BUFFER_REFS.first = 0xffffff80u;
    assert_non_null(check_up());
    message.as_GUI_BUFFER_REFS.first = 0;
    message.as_GUI_BUFFER_REFS.count = GUI_REFS_PER_MESSAGE + 1;
    assert_non_null(check_up());
}

static void node_boxes_are_bounded(void **state)
{
    start_node();
    assert_null(check_up());
    message.as_GUI_NODE.source.x = -1;
    assert_non_null(check_up());
    start_node();
    message.as_GUI_NODE.source.width = INT32_MAX;
    assert_non_null(check_up());
    start_node();
    message.as_GUI_NODE.destination.x = INT32_MIN;
    assert_non_null(check_up());
    start_node();
    message.as_GUI_NODE.damage_count = GUI_DAMAGE_MAX + 1;
    assert_non_null(check_up());
    start_node();
    message.as_GUI_NODE.damage_count = 1;
    assert_non_null(check_up()); /* an empty box */
    message.as_GUI_NODE.damage[0] = (struct gui_box){1, 1, 1, 1};
    assert_null(check_up());
    message.as_GUI_NODE.flags = 2;
    assert_non_null(check_up());
}

static const char *check_title(const char *text, size_t length)
{
    gui_wire_init(&message, GUI_TITLE, 1, 0);
    memcpy(message.as_GUI_TITLE.text, text, length);
    return check_up();
}

static void titles_are_utf8(void **state)
{
    char full[GUI_TITLE_MAX];

    memset(full, 'x', sizeof(full));
    assert_null(check_title(full, sizeof(full))); /* no NUL is needed */
    assert_null(check_title("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7", 15));
    assert_non_null(check_title("a\0b", 3));         /* hidden after the end */
    assert_non_null(check_title("\xc0\xaf", 2));     /* overlong */
    assert_non_null(check_title("\xed\xa0\x80", 3)); /* surrogate */
    assert_non_null(check_title("\xf4\x90\x80\x80", 4));
    assert_non_null(check_title("\xe2\x82", 2));
    assert_non_null(check_title("\x80", 1));
    full[GUI_TITLE_MAX - 1] = '\xc3';
    assert_non_null(check_title(full, sizeof(full))); /* cut character at the end */
}

static void other_limits(void **state)
{
    gui_wire_init(&message, GUI_SURFACE_NEW, 1, 0);
    assert_non_null(check_up());
    message.as_GUI_SURFACE_NEW.role = GUI_POPUP;
    assert_non_null(check_up()); /* no parent */
    message.as_GUI_SURFACE_NEW.parent = 1;
    assert_non_null(check_up()); /* its own */
    message.as_GUI_SURFACE_NEW.parent = 2;
    assert_null(check_up());

    gui_wire_init(&message, GUI_CURSOR_IMAGE, 0, 0);
    assert_non_null(check_up());
    message.as_GUI_CURSOR_IMAGE.width = message.as_GUI_CURSOR_IMAGE.height = 64;
    assert_null(check_up());
    message.as_GUI_CURSOR_IMAGE.hotspot_y = 64;
    assert_non_null(check_up());

    gui_wire_init(&message, GUI_COMMIT_BEGIN, 1, 0);
    message.as_GUI_COMMIT_BEGIN.width = message.as_GUI_COMMIT_BEGIN.height = 1;
    assert_null(check_up());
    message.as_GUI_COMMIT_BEGIN.nodes = GUI_NODES_MAX + 1;
    assert_non_null(check_up());
}

/* Feeds `bytes` in pieces of `piece`; returns how many messages came out, -1 if the stream went bad. */
static int feed(const void *bytes, size_t length, size_t piece)
{
    struct gui_stream stream;
    const char *reason;
    const uint8_t *next = bytes;
    int count = 0;

    gui_stream_init(&stream, GUI_TO_DOM0);
    while (length) {
        void *where;
        size_t room = gui_stream_room(&stream, &where);
        size_t take = room < piece ? room : piece;

        assert_true(room > 0);
        if (take > length)
            take = length;
        memcpy(where, next, take);
        next += take;
        length -= take;
        enum gui_stream_result result = gui_stream_add(&stream, take, &reason);
        if (result == GUI_STREAM_BAD)
            return -1;
        count += result == GUI_STREAM_MESSAGE;
    }
    return count;
}

static void messages_come_out_however_they_were_cut(void **state)
{
    uint8_t bytes[4096];
    size_t length = 0;

    for (int i = 0; i < 5; i++) {
        if (i % 2)
            start_node();
        else
            gui_wire_init(&message, GUI_COMMIT_END, 7, 0);
        memcpy(bytes + length, &message, message.header.length);
        length += message.header.length;
    }
    for (size_t piece = 1; piece < 700; piece++)
        assert_int_equal(feed(bytes, length, piece), 5);
    bytes[length - 4] ^= 1; /* the serial: allowed */
    assert_int_equal(feed(bytes, length, 100), 5);
    bytes[4] ^= 1; /* the first length */
    assert_int_equal(feed(bytes, length, 100), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_size_in_its_direction_only),
        cmocka_unit_test(a_wrong_length_is_refused),
        cmocka_unit_test(buffers_must_lie_in_their_pages),
        cmocka_unit_test(buffer_limits),
        cmocka_unit_test(reference_counts_cannot_wrap),
        cmocka_unit_test(node_boxes_are_bounded),
        cmocka_unit_test(titles_are_utf8),
        cmocka_unit_test(other_limits),
        cmocka_unit_test(messages_come_out_however_they_were_cut),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
