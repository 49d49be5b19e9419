/* pointer.c - the cursor: frames are dom0's, content is told, nothing crosses from one window to another */
#include "input.h"

#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_cursor_shape_v1.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_xcursor_manager.h>
#include "guest_window.h"
#include "local.h"
#include "pixels.h"
#include "popup.h"
#include "server.h"
#include "surface.h"
#include "vm.h"
#include "window.h"

static struct pointer_target find_target(struct server *server, double x, double y)
{
    struct pointer_target target = {0};
    struct window *window;
    struct popup *popup;

    wl_list_for_each (popup, &server->popups, link) {
        if (popup->mapped && wlr_box_contains_point(&popup->inner, x, y)) {
            target.popup = popup;
            target.part = PART_CONTENT;
            return target;
        }
    }
    wl_list_for_each (window, &server->windows, link) {
        if (!window->mapped)
            continue;
        target.part = placement_part(&window->inner, x, y, &target.edges);
        if (target.part != PART_NONE) {
            target.window = window;
            return target;
        }
    }
    return target;
}

/* The VM's surface behind a target's content; nullptr if there is none. */
static struct surface *surface_of(const struct pointer_target *target)
{
    if (target->part != PART_CONTENT)
        return nullptr;
    return target->popup ? target->popup->surface : target->window ? guest_window_surface(target->window) : nullptr;
}

static bool is_local(const struct pointer_target *target)
{
    return target->part == PART_CONTENT && target->window && !target->window->vm;
}

/* ---- the picture ---- */

static void show_theme(struct input *input, const char *name)
{
    if (input->cursor_shown && !strcmp(input->cursor_shown, name))
        return;
    input->cursor_shown = name;
    wlr_cursor_set_xcursor(input->cursor, input->cursor_theme, name);
}

static const char *edge_cursor(uint32_t edges)
{
    switch (edges) {
    case GUI_EDGE_TOP: return "n-resize";
    case GUI_EDGE_BOTTOM: return "s-resize";
    case GUI_EDGE_LEFT: return "w-resize";
    case GUI_EDGE_RIGHT: return "e-resize";
    case GUI_EDGE_TOP | GUI_EDGE_LEFT: return "nw-resize";
    case GUI_EDGE_TOP | GUI_EDGE_RIGHT: return "ne-resize";
    case GUI_EDGE_BOTTOM | GUI_EDGE_LEFT: return "sw-resize";
    case GUI_EDGE_BOTTOM | GUI_EDGE_RIGHT: return "se-resize";
    default: return "default";
    }
}

static void show_guest_cursor(struct input *input, const struct vm *vm)
{
    if (vm->cursor) {
        input->cursor_shown = nullptr;
        wlr_cursor_set_buffer(input->cursor, &vm->cursor->base, (int32_t)vm->hotspot_x, (int32_t)vm->hotspot_y, 1);
    } else if (vm->cursor_shape) {
        show_theme(input, wlr_cursor_shape_v1_name(vm->cursor_shape));
    } else {
        input->cursor_shown = nullptr;
        wlr_cursor_unset_image(input->cursor);
    }
}

static void update_cursor(struct input *input)
{
    const struct pointer_target *target = &input->target;
    struct surface *surface = surface_of(target);

    if (surface)
        show_guest_cursor(input, surface->vm);
    else if (!is_local(target)) /* dom0's clients set theirs through the seat */
        show_theme(input, target->part == PART_EDGE ? edge_cursor(target->edges) : "default");
}

void input_cursor_changed(struct server *server, struct vm *vm)
{
    struct surface *surface = surface_of(&server->input->target);

    if (surface && surface->vm == vm)
        show_guest_cursor(server->input, vm);
}

/* ---- who is told ---- */

static void send_position(struct input *input, enum gui_type type, struct surface *surface, uint32_t time)
{
    struct server *server = input->server;
    const struct wlr_box *inner = surface->window ? &surface->window->base.inner : &surface->popup->inner;
    union gui_message m;

    gui_wire_init(&m, type, surface->id, server_serial(server));
    m.as_GUI_POINTER_MOTION.time = time;
    m.as_GUI_POINTER_MOTION.x = (int32_t)((input->cursor->x - inner->x) * 256);
    m.as_GUI_POINTER_MOTION.y = (int32_t)((input->cursor->y - inner->y) * 256);
    vm_send(surface->vm, &m);
}

static void leave(struct input *input)
{
    struct surface *surface = surface_of(&input->target);

    if (surface)
        vm_send_plain(surface->vm, GUI_POINTER_LEAVE, surface->id, server_serial(input->server));
    else if (is_local(&input->target))
        wlr_seat_pointer_clear_focus(input->seat);
    input->target = (struct pointer_target){0};
}

static void enter(struct input *input, const struct pointer_target *target)
{
    struct surface *surface = surface_of(target);

    input->target = *target;
    input->cursor_shown = nullptr;
    if (surface)
        send_position(input, GUI_POINTER_ENTER, surface, server_now());
    else if (is_local(target))
        local_pointer_motion(input->seat, target->window, server_now(), input->cursor->x, input->cursor->y);
    update_cursor(input);
}

static bool same(const struct pointer_target *a, const struct pointer_target *b)
{
    return a->window == b->window && a->popup == b->popup && a->part == b->part && a->edges == b->edges;
}

static void drag_on(struct input *input)
{
    struct window *window = input->dragged;
    int dx = (int)(input->cursor->x - input->drag_x), dy = (int)(input->cursor->y - input->drag_y);
    struct wlr_box area = server_work_area(input->server, &window->inner);

    if (input->drag == DRAG_MOVE) {
        window_move(window, input->drag_start.x + dx, input->drag_start.y + dy);
    } else {
        struct wlr_box box = placement_resize(&input->drag_start, input->drag_edges, dx, dy, &area);

        window_ask(window, &box, input->drag_edges);
    }
}

void pointer_moved(struct input *input, uint32_t time)
{
    struct pointer_target target = find_target(input->server, input->cursor->x, input->cursor->y);

    if (input->drag != DRAG_NONE) {
        drag_on(input);
        return;
    }
    /* While a button is down everything goes where it was pressed. */
    if (!input->buttons && !same(&target, &input->target)) {
        leave(input);
        enter(input, &target);
        return;
    }
    struct surface *surface = surface_of(&input->target);
    if (surface)
        send_position(input, GUI_POINTER_MOTION, surface, time);
    else if (is_local(&input->target))
        local_pointer_motion(input->seat, input->target.window, time, input->cursor->x, input->cursor->y);
}

void input_refresh_pointer(struct server *server)
{
    struct input *input = server->input;
    struct pointer_target target;

    if (!input || input->buttons || input->drag != DRAG_NONE)
        return;
    target = find_target(server, input->cursor->x, input->cursor->y);
    if (!same(&target, &input->target)) {
        leave(input);
        enter(input, &target);
    }
}

/* ---- dragging ---- */

static void drag_begin(struct input *input, struct window *window, enum drag drag, uint32_t edges)
{
    input->drag = drag;
    input->dragged = window;
    input->drag_edges = edges;
    input->drag_x = input->cursor->x;
    input->drag_y = input->cursor->y;
    input->drag_start = window->inner;
    window->maximised = false;
    window->resizing = drag == DRAG_RESIZE;
}

static void drag_end(struct input *input)
{
    struct window *window = input->dragged;

    input->drag = DRAG_NONE;
    input->dragged = nullptr;
    if (window && window->resizing) {
        window->resizing = false;
        if (!window->asked)
            window_send_states(window);
    }
}

void input_guest_drag(struct window *window, uint32_t untrusted_serial, uint32_t edges)
{
    struct input *input = window->server->input;

    if (!input->buttons || input->press_window != window || input->press_serial != untrusted_serial ||
        input->drag != DRAG_NONE)
        return;
    leave(input); /* the VM sees no more of this press */
    input->swallow = true;
    drag_begin(input, window, edges ? DRAG_RESIZE : DRAG_MOVE, edges);
}

static void press_frame(struct input *input, uint32_t code)
{
    struct window *window = input->target.window;

    input->swallow = true;
    if (input->target.part == PART_CLOSE)
        window->impl->close(window);
    else if (input->target.part == PART_TITLE)
        drag_begin(input, window, DRAG_MOVE, 0);
    else
        drag_begin(input, window, DRAG_RESIZE, input->target.edges);
}

static void press(struct input *input, uint32_t code)
{
    struct pointer_target *target = &input->target;
    struct server *server = input->server;

    popup_dismiss(server, target->popup ? target->popup->surface->vm : nullptr);
    if (target->window)
        server_focus(server, target->window);
    else if (!target->popup)
        server_focus(server, nullptr);
    if (target->window && target->part != PART_CONTENT)
        press_frame(input, code);
}

void pointer_button(struct input *input, uint32_t time, uint32_t code, bool pressed)
{
    bool first = pressed && !input->buttons;

    if (!pressed && !input->buttons)
        return;
    if (pressed)
        input->buttons++;
    else
        input->buttons--;
    if (first)
        press(input, code);
    struct surface *surface = surface_of(&input->target);
    if (surface && !input->swallow) {
        union gui_message m;

        gui_wire_init(&m, GUI_BUTTON, surface->id, server_serial(input->server));
        m.as_GUI_BUTTON.time = time;
        m.as_GUI_BUTTON.code = code;
        m.as_GUI_BUTTON.pressed = pressed;
        surface->vm->last_input = server_now();
        if (pressed) {
            input->press_window = surface->window ? &surface->window->base : nullptr;
            input->press_serial = m.header.serial;
        }
        vm_send(surface->vm, &m);
    } else if (is_local(&input->target) && !input->swallow) {
        wlr_seat_pointer_notify_button(input->seat, time, code,
                                       pressed ? WL_POINTER_BUTTON_STATE_PRESSED : WL_POINTER_BUTTON_STATE_RELEASED);
    }
    if (!input->buttons) {
        input->swallow = false;
        drag_end(input);
        input_refresh_pointer(input->server);
    }
}

void pointer_axis(struct input *input, const struct wlr_pointer_axis_event *event)
{
    struct surface *surface = surface_of(&input->target);
    union gui_message m;

    if (is_local(&input->target))
        wlr_seat_pointer_notify_axis(input->seat, event->time_msec, event->orientation, event->delta,
                                     event->delta_discrete, event->source, event->relative_direction);
    if (!surface)
        return;
    gui_wire_init(&m, GUI_AXIS, surface->id, server_serial(input->server));
    m.as_GUI_AXIS.time = event->time_msec;
    m.as_GUI_AXIS.orientation = event->orientation;
    m.as_GUI_AXIS.value = (int32_t)(event->delta * 256);
    m.as_GUI_AXIS.v120 = event->delta_discrete;
    m.as_GUI_AXIS.source = event->source;
    vm_send(surface->vm, &m);
}

/* ---- what goes away ---- */

void input_forget_window(struct server *server, struct window *window)
{
    struct input *input = server->input;

    if (!input)
        return;
    for (size_t i = 0; i < KEYS; i++)
        if (input->key_owner[i] == window)
            input->key_owner[i] = nullptr;
    if (input->press_window == window)
        input->press_window = nullptr;
    if (input->dragged == window)
        drag_end(input);
    if (input->target.window == window) {
        leave(input);
        input->swallow = input->buttons > 0;
        input_refresh_pointer(server);
    }
}

void input_forget_popup(struct server *server, struct popup *popup)
{
    struct input *input = server->input;

    if (!input || input->target.popup != popup)
        return;
    leave(input);
    input->swallow = input->buttons > 0;
    input_refresh_pointer(server);
}

void input_forget_vm(struct server *server, struct vm *vm)
{
    struct input *input = server->input;

    if (input && vm->cursor)
        update_cursor(input);
}
