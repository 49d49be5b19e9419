/* server.h - the compositor as a whole: what the parts share */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

struct fcft_font;
struct window;
struct vm;
struct popup;

/* Back to front. */
enum layer { LAYER_BACKGROUND, LAYER_WINDOWS, LAYER_POPUPS, LAYER_COUNT };

struct server {
    struct wl_display *display;
    struct wl_event_loop *loop;
    struct wlr_backend *backend;
    struct wlr_session *session; /* nullptr without one (headless) */
    struct wlr_renderer *renderer;
    struct wlr_allocator *allocator;
    struct wlr_scene *scene;
    struct wlr_scene_output_layout *scene_layout;
    struct wlr_output_layout *layout;
    struct wlr_scene_tree *layers[LAYER_COUNT];
    struct wlr_scene_rect *background;
    struct fcft_font *font;

    struct wl_list outputs; /* struct output */
    struct wl_list windows; /* struct window, the front one first */
    struct wl_list popups;  /* struct popup, the front one first */
    struct wl_list vms;     /* struct vm: connections with VMs */
    unsigned int windows_made;

    struct window *focus; /* has the keyboard; nullptr: nobody */
    struct input *input;
    struct local *local;
    struct broker_link *broker;
    struct debug *debug; /* test builds only */
    uint32_t serial;     /* of events sent to VMs */
    uint32_t launched;   /* when the user last asked for a terminal, ms */

    struct wl_listener new_output, layout_change;
};

struct server_options {
    const char *socket; /* of dom0's own Wayland clients; nullptr: none */
    const char *broker; /* nullptr: none */
    const char *debug;  /* test builds only */
};

[[nodiscard]] bool server_start(struct server *server, const struct server_options *options);
void server_finish(struct server *server);

/* Where windows may be: the output's box in layout coordinates that has most of `near`, or the first. */
[[nodiscard]] struct wlr_box server_work_area(struct server *server, const struct wlr_box *near);

/* dom0's monotonic clock, ms. */
[[nodiscard]] uint32_t server_now(void);

/* The next serial for events, never 0. */
[[nodiscard]] uint32_t server_serial(struct server *server);

/* Gives `window` (or nobody) the keyboard and brings it to the front. */
void server_focus(struct server *server, struct window *window);

/* Starts a dom0 terminal through the broker. */
void server_launch_terminal(struct server *server);
