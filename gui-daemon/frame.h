/* frame.h - the border and title bar of a window, the only thing a user can trust about it
 *
 * Its nodes are above the content in the scene and exist as long as the window does. Colour and name come from dom0's
 * list of VMs; no message of a VM moves, hides or repaints them. Only the title's characters are the VM's.
 */
#pragma once
#include <stdint.h>
#include "common/gui_wire.h"

struct fcft_font;
struct wlr_scene_tree;
struct wlr_scene_rect;
struct wlr_scene_buffer;

struct frame {
    struct wlr_scene_tree *tree; /* its origin is that of the content */
    struct wlr_scene_rect *top, *left, *right, *bottom;
    struct wlr_scene_buffer *name_box, *title_box, *close_box;
    struct fcft_font *font; /* not owned */
    uint32_t colour;        /* 0xrrggbb */
    char name[32];
    char title[GUI_TITLE_MAX + 1]; /* already cleaned */
    int width, height;             /* of the content */
    bool active;
};

/* Makes the nodes on top of what `parent` has. They go away with `parent`. Returns false without memory. */
[[nodiscard]] bool frame_create(struct frame *frame, struct wlr_scene_tree *parent, struct fcft_font *font,
                                uint32_t colour, const char *name);

void frame_set_size(struct frame *frame, int width, int height);
void frame_set_title(struct frame *frame, const char *untrusted, size_t length);
void frame_set_active(struct frame *frame, bool active);
