/* input.c - input devices, and the seat of dom0's own clients */
#include "input.h"

#include <stdlib.h>
#include <wlr/backend.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_cursor_shape_v1.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_xcursor_manager.h>
#include "server.h"
#include "window.h"

enum { CURSOR_SIZE = 24 };

static void handle_new_input(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, new_input);
    struct wlr_input_device *device = data;

    if (device->type == WLR_INPUT_DEVICE_KEYBOARD)
        keyboard_add(input, wlr_keyboard_from_input_device(device));
    else if (device->type == WLR_INPUT_DEVICE_POINTER)
        wlr_cursor_attach_input_device(input->cursor, device);
}

static void handle_motion(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, motion);
    const struct wlr_pointer_motion_event *event = data;

    wlr_cursor_move(input->cursor, &event->pointer->base, event->delta_x, event->delta_y);
    pointer_moved(input, event->time_msec);
}

static void handle_motion_absolute(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, motion_absolute);
    const struct wlr_pointer_motion_absolute_event *event = data;

    wlr_cursor_warp_absolute(input->cursor, &event->pointer->base, event->x, event->y);
    pointer_moved(input, event->time_msec);
}

static void handle_button(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, button);
    const struct wlr_pointer_button_event *event = data;

    pointer_button(input, event->time_msec, event->button, event->state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static void handle_axis(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, axis);

    pointer_axis(input, data);
}

static void handle_frame(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, frame);

    wlr_seat_pointer_notify_frame(input->seat);
}

static bool pointer_is_local(const struct input *input)
{
    return input->target.part == PART_CONTENT && input->target.window && !input->target.window->vm;
}

static void handle_set_cursor(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, set_cursor);
    const struct wlr_seat_pointer_request_set_cursor_event *event = data;

    if (!pointer_is_local(input) || input->seat->pointer_state.focused_client != event->seat_client)
        return;
    input->cursor_shown = nullptr;
    wlr_cursor_set_surface(input->cursor, event->surface, event->hotspot_x, event->hotspot_y);
}

static void handle_set_shape(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, set_shape);
    const struct wlr_cursor_shape_manager_v1_request_set_shape_event *event = data;

    if (!pointer_is_local(input) || input->seat->pointer_state.focused_client != event->seat_client)
        return;
    input->cursor_shown = nullptr;
    wlr_cursor_set_xcursor(input->cursor, input->cursor_theme, wlr_cursor_shape_v1_name(event->shape));
}

static void handle_set_selection(struct wl_listener *listener, void *data)
{
    struct input *input = wl_container_of(listener, input, set_selection);
    const struct wlr_seat_request_set_selection_event *event = data;

    wlr_seat_set_selection(input->seat, event->source, event->serial);
}

static void listen(struct wl_signal *signal, struct wl_listener *listener, wl_notify_func_t handler)
{
    listener->notify = handler;
    wl_signal_add(signal, listener);
}

struct input *input_create(struct server *server)
{
    struct input *input = calloc(1, sizeof(*input));

    if (!input)
        return nullptr;
    input->server = server;
    wl_list_init(&input->keyboards);
    input->seat = wlr_seat_create(server->display, "seat0");
    input->cursor = wlr_cursor_create();
    input->cursor_theme = wlr_xcursor_manager_create(nullptr, CURSOR_SIZE);
    struct wlr_cursor_shape_manager_v1 *shapes = wlr_cursor_shape_manager_v1_create(server->display, 1);
    if (!input->seat || !input->cursor || !input->cursor_theme || !shapes) {
        free(input);
        return nullptr;
    }
    wlr_seat_set_capabilities(input->seat, WL_SEAT_CAPABILITY_KEYBOARD | WL_SEAT_CAPABILITY_POINTER);
    wlr_cursor_attach_output_layout(input->cursor, server->layout);
    listen(&server->backend->events.new_input, &input->new_input, handle_new_input);
    listen(&input->cursor->events.motion, &input->motion, handle_motion);
    listen(&input->cursor->events.motion_absolute, &input->motion_absolute, handle_motion_absolute);
    listen(&input->cursor->events.button, &input->button, handle_button);
    listen(&input->cursor->events.axis, &input->axis, handle_axis);
    listen(&input->cursor->events.frame, &input->frame, handle_frame);
    listen(&input->seat->events.request_set_cursor, &input->set_cursor, handle_set_cursor);
    listen(&shapes->events.request_set_shape, &input->set_shape, handle_set_shape);
    listen(&input->seat->events.request_set_selection, &input->set_selection, handle_set_selection);
    return input;
}

void input_destroy(struct input *input)
{
    keyboards_destroy(input);
    wl_list_remove(&input->new_input.link);
    wl_list_remove(&input->motion.link);
    wl_list_remove(&input->motion_absolute.link);
    wl_list_remove(&input->button.link);
    wl_list_remove(&input->axis.link);
    wl_list_remove(&input->frame.link);
    wl_list_remove(&input->set_cursor.link);
    wl_list_remove(&input->set_shape.link);
    wl_list_remove(&input->set_selection.link);
    wlr_xcursor_manager_destroy(input->cursor_theme);
    wlr_cursor_destroy(input->cursor);
    free(input);
}
