/* window.h - a toplevel or popup of a client, and what dom0 knows of it */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>
#include "common/gui_wire.h"

struct agent;
struct content;
struct wlr_surface;
struct wlr_xdg_surface;
struct wlr_xdg_toplevel;
struct wlr_xdg_popup;

struct window {
    struct agent *agent;
    struct wl_list link; /* agent->windows, parents before their popups */
    uint32_t id;
    struct wlr_xdg_surface *xdg;
    struct wlr_xdg_toplevel *toplevel; /* one of the two */
    struct wlr_xdg_popup *popup;
    bool announced;                       /* dom0 knows the id */
    bool shown;                           /* and shows it */
    bool changed;                         /* since the last COMMIT */
    bool in_flight;                       /* the last COMMIT has not been shown: the next one waits */
    struct wl_event_source *idle;         /* looks at `changed` */
    uint32_t configure, configure_xdg;    /* the serial of the last CONFIGURE, dom0's and the client's */
    uint32_t answered;                    /* the last one that a COMMIT named */
    struct gui_hints hints;               /* as told to dom0 */
    struct wlr_box popup_area;            /* where popups may be, in the window geometry; empty: not known */
    struct content *nodes[GUI_NODES_MAX]; /* of the last COMMIT, only to compare */
    uint32_t node_count;
    struct wl_listener commit, unmap, destroy;
    struct wl_listener set_title, set_app_id, request_maximize, request_fullscreen, request_minimize, request_move,
        request_resize, reposition;
};

void window_new_toplevel(struct agent *agent, struct wlr_xdg_toplevel *toplevel);
void window_new_popup(struct agent *agent, struct wlr_xdg_popup *popup);
[[nodiscard]] struct window *window_find(struct agent *agent, uint32_t id);

/* Something in the tree of this wl_surface was committed. */
void window_surface_changed(struct agent *agent, struct wlr_surface *surface);

/* A slot has become free: windows that wait for one go on. */
void windows_retry(struct agent *agent);

/* dom0's side has gone; is back. */
void windows_forgotten(struct agent *agent);
void windows_announce(struct agent *agent);

/* What dom0 says. */
void window_configure(struct window *window, const struct gui_configure *message);
void window_frame_done(struct window *window);
void window_popup_area(struct window *window, const struct gui_box *box);
void window_close(struct window *window);
