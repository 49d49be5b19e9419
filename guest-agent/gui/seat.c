/* seat.c - see seat.h */
#include "seat.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_cursor_shape_v1.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_primary_selection.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_xdg_shell.h>
#include <xkbcommon/xkbcommon.h>
#include "agent.h"
#include "common/log.h"
#include "content.h"
#include "link.h"
#include "window.h"

enum { REPEAT_RATE = 25, REPEAT_DELAY_MS = 500 };

struct seat {
    struct agent *agent;
    struct wlr_seat *wlr_seat;
    struct wlr_keyboard keyboard;
    uint32_t press_serial;
    struct window *pointer_window; /* dom0's pointer is in it */
    double offset_x, offset_y;     /* from the window geometry to the surface that has the pointer */
    struct wlr_surface *cursor;    /* shown as cursor; nullptr: a shape */
    int hotspot_x, hotspot_y;
    union gui_message *shape; /* the last CURSOR_SHAPE or CURSOR_IMAGE */
    struct wl_listener set_cursor, set_shape, set_selection, set_primary, start_drag, cursor_destroy;
};

static const struct wlr_keyboard_impl keyboard_impl = {.name = "dom0"};

/* ---- keyboard ---- */

static const char *or_default(const char *name)
{
    return *name ? name : nullptr;
}

void seat_keymap(struct seat *seat, const struct gui_keymap *names)
{
    struct xkb_rule_names rules = {or_default(names->rules), or_default(names->model), or_default(names->layout),
                                   or_default(names->variant), or_default(names->options)};
    struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
    struct xkb_keymap *keymap =
        context ? xkb_keymap_new_from_names(context, &rules, XKB_KEYMAP_COMPILE_NO_FLAGS) : nullptr;

    if (keymap)
        wlr_keyboard_set_keymap(&seat->keyboard, keymap);
    else
        log_error("no keymap for layout '%s'; is package xkb-data installed?", names->layout);
    xkb_keymap_unref(keymap);
    xkb_context_unref(context);
    wlr_seat_set_keyboard(seat->wlr_seat, &seat->keyboard);
}

void seat_focus(struct seat *seat, struct window *window)
{
    if (window)
        wlr_seat_keyboard_notify_enter(seat->wlr_seat, window->xdg->surface, nullptr, 0, &seat->keyboard.modifiers);
    else
        wlr_seat_keyboard_notify_clear_focus(seat->wlr_seat);
}

void seat_key(struct seat *seat, const struct gui_key *key)
{
    wlr_seat_keyboard_notify_key(seat->wlr_seat, key->time, key->code,
                                 key->pressed ? WL_KEYBOARD_KEY_STATE_PRESSED : WL_KEYBOARD_KEY_STATE_RELEASED);
}

void seat_modifiers(struct seat *seat, const struct gui_modifiers *modifiers)
{
    wlr_keyboard_notify_modifiers(&seat->keyboard, modifiers->depressed, modifiers->latched, modifiers->locked,
                                  modifiers->group);
    wlr_seat_keyboard_notify_modifiers(seat->wlr_seat, &seat->keyboard.modifiers);
}

/* ---- pointer ---- */

void seat_pointer(struct seat *seat, struct window *window, const struct gui_pointer *pointer, bool enter)
{
    double x = pointer->x / 256.0, y = pointer->y / 256.0, sx, sy;
    struct wlr_box geometry;

    wlr_xdg_surface_get_geometry(window->xdg, &geometry);
    seat->pointer_window = window;
    /* While a button is held the surface where it was pressed keeps the pointer. */
    if (enter || !seat->wlr_seat->pointer_state.button_count) {
        struct wlr_surface *surface =
            wlr_surface_surface_at(window->xdg->surface, x + geometry.x, y + geometry.y, &sx, &sy);

        if (!surface) {
            wlr_seat_pointer_clear_focus(seat->wlr_seat);
            return;
        }
        seat->offset_x = sx - x;
        seat->offset_y = sy - y;
        wlr_seat_pointer_notify_enter(seat->wlr_seat, surface, sx, sy);
    }
    wlr_seat_pointer_notify_motion(seat->wlr_seat, pointer->time, x + seat->offset_x, y + seat->offset_y);
    wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

void seat_pointer_leave(struct seat *seat)
{
    seat->pointer_window = nullptr;
    /* dom0 gives no releases of what was pressed before. */
    while (seat->wlr_seat->pointer_state.button_count) {
        size_t before = seat->wlr_seat->pointer_state.button_count;

        wlr_seat_pointer_notify_button(seat->wlr_seat, 0, seat->wlr_seat->pointer_state.buttons[0],
                                       WL_POINTER_BUTTON_STATE_RELEASED);
        if (seat->wlr_seat->pointer_state.button_count >= before)
            break;
    }
    wlr_seat_pointer_notify_clear_focus(seat->wlr_seat);
    wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

void seat_button(struct seat *seat, const struct gui_button *button)
{
    if (button->pressed)
        seat->press_serial = button->header.serial;
    wlr_seat_pointer_notify_button(seat->wlr_seat, button->time, button->code,
                                   button->pressed ? WL_POINTER_BUTTON_STATE_PRESSED
                                                   : WL_POINTER_BUTTON_STATE_RELEASED);
    wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

void seat_axis(struct seat *seat, const struct gui_axis *axis)
{
    wlr_seat_pointer_notify_axis(
        seat->wlr_seat, axis->time,
        axis->orientation ? WL_POINTER_AXIS_HORIZONTAL_SCROLL : WL_POINTER_AXIS_VERTICAL_SCROLL, axis->value / 256.0,
        axis->v120, axis->source & 3, WL_POINTER_AXIS_RELATIVE_DIRECTION_IDENTICAL);
    wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

uint32_t seat_press_serial(const struct seat *seat)
{
    return seat->press_serial;
}

void seat_forget_window(struct seat *seat, struct window *window)
{
    if (seat->pointer_window == window)
        seat->pointer_window = nullptr;
}

/* ---- cursor ---- */

static void forget_cursor_surface(struct seat *seat)
{
    if (seat->cursor)
        wl_list_remove(&seat->cursor_destroy.link);
    seat->cursor = nullptr;
}

static void send_shape(struct seat *seat, uint32_t shape)
{
    gui_wire_init(seat->shape, GUI_CURSOR_SHAPE, 0, 0);
    seat->shape->as_GUI_CURSOR_SHAPE.shape = shape;
    link_send(seat->agent->link, seat->shape);
}

/* Sends the top left part that dom0 allows. */
static void send_image(struct seat *seat, struct wlr_buffer *buffer)
{
    struct gui_cursor_image *image = &seat->shape->as_GUI_CURSOR_IMAGE;
    void *data;
    uint32_t format;
    size_t stride;

    if (!wlr_buffer_begin_data_ptr_access(buffer, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride))
        return;
    gui_wire_init(seat->shape, GUI_CURSOR_IMAGE, 0, 0);
    image->width = (uint32_t)(buffer->width > GUI_CURSOR_MAX ? GUI_CURSOR_MAX : buffer->width);
    image->height = (uint32_t)(buffer->height > GUI_CURSOR_MAX ? GUI_CURSOR_MAX : buffer->height);
    image->hotspot_x = seat->hotspot_x < 0 ? 0 : (uint32_t)seat->hotspot_x % image->width;
    image->hotspot_y = seat->hotspot_y < 0 ? 0 : (uint32_t)seat->hotspot_y % image->height;
    for (uint32_t y = 0; y < image->height; y++)
        memcpy(image->pixels + (size_t)y * image->width, (uint8_t *)data + y * stride, (size_t)image->width * 4);
    if (format == DRM_FORMAT_XRGB8888)
        for (uint32_t i = 0; i < image->width * image->height; i++)
            image->pixels[i] |= 0xff000000u;
    wlr_buffer_end_data_ptr_access(buffer);
    link_send(seat->agent->link, seat->shape);
}

void seat_announce(struct seat *seat)
{
    link_send(seat->agent->link, seat->shape);
}

void seat_cursor_surface_changed(struct seat *seat, struct wlr_surface *surface)
{
    struct content *content = content_of(seat->agent, surface);

    if (surface == seat->cursor && content && content->client)
        send_image(seat, content->client);
}

static void handle_cursor_destroy(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, cursor_destroy);

    forget_cursor_surface(seat);
}

static void handle_set_cursor(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, set_cursor);
    const struct wlr_seat_pointer_request_set_cursor_event *event = data;

    if (event->seat_client != seat->wlr_seat->pointer_state.focused_client)
        return;
    forget_cursor_surface(seat);
    if (!event->surface) {
        send_shape(seat, 0);
        return;
    }
    seat->cursor = event->surface;
    seat->hotspot_x = event->hotspot_x;
    seat->hotspot_y = event->hotspot_y;
    seat->cursor_destroy.notify = handle_cursor_destroy;
    wl_signal_add(&event->surface->events.destroy, &seat->cursor_destroy);
    seat_cursor_surface_changed(seat, event->surface);
}

static void handle_set_shape(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, set_shape);
    const struct wlr_cursor_shape_manager_v1_request_set_shape_event *event = data;

    if (event->seat_client != seat->wlr_seat->pointer_state.focused_client)
        return;
    forget_cursor_surface(seat);
    send_shape(seat, event->shape);
}

/* ---- selections, inside this VM ---- */

static void handle_set_selection(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, set_selection);
    const struct wlr_seat_request_set_selection_event *event = data;

    wlr_seat_set_selection(seat->wlr_seat, event->source, event->serial);
}

static void handle_set_primary(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, set_primary);
    const struct wlr_seat_request_set_primary_selection_event *event = data;

    wlr_seat_set_primary_selection(seat->wlr_seat, event->source, event->serial);
}

static void handle_start_drag(struct wl_listener *listener, void *data)
{
    struct seat *seat = wl_container_of(listener, seat, start_drag);
    const struct wlr_seat_request_start_drag_event *event = data;

    if (wlr_seat_validate_pointer_grab_serial(seat->wlr_seat, event->origin, event->serial))
        wlr_seat_start_pointer_drag(seat->wlr_seat, event->drag, event->serial);
    else
        wlr_data_source_destroy(event->drag->source);
}

static void listen(struct wl_signal *signal, struct wl_listener *listener, wl_notify_func_t handler)
{
    listener->notify = handler;
    wl_signal_add(signal, listener);
}

struct seat *seat_create(struct agent *agent)
{
    static const struct gui_keymap defaults;
    struct seat *seat = calloc(1, sizeof(*seat));
    struct wlr_cursor_shape_manager_v1 *shapes = wlr_cursor_shape_manager_v1_create(agent->display, 1);

    if (!seat || !shapes)
        return nullptr;
    seat->agent = agent;
    seat->shape = calloc(1, sizeof(*seat->shape));
    seat->wlr_seat = wlr_seat_create(agent->display, "seat0");
    if (!seat->shape || !seat->wlr_seat)
        return nullptr;
    wlr_keyboard_init(&seat->keyboard, &keyboard_impl, "dom0");
    wlr_keyboard_set_repeat_info(&seat->keyboard, REPEAT_RATE, REPEAT_DELAY_MS);
    seat_keymap(seat, &defaults); /* until dom0 says another */
    wlr_seat_set_capabilities(seat->wlr_seat, WL_SEAT_CAPABILITY_KEYBOARD | WL_SEAT_CAPABILITY_POINTER);
    gui_wire_init(seat->shape, GUI_CURSOR_SHAPE, 0, 0);
    seat->shape->as_GUI_CURSOR_SHAPE.shape = 1;
    listen(&seat->wlr_seat->events.request_set_cursor, &seat->set_cursor, handle_set_cursor);
    listen(&shapes->events.request_set_shape, &seat->set_shape, handle_set_shape);
    listen(&seat->wlr_seat->events.request_set_selection, &seat->set_selection, handle_set_selection);
    listen(&seat->wlr_seat->events.request_set_primary_selection, &seat->set_primary, handle_set_primary);
    listen(&seat->wlr_seat->events.request_start_drag, &seat->start_drag, handle_start_drag);
    return seat;
}

void seat_destroy(struct seat *seat)
{
    forget_cursor_surface(seat);
    wl_list_remove(&seat->set_cursor.link);
    wl_list_remove(&seat->set_shape.link);
    wl_list_remove(&seat->set_selection.link);
    wl_list_remove(&seat->set_primary.link);
    wl_list_remove(&seat->start_drag.link);
    wlr_keyboard_finish(&seat->keyboard);
    free(seat->shape);
    free(seat);
}
