/* output.h - a screen: paces frames, because not every driver waits for the screen's refresh */
#pragma once
#include <time.h>
#include <wayland-server-core.h>

struct server;
struct wlr_output;
struct wlr_scene_output;

enum {
    OUTPUT_INTERVAL_MS = 16, /* between two frames at least */
    OUTPUT_RETRY_MS = 50,    /* after a frame that the driver refused */
};

struct output {
    struct server *server;
    struct wl_list link; /* server->outputs */
    struct wlr_output *wlr_output;
    struct wlr_scene_output *scene_output;
    struct wl_event_source *timer; /* for the next frame */
    bool timer_armed;
    int64_t last; /* frame, ns */
    unsigned long frames, refused;
    struct wl_listener frame, request_state, commit, destroy;
    struct wlr_buffer *shown; /* the last committed picture; kept in test builds only */
};

void handle_server_new_output(struct wl_listener *listener, void *data);

/* Makes every output run its frame, also without damage. */
void output_schedule_all(struct server *server);
