/* window.c - see window.h */
#include "window.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_xdg_shell.h>
#include "agent.h"
#include "content.h"
#include "link.h"
#include "seat.h"

static void send_message(struct window *window, union gui_message *m)
{
    link_send(window->agent->link, m);
}

/* ---- telling dom0 ---- */

/* As much of a text as fits, not cutting a character in two. */
static void put_text(char *out, size_t size, const char *text)
{
    size_t length = text ? strlen(text) : 0;

    if (length > size) {
        length = size;
        while (length && ((uint8_t)text[length] & 0xc0) == 0x80)
            length--;
    }
    if (length)
        memcpy(out, text, length);
}

static void send_title(struct window *window)
{
    union gui_message m;

    gui_wire_init(&m, GUI_TITLE, window->id, 0);
    put_text(m.as_GUI_TITLE.text, GUI_TITLE_MAX, window->toplevel->title);
    send_message(window, &m);
}

static void send_app_id(struct window *window)
{
    union gui_message m;

    gui_wire_init(&m, GUI_APP_ID, window->id, 0);
    put_text(m.as_GUI_APP_ID.text, GUI_APP_ID_MAX, window->toplevel->app_id);
    send_message(window, &m);
}

static void send_hints(struct window *window)
{
    const struct wlr_xdg_toplevel_state *state = &window->toplevel->current;
    union gui_message m;

    gui_wire_init(&m, GUI_HINTS, window->id, 0);
    m.as_GUI_HINTS.min_width = state->min_width > GUI_SIZE_MAX ? GUI_SIZE_MAX : (uint32_t)state->min_width;
    m.as_GUI_HINTS.min_height = state->min_height > GUI_SIZE_MAX ? GUI_SIZE_MAX : (uint32_t)state->min_height;
    m.as_GUI_HINTS.max_width = state->max_width > GUI_SIZE_MAX ? 0 : (uint32_t)state->max_width;
    m.as_GUI_HINTS.max_height = state->max_height > GUI_SIZE_MAX ? 0 : (uint32_t)state->max_height;
    if (memcmp(&m.as_GUI_HINTS, &window->hints, sizeof(window->hints)) == 0)
        return;
    window->hints = m.as_GUI_HINTS;
    send_message(window, &m);
}

static struct window *parent_of(const struct window *window)
{
    struct wlr_xdg_surface *parent = nullptr;

    if (window->popup && window->popup->parent)
        parent = wlr_xdg_surface_try_from_wlr_surface(window->popup->parent);
    else if (window->toplevel && window->toplevel->parent)
        parent = window->toplevel->parent->base;
    return parent ? parent->data : nullptr;
}

static void send_position(struct window *window)
{
    const struct wlr_box *box = &window->popup->scheduled.geometry;
    union gui_message m;

    gui_wire_init(&m, GUI_POSITIONER, window->id, 0);
    m.as_GUI_POSITIONER.box = (struct gui_box){box->x, box->y, box->width, box->height};
    send_message(window, &m);
}

static void announce(struct window *window)
{
    struct window *parent = parent_of(window);
    union gui_message m;

    if (!link_ready(window->agent->link) || window->announced || (window->popup && (!parent || !parent->announced)))
        return;
    window->announced = true;
    gui_wire_init(&m, GUI_SURFACE_NEW, window->id, 0);
    m.as_GUI_SURFACE_NEW.role = window->toplevel ? GUI_TOPLEVEL : GUI_POPUP;
    m.as_GUI_SURFACE_NEW.parent = parent && parent->announced ? parent->id : 0;
    send_message(window, &m);
    if (window->popup) {
        send_position(window);
        return;
    }
    send_title(window);
    send_app_id(window);
    send_hints(window);
}

/* ---- commits ---- */

struct collected {
    struct window *window;
    struct wlr_box geometry;
    bool waiting; /* for a free slot */
    uint32_t count;
    struct content *contents[GUI_NODES_MAX];
    int x[GUI_NODES_MAX], y[GUI_NODES_MAX];
};

static void collect(struct wlr_surface *surface, int x, int y, void *data)
{
    struct collected *c = data;
    struct content *content = content_of(c->window->agent, surface);

    if (!content || c->count == GUI_NODES_MAX)
        return;
    if (!content_update(content))
        c->waiting = true;
    c->contents[c->count] = content;
    c->x[c->count] = x - c->geometry.x;
    c->y[c->count] = y - c->geometry.y;
    c->count++;
}

static bool same_nodes(const struct window *window, const struct collected *c)
{
    return window->node_count == c->count && memcmp(window->nodes, c->contents, c->count * sizeof(c->contents[0])) == 0;
}

static uint32_t clamp_size(int size)
{
    return size < 1 ? 1 : size > GUI_SIZE_MAX ? GUI_SIZE_MAX : (uint32_t)size;
}

static void send_commit(struct window *window, struct collected *c)
{
    static struct gui_node nodes[GUI_NODES_MAX];
    uint32_t count = 0;
    union gui_message m;

    for (uint32_t i = 0; i < c->count; i++) {
        gui_wire_init(&m, GUI_NODE, window->id, 0);
        if (!same_nodes(window, c)) /* a node of dom0's may have shown another surface before */
            content_damage_all(c->contents[i]);
        if (content_node(c->contents[i], c->x[i], c->y[i], &m.as_GUI_NODE))
            nodes[count++] = m.as_GUI_NODE;
    }
    memcpy(window->nodes, c->contents, sizeof(window->nodes));
    window->node_count = c->count;

    gui_wire_init(&m, GUI_COMMIT_BEGIN, window->id, window->answered);
    m.as_GUI_COMMIT_BEGIN.width = clamp_size(c->geometry.width);
    m.as_GUI_COMMIT_BEGIN.height = clamp_size(c->geometry.height);
    m.as_GUI_COMMIT_BEGIN.nodes = count;
    send_message(window, &m);
    for (uint32_t i = 0; i < count; i++) {
        m.as_GUI_NODE = nodes[i];
        send_message(window, &m);
    }
    link_send_plain(window->agent->link, GUI_COMMIT_END, window->id, 0);
    window->shown = count > 0;
    window->in_flight = count > 0;
    window->changed = false;
}

/* Whether the client's state answers a CONFIGURE that dom0 was not told of yet. */
static bool new_answer(struct window *window)
{
    if (window->popup || !window->configure || window->configure == window->answered)
        return false;
    return (int32_t)(window->xdg->current.configure_serial - window->configure_xdg) >= 0;
}

/* Tells dom0 the present state, unless dom0 has not shown the last one yet. */
static void flush(struct window *window)
{
    static struct collected c;

    announce(window);
    if (!window->changed || !window->announced)
        return;
    bool answer = new_answer(window), mapped = window->xdg->surface->mapped;
    if (window->in_flight && !answer && mapped)
        return;
    if (!mapped && !window->shown)
        return;
    c.window = window;
    c.count = 0;
    c.waiting = false;
    wlr_xdg_surface_get_geometry(window->xdg, &c.geometry);
    if (mapped)
        wlr_surface_for_each_surface(window->xdg->surface, collect, &c);
    if (c.waiting)
        return;
    if (answer)
        window->answered = window->configure;
    if (window->toplevel)
        send_hints(window);
    send_commit(window, &c);
}

static void handle_idle(void *data)
{
    struct window *window = data;

    window->idle = nullptr;
    flush(window);
}

static void mark(struct window *window)
{
    window->changed = true;
    if (!window->idle) /* once for all surfaces that change together */
        window->idle = wl_event_loop_add_idle(window->agent->loop, handle_idle, window);
}

void window_surface_changed(struct agent *agent, struct wlr_surface *surface)
{
    struct wlr_surface *root = wlr_surface_get_root_surface(surface);
    struct wlr_xdg_surface *xdg = wlr_xdg_surface_try_from_wlr_surface(root);

    if (xdg && xdg->data)
        mark(xdg->data);
    else
        seat_cursor_surface_changed(agent->seat, surface);
}

void windows_retry(struct agent *agent)
{
    struct window *window;

    wl_list_for_each (window, &agent->windows, link)
        if (window->changed)
            mark(window);
}

void windows_forgotten(struct agent *agent)
{
    struct window *window;

    wl_list_for_each (window, &agent->windows, link) {
        window->announced = window->shown = window->in_flight = false;
        window->configure = window->answered = 0;
        window->node_count = 0;
        memset(&window->hints, 0, sizeof(window->hints));
    }
}

void windows_announce(struct agent *agent)
{
    struct window *window;

    wl_list_for_each (window, &agent->windows, link) {
        if (!window->xdg->initialized)
            continue;
        announce(window);
        mark(window);
    }
}

/* ---- what dom0 says ---- */

struct window *window_find(struct agent *agent, uint32_t id)
{
    struct window *window;

    wl_list_for_each (window, &agent->windows, link)
        if (window->id == id)
            return window;
    return nullptr;
}

void window_configure(struct window *window, const struct gui_configure *message)
{
    struct wlr_xdg_toplevel *toplevel = window->toplevel;

    if (!toplevel || !window->xdg->initialized)
        return;
    wlr_xdg_toplevel_set_activated(toplevel, message->states & GUI_STATE_ACTIVATED);
    wlr_xdg_toplevel_set_maximized(toplevel, message->states & GUI_STATE_MAXIMISED);
    wlr_xdg_toplevel_set_fullscreen(toplevel, message->states & GUI_STATE_FULLSCREEN);
    window->configure_xdg = wlr_xdg_toplevel_set_resizing(toplevel, message->states & GUI_STATE_RESIZING);
    if (message->width && message->height)
        window->configure_xdg = wlr_xdg_toplevel_set_size(toplevel, (int)message->width, (int)message->height);
    window->configure = message->header.serial;
}

static void send_frame_done(struct wlr_surface *surface, int x, int y, void *data)
{
    wlr_surface_send_frame_done(surface, data);
}

void window_frame_done(struct window *window)
{
    struct timespec now;

    window->in_flight = false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    wlr_surface_for_each_surface(window->xdg->surface, send_frame_done, &now);
    flush(window);
}

void window_popup_area(struct window *window, const struct gui_box *box)
{
    window->popup_area = (struct wlr_box){box->x, box->y, box->width, box->height};
}

void window_close(struct window *window)
{
    if (window->toplevel)
        wlr_xdg_toplevel_send_close(window->toplevel);
    else
        wlr_xdg_popup_destroy(window->popup);
}

/* ---- what the client does ---- */

static struct window *root_of(struct window *window)
{
    while (window && window->popup)
        window = parent_of(window);
    return window;
}

/* Where it will be, as far as this side can tell; dom0 has the last word about what is seen. */
static void place_popup(struct window *window)
{
    struct window *root = root_of(window);

    if (root && !wlr_box_empty(&root->popup_area)) {
        struct wlr_box area = root->popup_area, geometry;

        wlr_xdg_surface_get_geometry(root->xdg, &geometry);
        area.x += geometry.x;
        area.y += geometry.y;
        wlr_xdg_popup_unconstrain_from_box(window->popup, &area);
    } else {
        wlr_xdg_surface_schedule_configure(window->xdg);
    }
}

static void handle_commit(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, commit);

    if (!window->xdg->initial_commit)
        return; /* the content's listener marks the window */
    if (window->toplevel)
        wlr_xdg_toplevel_set_size(window->toplevel, 0, 0);
    else
        place_popup(window);
    announce(window);
}

static void handle_unmap(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, unmap);

    mark(window);
}

static void handle_set_title(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, set_title);

    if (window->announced)
        send_title(window);
}

static void handle_set_app_id(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, set_app_id);

    if (window->announced)
        send_app_id(window);
}

static void request(struct window *window, enum gui_request_kind kind, uint32_t serial, uint32_t edges)
{
    union gui_message m;

    if (!window->announced)
        return;
    gui_wire_init(&m, GUI_REQUEST, window->id, serial);
    m.as_GUI_REQUEST.kind = kind;
    m.as_GUI_REQUEST.edges = edges;
    send_message(window, &m);
}

static void handle_request_maximize(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, request_maximize);

    if (window->xdg->initialized) /* an answer is due even if dom0 changes nothing */
        wlr_xdg_surface_schedule_configure(window->xdg);
    request(window, window->toplevel->requested.maximized ? GUI_REQUEST_MAXIMISE : GUI_REQUEST_UNMAXIMISE, 0, 0);
}

static void handle_request_fullscreen(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, request_fullscreen);

    if (window->xdg->initialized)
        wlr_xdg_surface_schedule_configure(window->xdg);
    request(window, window->toplevel->requested.fullscreen ? GUI_REQUEST_FULLSCREEN : GUI_REQUEST_UNFULLSCREEN, 0, 0);
}

static void handle_request_minimize(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, request_minimize);

    request(window, GUI_REQUEST_MINIMISE, 0, 0);
}

static void handle_request_move(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, request_move);

    request(window, GUI_REQUEST_MOVE, seat_press_serial(window->agent->seat), 0);
}

static void handle_request_resize(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, request_resize);
    const struct wlr_xdg_toplevel_resize_event *event = data;

    request(window, GUI_REQUEST_RESIZE, seat_press_serial(window->agent->seat), event->edges);
}

static void handle_reposition(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, reposition);

    place_popup(window);
    if (window->announced)
        send_position(window);
}

static void forget(struct wl_listener *listener)
{
    if (listener->notify)
        wl_list_remove(&listener->link);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
    struct window *window = wl_container_of(listener, window, destroy);

    if (window->announced)
        link_send_plain(window->agent->link, GUI_SURFACE_DEL, window->id, 0);
    seat_forget_window(window->agent->seat, window);
    window->xdg->data = nullptr;
    if (window->idle)
        wl_event_source_remove(window->idle);
    struct wl_listener *listeners[] = {&window->commit,
                                       &window->unmap,
                                       &window->destroy,
                                       &window->set_title,
                                       &window->set_app_id,
                                       &window->request_maximize,
                                       &window->request_fullscreen,
                                       &window->request_minimize,
                                       &window->request_move,
                                       &window->request_resize,
                                       &window->reposition};
    for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++)
        forget(listeners[i]);
    wl_list_remove(&window->link);
    free(window);
}

static void listen(struct wl_signal *signal, struct wl_listener *listener, wl_notify_func_t handler)
{
    listener->notify = handler;
    wl_signal_add(signal, listener);
}

static struct window *window_create(struct agent *agent, struct wlr_xdg_surface *xdg)
{
    struct window *window = calloc(1, sizeof(*window));

    if (!window) {
        wl_resource_post_no_memory(xdg->resource);
        return nullptr;
    }
    window->agent = agent;
    window->xdg = xdg;
    window->id = agent_new_id(agent);
    xdg->data = window;
    wl_list_insert(agent->windows.prev, &window->link);
    listen(&xdg->surface->events.commit, &window->commit, handle_commit);
    listen(&xdg->surface->events.unmap, &window->unmap, handle_unmap);
    return window;
}

void window_new_toplevel(struct agent *agent, struct wlr_xdg_toplevel *toplevel)
{
    struct window *window = window_create(agent, toplevel->base);

    if (!window)
        return;
    window->toplevel = toplevel;
    listen(&toplevel->events.destroy, &window->destroy, handle_destroy);
    listen(&toplevel->events.set_title, &window->set_title, handle_set_title);
    listen(&toplevel->events.set_app_id, &window->set_app_id, handle_set_app_id);
    listen(&toplevel->events.request_maximize, &window->request_maximize, handle_request_maximize);
    listen(&toplevel->events.request_fullscreen, &window->request_fullscreen, handle_request_fullscreen);
    listen(&toplevel->events.request_minimize, &window->request_minimize, handle_request_minimize);
    listen(&toplevel->events.request_move, &window->request_move, handle_request_move);
    listen(&toplevel->events.request_resize, &window->request_resize, handle_request_resize);
}

void window_new_popup(struct agent *agent, struct wlr_xdg_popup *popup)
{
    struct window *window = window_create(agent, popup->base);

    if (!window)
        return;
    window->popup = popup;
    listen(&popup->events.destroy, &window->destroy, handle_destroy);
    listen(&popup->events.reposition, &window->reposition, handle_reposition);
}
