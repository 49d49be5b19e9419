/* output.c - see output.h */
#include "output.h"

#include <stdlib.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_scene.h>
#include "common/log.h"
#include "server.h"
#include "vm.h"
#include "window.h"

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void arm(struct output *output, int ms)
{
    output->timer_armed = true;
    wl_event_source_timer_update(output->timer, ms < 1 ? 1 : ms);
}

static void render(struct output *output)
{
    struct timespec now;

    if (!wlr_scene_output_commit(output->scene_output, nullptr)) {
        output->refused++;
        arm(output, OUTPUT_RETRY_MS); /* the driver sends no frame event for a frame it refused */
        return;
    }
    output->frames++;
    output->last = now_ns();
    clock_gettime(CLOCK_MONOTONIC, &now);
    wlr_scene_output_send_frame_done(output->scene_output, &now);
}

static int handle_output_timer(void *data)
{
    struct output *output = data;

    output->timer_armed = false;
    render(output);
    return 0;
}

static void handle_output_frame(struct wl_listener *listener, void *data)
{
    struct output *output = wl_container_of(listener, output, frame);
    int64_t early = OUTPUT_INTERVAL_MS * 1000000LL - (now_ns() - output->last);

    if (output->timer_armed)
        return;
    if (early > 0)
        arm(output, (int)((early + 999999) / 1000000));
    else
        render(output);
}

static void handle_output_commit(struct wl_listener *listener, void *data)
{
#ifdef GUI_TEST
    struct output *output = wl_container_of(listener, output, commit);
    const struct wlr_output_event_commit *event = data;

    if (event->state->committed & WLR_OUTPUT_STATE_BUFFER) {
        struct wlr_buffer *shown = wlr_buffer_lock(event->state->buffer);

        wlr_buffer_unlock(output->shown);
        output->shown = shown;
    }
#endif
}

static void handle_output_request_state(struct wl_listener *listener, void *data)
{
    struct output *output = wl_container_of(listener, output, request_state);
    const struct wlr_output_event_request_state *event = data;

    if (!wlr_output_commit_state(output->wlr_output, event->state))
        log_warning("output %s: a change of its state was refused", output->wlr_output->name);
}

static void handle_output_destroy(struct wl_listener *listener, void *data)
{
    struct output *output = wl_container_of(listener, output, destroy);

    wl_list_remove(&output->frame.link);
    wl_list_remove(&output->request_state.link);
    wl_list_remove(&output->commit.link);
    wl_list_remove(&output->destroy.link);
    wl_list_remove(&output->link);
    wl_event_source_remove(output->timer);
    wlr_buffer_unlock(output->shown);
    free(output);
}

/* Turns it on in its best mode. */
static bool enable(struct wlr_output *wlr_output)
{
    struct wlr_output_mode *mode = wlr_output_preferred_mode(wlr_output);
    struct wlr_output_state state;

    wlr_output_state_init(&state);
    wlr_output_state_set_enabled(&state, true);
    if (mode)
        wlr_output_state_set_mode(&state, mode);
    bool done = wlr_output_commit_state(wlr_output, &state);
    wlr_output_state_finish(&state);
    return done;
}

void handle_server_new_output(struct wl_listener *listener, void *data)
{
    struct server *server = wl_container_of(listener, server, new_output);
    struct wlr_output *wlr_output = data;

    wlr_output_init_render(wlr_output, server->allocator, server->renderer);
    struct output *output = calloc(1, sizeof(*output));
    if (!output)
        return;
    output->server = server;
    output->wlr_output = wlr_output;
    output->timer = wl_event_loop_add_timer(server->loop, handle_output_timer, output);
    wl_list_insert(server->outputs.prev, &output->link);
    output->frame.notify = handle_output_frame;
    wl_signal_add(&wlr_output->events.frame, &output->frame);
    output->request_state.notify = handle_output_request_state;
    wl_signal_add(&wlr_output->events.request_state, &output->request_state);
    output->commit.notify = handle_output_commit;
    wl_signal_add(&wlr_output->events.commit, &output->commit);
    output->destroy.notify = handle_output_destroy;
    wl_signal_add(&wlr_output->events.destroy, &output->destroy);

    output->scene_output = wlr_scene_output_create(server->scene, wlr_output);
    if (!enable(wlr_output))
        log_error("output %s cannot be turned on", wlr_output->name);
    struct wlr_output_layout_output *place = wlr_output_layout_add_auto(server->layout, wlr_output);
    wlr_scene_output_layout_add_output(server->scene_layout, place, output->scene_output);
    log_info("output %s: %dx%d", wlr_output->name, wlr_output->width, wlr_output->height);
}

void output_schedule_all(struct server *server)
{
    struct output *output;

    wl_list_for_each (output, &server->outputs, link)
        wlr_output_schedule_frame(output->wlr_output);
}
