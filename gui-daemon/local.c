/* local.c - see local.h */
#include "local.h"

#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_scene.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_xdg_decoration_v1.h>
#include <wlr/types/wlr_xdg_shell.h>
#include "common/log.h"
#include "input.h"
#include "server.h"
#include "window.h"

enum { XDG_SHELL_VERSION = 3, COMPOSITOR_VERSION = 5 };

struct local {
    struct server *server;
    struct wl_listener new_toplevel, new_popup, new_decoration;
};

struct local_window {
    struct window base;
    struct wlr_xdg_toplevel *toplevel;
    struct wlr_scene_tree *surface_tree;
    uint32_t asked, asked_xdg; /* the serial of a CONFIGURE, ours and the client's */
    struct wl_listener commit, map, unmap, destroy;
    struct wl_listener request_move, request_resize, request_maximize, request_fullscreen, set_title;
};

struct local_popup {
    struct wlr_xdg_popup *popup;
    struct wl_listener commit, destroy;
};

struct local_decoration {
    struct wlr_xdg_toplevel_decoration_v1 *decoration;
    struct wl_listener request_mode, commit, destroy;
};

static void listen(struct wl_signal *signal, struct wl_listener *listener, wl_notify_func_t handler)
{
    listener->notify = handler;
    wl_signal_add(signal, listener);
}

/* ---- what window.c asks for ---- */

static struct local_window *from_base(struct window *window)
{
    struct local_window *local = wl_container_of(window, local, base);

    return local;
}

static void local_configure(struct window *window, int width, int height, uint32_t states, uint32_t serial)
{
    struct local_window *local = from_base(window);

    wlr_xdg_toplevel_set_activated(local->toplevel, states & GUI_STATE_ACTIVATED);
    wlr_xdg_toplevel_set_maximized(local->toplevel, states & GUI_STATE_MAXIMISED);
    wlr_xdg_toplevel_set_resizing(local->toplevel, states & GUI_STATE_RESIZING);
    local->asked = serial;
    local->asked_xdg = wlr_xdg_toplevel_set_size(local->toplevel, width, height);
}

static void local_clip(struct window *window, int width, int height)
{
    struct local_window *local = from_base(window);
    struct wlr_box geometry;

    wlr_xdg_surface_get_geometry(local->toplevel->base, &geometry);
    struct wlr_box clip = {geometry.x, geometry.y, width, height};
    wlr_scene_subsurface_tree_set_clip(&local->surface_tree->node, &clip);
}

static void local_close(struct window *window)
{
    wlr_xdg_toplevel_send_close(from_base(window)->toplevel);
}

static void local_keyboard(struct window *window, bool enter)
{
    struct input *input = window->server->input;

    if (!enter)
        wlr_seat_keyboard_notify_clear_focus(input->seat);
    else
        wlr_seat_keyboard_notify_enter(input->seat, from_base(window)->toplevel->base->surface, nullptr, 0,
                                       input->keyboard ? &input->keyboard->modifiers : nullptr);
}

static void local_key(struct window *window, uint32_t time, uint32_t code, bool pressed)
{
    struct input *input = window->server->input;

    wlr_seat_set_keyboard(input->seat, input->keyboard);
    wlr_seat_keyboard_notify_key(input->seat, time, code,
                                 pressed ? WL_KEYBOARD_KEY_STATE_PRESSED : WL_KEYBOARD_KEY_STATE_RELEASED);
}

static void local_modifiers(struct window *window)
{
    struct input *input = window->server->input;

    if (input->keyboard)
        wlr_seat_keyboard_notify_modifiers(input->seat, &input->keyboard->modifiers);
}

static const struct window_impl local_window_impl = {
    .configure = local_configure,
    .clip = local_clip,
    .close = local_close,
    .keyboard = local_keyboard,
    .key = local_key,
    .modifiers = local_modifiers,
};

void local_pointer_motion(struct wlr_seat *seat, struct window *window, uint32_t time, double lx, double ly)
{
    double x, y;
    struct wlr_scene_node *node = wlr_scene_node_at(&window->content->node, lx, ly, &x, &y);
    struct wlr_scene_surface *surface = node && node->type == WLR_SCENE_NODE_BUFFER
                                            ? wlr_scene_surface_try_from_buffer(wlr_scene_buffer_from_node(node))
                                            : nullptr;

    if (!surface) {
        wlr_seat_pointer_clear_focus(seat);
        return;
    }
    wlr_seat_pointer_notify_enter(seat, surface->surface, x, y);
    wlr_seat_pointer_notify_motion(seat, time, x, y);
}

/* ---- what the client does ---- */

static void handle_toplevel_commit(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, commit);
    struct wlr_xdg_surface *surface = local->toplevel->base;
    struct wlr_box geometry;

    if (surface->initial_commit) {
        wlr_xdg_toplevel_set_size(local->toplevel, 0, 0);
        return;
    }
    if (!surface->surface->mapped)
        return;
    bool answer = local->asked && (int32_t)(surface->current.configure_serial - local->asked_xdg) >= 0;
    wlr_xdg_surface_get_geometry(surface, &geometry);
    window_content(&local->base, geometry.width, geometry.height, answer ? local->asked : 0);
}

static void handle_toplevel_unmap(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, unmap);

    window_unmap(&local->base);
}

static void handle_toplevel_destroy(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, destroy);

    wl_list_remove(&local->commit.link);
    wl_list_remove(&local->unmap.link);
    wl_list_remove(&local->destroy.link);
    wl_list_remove(&local->request_move.link);
    wl_list_remove(&local->request_resize.link);
    wl_list_remove(&local->request_maximize.link);
    wl_list_remove(&local->request_fullscreen.link);
    wl_list_remove(&local->set_title.link);
    window_finish(&local->base);
    free(local);
}

static void handle_toplevel_move(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, request_move);

    input_guest_drag(&local->base, local->base.server->input->press_serial, 0);
}

static void handle_toplevel_resize(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, request_resize);
    const struct wlr_xdg_toplevel_resize_event *event = data;

    input_guest_drag(&local->base, local->base.server->input->press_serial, event->edges);
}

static void handle_toplevel_maximize(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, request_maximize);

    if (local->toplevel->base->initialized) /* an answer is due even if nothing changes */
        wlr_xdg_surface_schedule_configure(local->toplevel->base);
    window_maximise(&local->base, local->toplevel->requested.maximized);
}

static void handle_toplevel_fullscreen(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, request_fullscreen);

    if (local->toplevel->base->initialized)
        wlr_xdg_surface_schedule_configure(local->toplevel->base);
    window_maximise(&local->base, local->toplevel->requested.fullscreen);
}

static void handle_toplevel_set_title(struct wl_listener *listener, void *data)
{
    struct local_window *local = wl_container_of(listener, local, set_title);
    const char *title = local->toplevel->title ? local->toplevel->title : "";

    frame_set_title(&local->base.frame, title, strlen(title));
}

static void handle_new_toplevel(struct wl_listener *listener, void *data)
{
    struct local *local = wl_container_of(listener, local, new_toplevel);
    struct wlr_xdg_toplevel *toplevel = data;
    struct local_window *window = calloc(1, sizeof(*window));

    if (!window || !window_init(&window->base, local->server, &local_window_impl, nullptr)) {
        free(window);
        wl_resource_post_no_memory(toplevel->resource);
        return;
    }
    window->toplevel = toplevel;
    window->surface_tree = wlr_scene_xdg_surface_create(window->base.content, toplevel->base);
    toplevel->base->data = window->surface_tree;
    listen(&toplevel->base->surface->events.commit, &window->commit, handle_toplevel_commit);
    listen(&toplevel->base->surface->events.unmap, &window->unmap, handle_toplevel_unmap);
    listen(&toplevel->events.destroy, &window->destroy, handle_toplevel_destroy);
    listen(&toplevel->events.request_move, &window->request_move, handle_toplevel_move);
    listen(&toplevel->events.request_resize, &window->request_resize, handle_toplevel_resize);
    listen(&toplevel->events.request_maximize, &window->request_maximize, handle_toplevel_maximize);
    listen(&toplevel->events.request_fullscreen, &window->request_fullscreen, handle_toplevel_fullscreen);
    listen(&toplevel->events.set_title, &window->set_title, handle_toplevel_set_title);
}

static void handle_popup_commit(struct wl_listener *listener, void *data)
{
    struct local_popup *popup = wl_container_of(listener, popup, commit);

    if (popup->popup->base->initial_commit)
        wlr_xdg_surface_schedule_configure(popup->popup->base);
}

static void handle_popup_destroy(struct wl_listener *listener, void *data)
{
    struct local_popup *popup = wl_container_of(listener, popup, destroy);

    wl_list_remove(&popup->commit.link);
    wl_list_remove(&popup->destroy.link);
    free(popup);
}

static void handle_new_popup(struct wl_listener *listener, void *data)
{
    struct wlr_xdg_popup *xdg_popup = data;
    struct wlr_xdg_surface *parent = wlr_xdg_surface_try_from_wlr_surface(xdg_popup->parent);
    struct local_popup *popup = calloc(1, sizeof(*popup));

    if (!popup || !parent || !parent->data) {
        free(popup);
        wlr_xdg_popup_destroy(xdg_popup);
        return;
    }
    popup->popup = xdg_popup;
    xdg_popup->base->data = wlr_scene_xdg_surface_create(parent->data, xdg_popup->base);
    listen(&xdg_popup->base->surface->events.commit, &popup->commit, handle_popup_commit);
    listen(&xdg_popup->events.destroy, &popup->destroy, handle_popup_destroy);
}

/* ---- one party draws frames ---- */

static void decorate(struct wlr_xdg_toplevel_decoration_v1 *decoration)
{
    if (decoration->toplevel->base->initialized)
        wlr_xdg_toplevel_decoration_v1_set_mode(decoration, WLR_XDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
}

static void handle_decoration_request(struct wl_listener *listener, void *data)
{
    struct local_decoration *d = wl_container_of(listener, d, request_mode);

    decorate(d->decoration);
}

static void handle_decoration_commit(struct wl_listener *listener, void *data)
{
    struct local_decoration *d = wl_container_of(listener, d, commit);

    if (d->decoration->toplevel->base->initial_commit)
        decorate(d->decoration);
}

static void handle_decoration_destroy(struct wl_listener *listener, void *data)
{
    struct local_decoration *d = wl_container_of(listener, d, destroy);

    wl_list_remove(&d->request_mode.link);
    wl_list_remove(&d->commit.link);
    wl_list_remove(&d->destroy.link);
    free(d);
}

static void handle_new_decoration(struct wl_listener *listener, void *data)
{
    struct wlr_xdg_toplevel_decoration_v1 *decoration = data;
    struct local_decoration *d = calloc(1, sizeof(*d));

    if (!d)
        return;
    d->decoration = decoration;
    listen(&decoration->events.request_mode, &d->request_mode, handle_decoration_request);
    listen(&decoration->toplevel->base->surface->events.commit, &d->commit, handle_decoration_commit);
    listen(&decoration->events.destroy, &d->destroy, handle_decoration_destroy);
}

struct local *local_create(struct server *server, const char *name)
{
    struct local *local = calloc(1, sizeof(*local));
    struct wlr_xdg_shell *shell = wlr_xdg_shell_create(server->display, XDG_SHELL_VERSION);
    struct wlr_xdg_decoration_manager_v1 *decorations = wlr_xdg_decoration_manager_v1_create(server->display);

    if (!local || !shell || !decorations || !wlr_renderer_init_wl_shm(server->renderer, server->display) ||
        !wlr_compositor_create(server->display, COMPOSITOR_VERSION, server->renderer) ||
        !wlr_subcompositor_create(server->display) || !wlr_data_device_manager_create(server->display) ||
        !wlr_viewporter_create(server->display)) {
        free(local);
        return nullptr;
    }
    if (wl_display_add_socket(server->display, name) < 0) {
        log_error("cannot listen on %s: %m; is another compositor running?", name);
        free(local);
        return nullptr;
    }
    local->server = server;
    listen(&shell->events.new_toplevel, &local->new_toplevel, handle_new_toplevel);
    listen(&shell->events.new_popup, &local->new_popup, handle_new_popup);
    listen(&decorations->events.new_toplevel_decoration, &local->new_decoration, handle_new_decoration);
    return local;
}

void local_destroy(struct local *local)
{
    if (!local)
        return;
    wl_list_remove(&local->new_toplevel.link);
    wl_list_remove(&local->new_popup.link);
    wl_list_remove(&local->new_decoration.link);
    free(local);
}
