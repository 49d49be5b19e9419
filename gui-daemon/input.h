/* input.h - keyboards and pointers, and where what they say goes
 *
 * keyboard.c: keys, chords, focus. pointer.c: the cursor, what is under it, dragging of windows.
 */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/util/box.h>
#include "common/gui_wire.h"
#include "placement.h"

struct server;
struct window;
struct popup;
struct vm;
struct wlr_keyboard;

enum { KEYS = 768 }; /* evdev codes below this exist */

/* What is under the pointer. */
struct pointer_target {
    struct window *window; /* also of a part of its frame */
    struct popup *popup;   /* then window is nullptr */
    enum frame_part part;
    uint32_t edges;
};

enum drag { DRAG_NONE, DRAG_MOVE, DRAG_RESIZE };

struct input {
    struct server *server;
    struct wlr_seat *seat; /* for dom0's own clients */
    struct wlr_cursor *cursor;
    struct wlr_xcursor_manager *cursor_theme;
    const char *cursor_shown; /* name of the theme's picture, nullptr: another */

    struct wl_list keyboards;       /* struct keyboard */
    struct wlr_keyboard *keyboard;  /* the last one used */
    struct window *key_owner[KEYS]; /* who got the press and so gets the release */

    struct pointer_target target; /* has been told that the pointer is there */
    uint32_t buttons;             /* held down */
    bool swallow;                 /* until all buttons are up, what they do is dom0's */
    struct window *press_window;  /* where the last press went, and its serial: for GUI_REQUEST_MOVE and _RESIZE */
    uint32_t press_serial;

    enum drag drag;
    struct window *dragged;
    uint32_t drag_edges;
    double drag_x, drag_y; /* where it began */
    struct wlr_box drag_start;

    struct wl_listener new_input, motion, motion_absolute, button, axis, frame;
    struct wl_listener set_cursor, set_shape, set_selection;
};

[[nodiscard]] struct input *input_create(struct server *server);
void input_destroy(struct input *input);

/* ---- keyboard.c ---- */
void keyboard_add(struct input *input, struct wlr_keyboard *keyboard);
void keyboards_destroy(struct input *input);

/* The modifiers that hold now. */
void input_modifiers(struct server *server, struct gui_modifiers *out);

/* The rule names of dom0's keymap. */
void input_keymap_names(struct gui_keymap *out);

/* ---- pointer.c ---- */

void pointer_moved(struct input *input, uint32_t time);
void pointer_button(struct input *input, uint32_t time, uint32_t code, bool pressed);
void pointer_axis(struct input *input, const struct wlr_pointer_axis_event *event);

/* Something moved under the pointer: who is there now is told. */
void input_refresh_pointer(struct server *server);

/* The VM chose another cursor. */
void input_cursor_changed(struct server *server, struct vm *vm);

/* A VM asks to have its window dragged by a press with this serial; edges 0: moved. */
void input_guest_drag(struct window *window, uint32_t untrusted_serial, uint32_t edges);

/* They are going away: nothing may point at them. */
void input_forget_window(struct server *server, struct window *window);
void input_forget_popup(struct server *server, struct popup *popup);
void input_forget_vm(struct server *server, struct vm *vm);
