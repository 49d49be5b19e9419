/* placement.c - see placement.h */
#include "placement.h"

#include <stdlib.h>
#include "common/gui_wire.h"

enum {
    CORNER = 16, /* pixels from a corner where both edges are taken */
    CASCADE_STEP = 32,
    CLOSE_WIDTH = 26, /* the button at the right end of the title bar */
};

static int clamp(int value, int low, int high)
{
    return value > high ? (high < low ? low : high) : value < low ? low : value;
}

struct wlr_box placement_outer(const struct wlr_box *inner)
{
    return (struct wlr_box){inner->x - FRAME_BORDER, inner->y - FRAME_TITLE, inner->width + 2 * FRAME_BORDER,
                            inner->height + FRAME_TITLE + FRAME_BORDER};
}

void placement_clamp_size(int *width, int *height, const struct wlr_box *area)
{
    *width = clamp(*width, CONTENT_MIN_WIDTH, area->width - 2 * FRAME_BORDER);
    *height = clamp(*height, CONTENT_MIN_HEIGHT, area->height - FRAME_TITLE - FRAME_BORDER);
}

void placement_clamp(struct wlr_box *inner, const struct wlr_box *area)
{
    placement_clamp_size(&inner->width, &inner->height, area);
    inner->x = clamp(inner->x, area->x + FRAME_BORDER, area->x + area->width - FRAME_BORDER - inner->width);
    inner->y = clamp(inner->y, area->y + FRAME_TITLE, area->y + area->height - FRAME_BORDER - inner->height);
}

struct wlr_box placement_new(int width, int height, unsigned int n, const struct wlr_box *area)
{
    int step = (int)(n % 8 + 1) * CASCADE_STEP;
    struct wlr_box inner = {area->x + FRAME_BORDER + step, area->y + FRAME_TITLE + step, width, height};

    placement_clamp(&inner, area);
    return inner;
}

enum frame_part placement_part(const struct wlr_box *inner, double x, double y, uint32_t *edges)
{
    struct wlr_box outer = placement_outer(inner);
    double right = outer.x + outer.width, bottom = outer.y + outer.height;

    *edges = 0;
    if (x < outer.x || y < outer.y || x >= right || y >= bottom)
        return PART_NONE;
    if (wlr_box_contains_point(inner, x, y))
        return PART_CONTENT;
    bool bar = y >= outer.y + FRAME_BORDER && y < inner->y && x >= inner->x && x < inner->x + inner->width;
    if (bar)
        return x >= inner->x + inner->width - CLOSE_WIDTH ? PART_CLOSE : PART_TITLE;
    if (y < outer.y + FRAME_BORDER || (y < outer.y + CORNER && (x < inner->x || x >= inner->x + inner->width)))
        *edges |= GUI_EDGE_TOP;
    if (y >= bottom - FRAME_BORDER || (y >= bottom - CORNER && (x < inner->x || x >= inner->x + inner->width)))
        *edges |= GUI_EDGE_BOTTOM;
    if (x < outer.x + FRAME_BORDER || (x < outer.x + CORNER && *edges))
        *edges |= GUI_EDGE_LEFT;
    if (x >= right - FRAME_BORDER || (x >= right - CORNER && *edges))
        *edges |= GUI_EDGE_RIGHT;
    return PART_EDGE;
}

void placement_anchor(struct wlr_box *box, uint32_t edges, int width, int height)
{
    if (edges & GUI_EDGE_LEFT)
        box->x += box->width - width;
    if (edges & GUI_EDGE_TOP)
        box->y += box->height - height;
    box->width = width;
    box->height = height;
}

struct wlr_box placement_resize(const struct wlr_box *start, uint32_t edges, int dx, int dy, const struct wlr_box *area)
{
    struct wlr_box box = *start;
    int width = start->width, height = start->height;
    int left = start->x + start->width - (area->x + FRAME_BORDER);
    int right = area->x + area->width - FRAME_BORDER - start->x;
    int up = start->y + start->height - (area->y + FRAME_TITLE);
    int down = area->y + area->height - FRAME_BORDER - start->y;

    if (edges & GUI_EDGE_LEFT)
        width = clamp(width - dx, CONTENT_MIN_WIDTH, left);
    else if (edges & GUI_EDGE_RIGHT)
        width = clamp(width + dx, CONTENT_MIN_WIDTH, right);
    if (edges & GUI_EDGE_TOP)
        height = clamp(height - dy, CONTENT_MIN_HEIGHT, up);
    else if (edges & GUI_EDGE_BOTTOM)
        height = clamp(height + dy, CONTENT_MIN_HEIGHT, down);
    placement_anchor(&box, edges, width, height);
    placement_clamp(&box, area);
    return box;
}

struct wlr_box placement_popup(const struct wlr_box *wanted, const struct wlr_box *parent, const struct wlr_box *area)
{
    struct wlr_box box = *wanted;
    int room_x = area->width - 2 * POPUP_BORDER, room_y = area->height - 2 * POPUP_BORDER;

    box.width = clamp(box.width, 1, room_x);
    box.height = clamp(box.height, 1, room_y);
    /* A picture of the whole screen would hide every frame on it. */
    if ((int64_t)box.width * box.height * 10 > (int64_t)area->width * area->height * 6)
        box.height = clamp((int)((int64_t)area->width * area->height * 6 / 10 / box.width), 1, room_y);
    box.x = clamp(box.x, parent->x - box.width - POPUP_DISTANCE, parent->x + parent->width + POPUP_DISTANCE);
    box.y = clamp(box.y, parent->y - box.height - POPUP_DISTANCE, parent->y + parent->height + POPUP_DISTANCE);
    box.x = clamp(box.x, area->x + POPUP_BORDER, area->x + area->width - POPUP_BORDER - box.width);
    box.y = clamp(box.y, area->y + POPUP_BORDER, area->y + area->height - POPUP_BORDER - box.height);
    return box;
}

bool placement_cut(struct wlr_fbox *source, struct wlr_box *destination, const struct wlr_box *clip)
{
    struct wlr_box left;

    if (!wlr_box_intersection(&left, destination, clip))
        return false;
    double scale_x = source->width / destination->width, scale_y = source->height / destination->height;
    source->x += (left.x - destination->x) * scale_x;
    source->y += (left.y - destination->y) * scale_y;
    source->width = left.width * scale_x;
    source->height = left.height * scale_y;
    *destination = left;
    return true;
}
