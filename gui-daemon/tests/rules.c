/* rules.c - placement, focus and titles: the rules about windows, without a screen */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "common/gui_wire.h"
#include "focus.h"
#include "placement.h"
#include "title.h"

static const struct wlr_box screen = {0, 0, 1280, 720};

static void assert_inside(const struct wlr_box *inner, const struct wlr_box *area)
{
    struct wlr_box outer = placement_outer(inner);

    assert_true(outer.x >= area->x && outer.y >= area->y);
    assert_true(outer.x + outer.width <= area->x + area->width);
    assert_true(outer.y + outer.height <= area->y + area->height);
    assert_true(inner->width >= CONTENT_MIN_WIDTH && inner->height >= CONTENT_MIN_HEIGHT);
}

static int any(void)
{
    return rand() % 40000 - 20000;
}

static void whatever_happens_the_frame_is_on_the_screen(void **state)
{
    static const struct wlr_box areas[] = {{0, 0, 1280, 720}, {-800, 300, 640, 480}, {5000, 0, 200, 120}};

    srand(1);
    for (int i = 0; i < 20000; i++) {
        const struct wlr_box *area = &areas[i % 3];
        struct wlr_box box = {any(), any(), rand() % 9000, rand() % 9000};

        placement_clamp(&box, area);
        assert_inside(&box, area);
        box = placement_resize(&box, (uint32_t)(rand() % 16), any(), any(), area);
        assert_inside(&box, area);
        box = placement_new(1 + rand() % 8192, 1 + rand() % 8192, (unsigned int)i, area);
        assert_inside(&box, area);
    }
}

static void dragging_an_edge_leaves_the_opposite_one(void **state)
{
    struct wlr_box start = {300, 300, 200, 150};
    struct wlr_box box = placement_resize(&start, GUI_EDGE_LEFT | GUI_EDGE_TOP, -50, 20, &screen);

    assert_int_equal(box.x + box.width, 500);
    assert_int_equal(box.y + box.height, 450);
    assert_int_equal(box.width, 250);
    assert_int_equal(box.height, 130);
    box = placement_resize(&start, GUI_EDGE_LEFT, 1000, 0, &screen); /* no smaller than the least */
    assert_int_equal(box.width, CONTENT_MIN_WIDTH);
    assert_int_equal(box.x + box.width, 500);
}

static void parts_of_a_frame(void **state)
{
    static const struct {
        int x, y;
        enum frame_part part;
        uint32_t edges;
    } cases[] = {
        {100, 100, PART_CONTENT, 0},
        {299, 249, PART_CONTENT, 0},
        {300, 249, PART_EDGE, GUI_EDGE_RIGHT | GUI_EDGE_BOTTOM}, /* near the corner */
        {300, 150, PART_EDGE, GUI_EDGE_RIGHT},
        {95, 150, PART_EDGE, GUI_EDGE_LEFT},
        {94, 150, PART_NONE, 0},
        {200, 90, PART_TITLE, 0},
        {290, 90, PART_CLOSE, 0},
        {200, 75, PART_EDGE, GUI_EDGE_TOP},
        {95, 74, PART_EDGE, GUI_EDGE_TOP | GUI_EDGE_LEFT},
        {200, 254, PART_EDGE, GUI_EDGE_BOTTOM},
        {200, 255, PART_NONE, 0},
    };
    struct wlr_box inner = {100, 100, 200, 150};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t edges;

        assert_int_equal(placement_part(&inner, cases[i].x, cases[i].y, &edges), cases[i].part);
        assert_int_equal(edges, cases[i].edges);
    }
}

static void popups_stay_small_near_and_on_the_screen(void **state)
{
    struct wlr_box parent = {400, 300, 200, 100};

    srand(2);
    for (int i = 0; i < 20000; i++) {
        struct wlr_box wanted = {any(), any(), 1 + rand() % 8192, 1 + rand() % 8192};
        struct wlr_box box = placement_popup(&wanted, &parent, &screen);

        assert_true(box.x >= POPUP_BORDER && box.y >= POPUP_BORDER);
        assert_true(box.x + box.width <= 1280 - POPUP_BORDER && box.y + box.height <= 720 - POPUP_BORDER);
        assert_true(box.width * box.height * 10 <= 1280 * 720 * 6);
        assert_true(box.x <= 600 + POPUP_DISTANCE && box.x + box.width >= 400 - POPUP_DISTANCE);
    }
}

static void nodes_are_cut_to_their_box(void **state)
{
    struct wlr_box clip = {0, 0, 100, 80}, to = {-50, 40, 200, 100};
    struct wlr_fbox from = {10, 20, 400, 100};

    assert_true(placement_cut(&from, &to, &clip));
    assert_int_equal(to.x, 0);
    assert_int_equal(to.width, 100);
    assert_int_equal(to.height, 40);
    assert_true(from.x == 110 && from.y == 20 && from.width == 200 && from.height == 40);
    to = (struct wlr_box){100, 0, 10, 10};
    assert_false(placement_cut(&from, &to, &clip));
}

static void only_the_user_moves_the_focus(void **state)
{
    assert_false(focus_goes_to_new_window(3, FOCUS_OWNER_NONE, 0, 1000000));
    assert_false(focus_goes_to_new_window(3, 4, 0, 0));
    assert_false(focus_goes_to_new_window(3, 3, FOCUS_RECENT_MS, 0)); /* nobody typed there lately */
    assert_true(focus_goes_to_new_window(3, 3, 10, 1000000));
    assert_true(focus_goes_to_new_window(FOCUS_OWNER_DOM0, 3, 0, 100)); /* the user asked for it */
    assert_true(focus_goes_to_new_window(FOCUS_OWNER_DOM0, FOCUS_OWNER_NONE, 0, 1000000));
    assert_false(focus_goes_to_new_window(FOCUS_OWNER_DOM0, 3, 0, 1000000));
    assert_true(focus_may_inherit(3, 3));
    assert_false(focus_may_inherit(4, 3));
    assert_false(focus_may_inherit(FOCUS_OWNER_DOM0, 3));
}

static void titles_are_ascii_and_short(void **state)
{
    char out[16];

    title_clean("plain ~", 128, out, sizeof(out));
    assert_string_equal(out, "plain ~");
    title_clean("a\xc3\xa4\xe2\x80\xae\x1b\x7f!", 128, out, sizeof(out));
    assert_string_equal(out, "a____!");
    title_clean("0123456789abcdefghij", 20, out, sizeof(out));
    assert_string_equal(out, "0123456789abcde");
    title_clean("no end", 2, out, sizeof(out));
    assert_string_equal(out, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_frame_is_on_the_screen),
        cmocka_unit_test(dragging_an_edge_leaves_the_opposite_one),
        cmocka_unit_test(parts_of_a_frame),
        cmocka_unit_test(popups_stay_small_near_and_on_the_screen),
        cmocka_unit_test(nodes_are_cut_to_their_box),
        cmocka_unit_test(only_the_user_moves_the_focus),
        cmocka_unit_test(titles_are_ascii_and_short),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
