/* placement.h - where windows may be, as arithmetic: no scene, no devices, so that it can be tested
 *
 * "Inner" is the box of a window's content, "outer" the one with its frame. The rule behind all of it: the whole frame
 * is on the screen after every change, whoever caused it, so a VM's colour can be seen on all four sides.
 */
#pragma once
#include <stdint.h>
#include <wlr/util/box.h>

enum {
    FRAME_BORDER = 5, /* left, right and bottom; logical pixels */
    FRAME_TITLE = 26, /* top: border and title bar */
    CONTENT_MIN_WIDTH = 96,
    CONTENT_MIN_HEIGHT = 32,
    POPUP_BORDER = 2,
    POPUP_DISTANCE = 64, /* pixels a popup may be away from its parent */
};

enum frame_part {
    PART_NONE, /* outside */
    PART_CONTENT,
    PART_TITLE,
    PART_CLOSE,
    PART_EDGE, /* edges tell which */
};

[[nodiscard]] struct wlr_box placement_outer(const struct wlr_box *inner);

/* Makes the size fit between the smallest and the largest that `area` leaves room for. */
void placement_clamp_size(int *width, int *height, const struct wlr_box *area);

/* Moves (and if need be shrinks) the inner box until its outer box is inside `area`. */
void placement_clamp(struct wlr_box *inner, const struct wlr_box *area);

/* Where the n-th window of this size goes: a cascade from the top left. */
[[nodiscard]] struct wlr_box placement_new(int width, int height, unsigned int n, const struct wlr_box *area);

/* What is under a point of the outer box; *edges receives GUI_EDGE_* for PART_EDGE. */
[[nodiscard]] enum frame_part placement_part(const struct wlr_box *inner, double x, double y, uint32_t *edges);

/* The inner box after dragging `edges` of `start` by (dx, dy), inside `area`. */
[[nodiscard]] struct wlr_box placement_resize(const struct wlr_box *start, uint32_t edges, int dx, int dy,
                                              const struct wlr_box *area);

/* A new size for a box whose opposite edges stay where they are. */
void placement_anchor(struct wlr_box *box, uint32_t edges, int width, int height);

/* A popup's box: inside `area` (with its border), at most 60 % of it, and near its parent. */
[[nodiscard]] struct wlr_box placement_popup(const struct wlr_box *wanted, const struct wlr_box *parent,
                                             const struct wlr_box *area);

/*
 * Cuts a node that shows `source` of a buffer at `destination` down to `clip` (both in the surface). Returns false if
 * nothing is left.
 */
[[nodiscard]] bool placement_cut(struct wlr_fbox *source, struct wlr_box *destination, const struct wlr_box *clip);
