/* window.h - a framed window, whoever draws its content: a VM (guest.c) or a dom0 program (local.c) */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>
#include "frame.h"

struct server;
struct window;
struct wlr_scene_tree;
struct wlr_scene_rect;
struct vm;

/* Who draws the content. */
struct window_impl {
    void (*configure)(struct window *window, int width, int height, uint32_t states, uint32_t serial);
    void (*clip)(struct window *window, int width, int height); /* the content's box changed */
    void (*close)(struct window *window);
    void (*keyboard)(struct window *window, bool enter);
    void (*key)(struct window *window, uint32_t time, uint32_t code, bool pressed);
    void (*modifiers)(struct window *window);
};

struct window {
    struct server *server;
    const struct window_impl *impl;
    struct vm *vm;               /* nullptr: dom0's own */
    struct wl_list link;         /* server->windows */
    struct wlr_scene_tree *tree; /* at the content's place; backing, content, frame */
    struct wlr_scene_rect *backing;
    struct wlr_scene_tree *content;
    struct frame frame;
    struct wlr_box inner; /* content, layout coordinates */
    bool mapped;

    /* Until the content has answered a new size, the old one stays in its frame. */
    struct wlr_box wanted;
    uint32_t edges; /* that are being dragged */
    uint32_t asked; /* serial of the CONFIGURE without an answer, 0: none */
    int asked_width, asked_height;
    struct wl_event_source *timer;
    struct wlr_box restore; /* before it was maximised */
    bool maximised, resizing;
};

/* Prepares an unmapped window. `vm` nullptr: a dom0 window. Returns false without memory. */
[[nodiscard]] bool window_init(struct window *window, struct server *server, const struct window_impl *impl,
                               struct vm *vm);

/* Takes it off the screen and out of everybody's hands; the memory stays the owner's. */
void window_finish(struct window *window);

/* Content of this size is there, as an answer to CONFIGURE `serial` (0: to none). Maps the window the first time. */
void window_content(struct window *window, int width, int height, uint32_t serial);

/* There is no content any more. */
void window_unmap(struct window *window);

/* Asks the content for a new box; the frame follows when the answer comes, or after 200 ms. */
void window_ask(struct window *window, const struct wlr_box *inner, uint32_t edges);

/* Sends the window its states (focus, maximised) again. */
void window_send_states(struct window *window);

void window_move(struct window *window, int x, int y);
void window_maximise(struct window *window, bool maximised);
void window_raise(struct window *window);

/* Puts every window back on the screen after outputs changed. */
void window_clamp_all(struct server *server);

/* Its VM's domain id or FOCUS_OWNER_DOM0, for the rules in focus.h. */
[[nodiscard]] uint32_t window_owner(const struct window *window);
