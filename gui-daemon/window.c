/* window.c - see window.h */
#include "window.h"

#include <stdlib.h>
#include <wlr/types/wlr_scene.h>
#include "focus.h"
#include "input.h"
#include "placement.h"
#include "server.h"
#include "vm.h"

enum { ANSWER_MS = 200 }; /* how long a frame waits for its content */

static const float backing_colour[4] = {0.25f, 0.25f, 0.25f, 1.0f};

#define DOM0_COLOUR 0x000000u
#define DOM0_NAME   "dom0"

static int handle_no_answer(void *data);

bool window_init(struct window *window, struct server *server, const struct window_impl *impl, struct vm *vm)
{
    window->server = server;
    window->impl = impl;
    window->vm = vm;
    window->tree = wlr_scene_tree_create(server->layers[LAYER_WINDOWS]);
    if (!window->tree)
        return false;
    wlr_scene_node_set_enabled(&window->tree->node, false);
    window->backing = wlr_scene_rect_create(window->tree, 0, 0, backing_colour);
    window->content = wlr_scene_tree_create(window->tree);
    window->timer = wl_event_loop_add_timer(server->loop, handle_no_answer, window);
    if (!window->backing || !window->content || !window->timer ||
        !frame_create(&window->frame, window->tree, server->font, vm ? vm->colour : DOM0_COLOUR,
                      vm ? vm->name : DOM0_NAME)) {
        wlr_scene_node_destroy(&window->tree->node);
        return false;
    }
    wl_list_insert(&server->windows, &window->link);
    return true;
}

uint32_t window_owner(const struct window *window)
{
    return window->vm ? window->vm->domid : FOCUS_OWNER_DOM0;
}

void window_finish(struct window *window)
{
    window_unmap(window);
    wl_list_remove(&window->link);
    wl_event_source_remove(window->timer);
    wlr_scene_node_destroy(&window->tree->node);
}

static uint32_t states(const struct window *window)
{
    return (window->server->focus == window ? GUI_STATE_ACTIVATED : 0) | (window->maximised ? GUI_STATE_MAXIMISED : 0) |
           (window->resizing ? GUI_STATE_RESIZING : 0);
}

/* Puts the frame around `inner`, which is on the screen already. */
static void apply(struct window *window, const struct wlr_box *inner)
{
    window->inner = *inner;
    wlr_scene_node_set_position(&window->tree->node, inner->x, inner->y);
    wlr_scene_rect_set_size(window->backing, inner->width, inner->height);
    frame_set_size(&window->frame, inner->width, inner->height);
    window->impl->clip(window, inner->width, inner->height);
    input_refresh_pointer(window->server);
}

static void map(struct window *window, int width, int height)
{
    struct server *server = window->server;
    struct wlr_box area = server_work_area(server, nullptr);
    struct wlr_box inner = placement_new(width, height, server->windows_made++, &area);
    uint32_t now = server_now();
    uint32_t focused = server->focus ? window_owner(server->focus) : FOCUS_OWNER_NONE;
    uint32_t since_input = window->vm ? now - window->vm->last_input : 0;

    window->mapped = true;
    window->wanted = inner;
    wlr_scene_node_set_enabled(&window->tree->node, true);
    apply(window, &inner);
    if (inner.width != width || inner.height != height)
        window_ask(window, &inner, 0);
    if (focus_goes_to_new_window(window_owner(window), focused, since_input, now - server->launched))
        server_focus(server, window);
}

/* The pending question is settled; ask the next if the wish has changed meanwhile. */
static void answered(struct window *window)
{
    bool changed = window->wanted.width != window->asked_width || window->wanted.height != window->asked_height;
    struct wlr_box wanted = window->wanted;

    window->asked = 0;
    wl_event_source_timer_update(window->timer, 0);
    if (changed)
        window_ask(window, &wanted, window->edges);
    else
        window->wanted = window->inner;
}

static int handle_no_answer(void *data)
{
    struct window *window = data;

    apply(window, &window->wanted);
    answered(window);
    return 0;
}

void window_content(struct window *window, int width, int height, uint32_t serial)
{
    struct wlr_box inner = window->inner, area = server_work_area(window->server, &window->inner);

    if (!window->mapped) {
        map(window, width, height);
        return;
    }
    if (window->asked && serial != window->asked)
        return; /* still drawn for the size before */
    if (window->asked)
        inner = window->wanted; /* its place; the size is what came */
    placement_anchor(&inner, window->edges, width, height);
    placement_clamp(&inner, &area);
    apply(window, &inner);
    if (window->asked)
        answered(window);
    else
        window->wanted = inner;
}

void window_unmap(struct window *window)
{
    struct server *server = window->server;
    struct window *next;

    if (!window->mapped)
        return;
    window->mapped = false;
    window->asked = 0;
    wl_event_source_timer_update(window->timer, 0);
    wlr_scene_node_set_enabled(&window->tree->node, false);
    input_forget_window(server, window);
    if (server->focus != window)
        return;
    wl_list_for_each (next, &server->windows, link) {
        if (next != window && next->mapped && focus_may_inherit(window_owner(next), window_owner(window))) {
            server_focus(server, next);
            return;
        }
    }
    server_focus(server, nullptr);
}

void window_ask(struct window *window, const struct wlr_box *inner, uint32_t edges)
{
    struct wlr_box area = server_work_area(window->server, inner);

    window->wanted = *inner;
    placement_clamp(&window->wanted, &area);
    window->edges = edges;
    if (window->asked)
        return; /* one at a time: the answer, or its absence, sends the next */
    window->asked = server_serial(window->server);
    window->asked_width = window->wanted.width;
    window->asked_height = window->wanted.height;
    wl_event_source_timer_update(window->timer, ANSWER_MS);
    window->impl->configure(window, window->wanted.width, window->wanted.height, states(window), window->asked);
}

void window_send_states(struct window *window)
{
    if (!window->mapped)
        return;
    const struct wlr_box *box = window->asked ? &window->wanted : &window->inner;
    uint32_t serial = server_serial(window->server);

    if (window->asked)
        window->asked = serial;
    window->impl->configure(window, box->width, box->height, states(window), serial);
}

void window_move(struct window *window, int x, int y)
{
    struct wlr_box inner = window->inner;
    struct wlr_box target = {x, y, inner.width, inner.height};
    struct wlr_box area = server_work_area(window->server, &target);

    placement_clamp(&target, &area);
    window->wanted.x = target.x;
    window->wanted.y = target.y;
    apply(window, &target);
}

void window_maximise(struct window *window, bool maximised)
{
    struct wlr_box area = server_work_area(window->server, &window->inner);

    if (maximised == window->maximised || !window->mapped)
        return;
    window->maximised = maximised;
    if (maximised)
        window->restore = window->inner;
    window_ask(window, maximised ? &area : &window->restore, 0);
}

void window_raise(struct window *window)
{
    wlr_scene_node_raise_to_top(&window->tree->node);
    wl_list_remove(&window->link);
    wl_list_insert(&window->server->windows, &window->link);
}

void window_clamp_all(struct server *server)
{
    struct window *window;

    wl_list_for_each (window, &server->windows, link) {
        struct wlr_box area = server_work_area(server, &window->inner);
        struct wlr_box inner = window->inner;

        if (!window->mapped)
            continue;
        placement_clamp(&inner, &area);
        apply(window, &inner);
        if (inner.width != window->wanted.width || inner.height != window->wanted.height)
            window_ask(window, &inner, 0);
    }
}
