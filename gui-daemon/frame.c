/* frame.c - see frame.h */
#include "frame.h"

#include <stdio.h>
#include <string.h>
#include <wlr/types/wlr_scene.h>
#include "pixels.h"
#include "placement.h"
#include "text.h"
#include "title.h"

enum {
    BAR = FRAME_TITLE - FRAME_BORDER, /* what the text stands in */
    TEXT_HEIGHT = BAR - 3,
    TEXT_Y = -BAR + 1,
    GAP = 6, /* between name and title, pixels */
};

#define INK_DARK      0x000000u
#define INK_LIGHT     0xffffffu
#define NAME_ACTIVE   0xffffffu
#define NAME_INACTIVE 0xb0b0b0u

static void to_float(uint32_t rgb, float out[4])
{
    out[0] = (float)(rgb >> 16 & 0xff) / 255.0f;
    out[1] = (float)(rgb >> 8 & 0xff) / 255.0f;
    out[2] = (float)(rgb & 0xff) / 255.0f;
    out[3] = 1.0f;
}

static uint32_t ink_on(uint32_t rgb)
{
    uint32_t brightness = (rgb >> 16 & 0xff) * 299 + (rgb >> 8 & 0xff) * 587 + (rgb & 0xff) * 114;

    return brightness > 128 * 1000 ? INK_DARK : INK_LIGHT;
}

/* Puts a text into a node at (x, TEXT_Y); an empty node if there is no room. Returns its width. */
static int put_text(struct frame *frame, struct wlr_scene_buffer *node, const char *text, uint32_t ink, uint32_t ground,
                    int x, int max_width)
{
    struct pixels *pixels =
        max_width > 0 && *text ? text_draw(frame->font, text, ink, ground, 4, TEXT_HEIGHT, max_width) : nullptr;
    int width = pixels ? pixels->base.width : 0;

    wlr_scene_buffer_set_buffer(node, pixels ? &pixels->base : nullptr);
    if (pixels)
        wlr_buffer_drop(&pixels->base);
    wlr_scene_node_set_position(&node->node, x, TEXT_Y);
    return width;
}

static void redraw_text(struct frame *frame)
{
    uint32_t ink = ink_on(frame->colour);
    int room = frame->width;

    int close = put_text(frame, frame->close_box, "X", ink, frame->colour, 0, room);
    room -= close;
    wlr_scene_node_set_position(&frame->close_box->node, frame->width - close, TEXT_Y);
    int used =
        put_text(frame, frame->name_box, frame->name, INK_DARK, frame->active ? NAME_ACTIVE : NAME_INACTIVE, 0, room);
    put_text(frame, frame->title_box, frame->title, ink, frame->colour, used + GAP, room - used - GAP);
}

bool frame_create(struct frame *frame, struct wlr_scene_tree *parent, struct fcft_font *font, uint32_t colour,
                  const char *name)
{
    float rgba[4];

    memset(frame, 0, sizeof(*frame));
    frame->font = font;
    frame->colour = colour;
    snprintf(frame->name, sizeof(frame->name), "%s", name);
    to_float(colour, rgba);
    frame->tree = wlr_scene_tree_create(parent);
    if (!frame->tree)
        return false;
    frame->top = wlr_scene_rect_create(frame->tree, 0, 0, rgba);
    frame->left = wlr_scene_rect_create(frame->tree, 0, 0, rgba);
    frame->right = wlr_scene_rect_create(frame->tree, 0, 0, rgba);
    frame->bottom = wlr_scene_rect_create(frame->tree, 0, 0, rgba);
    frame->name_box = wlr_scene_buffer_create(frame->tree, nullptr);
    frame->title_box = wlr_scene_buffer_create(frame->tree, nullptr);
    frame->close_box = wlr_scene_buffer_create(frame->tree, nullptr);
    return frame->top && frame->left && frame->right && frame->bottom && frame->name_box && frame->title_box &&
           frame->close_box;
}

static void place(struct wlr_scene_rect *rect, int x, int y, int width, int height)
{
    wlr_scene_node_set_position(&rect->node, x, y);
    wlr_scene_rect_set_size(rect, width, height);
}

void frame_set_size(struct frame *frame, int width, int height)
{
    if (width == frame->width && height == frame->height)
        return;
    frame->width = width;
    frame->height = height;
    place(frame->top, -FRAME_BORDER, -FRAME_TITLE, width + 2 * FRAME_BORDER, FRAME_TITLE);
    place(frame->left, -FRAME_BORDER, 0, FRAME_BORDER, height);
    place(frame->right, width, 0, FRAME_BORDER, height);
    place(frame->bottom, -FRAME_BORDER, height, width + 2 * FRAME_BORDER, FRAME_BORDER);
    redraw_text(frame);
}

void frame_set_title(struct frame *frame, const char *untrusted, size_t length)
{
    char title[sizeof(frame->title)];

    title_clean(untrusted, length, title, sizeof(title));
    if (!strcmp(title, frame->title))
        return;
    memcpy(frame->title, title, sizeof(title));
    redraw_text(frame);
}

void frame_set_active(struct frame *frame, bool active)
{
    if (active == frame->active)
        return;
    frame->active = active;
    redraw_text(frame);
}
