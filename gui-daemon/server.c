/* server.c - see server.h */
#include "server.h"

#include <stdlib.h>
#include <time.h>
#include <wlr/backend.h>
#include <wlr/render/allocator.h>
#include <wlr/render/pixman.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_scene.h>
#include "broker_link.h"
#include "common/log.h"
#include "debug.h"
#include "input.h"
#include "local.h"
#include "output.h"
#include "text.h"
#include "vm.h"
#include "window.h"

static const float background_colour[4] = {0x20 / 255.0f, 0x28 / 255.0f, 0x30 / 255.0f, 1.0f};
static const struct wlr_box no_output = {0, 0, 1024, 768};

uint32_t server_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

uint32_t server_serial(struct server *server)
{
    if (!++server->serial)
        server->serial = 1;
    return server->serial;
}

struct wlr_box server_work_area(struct server *server, const struct wlr_box *near)
{
    struct wlr_box best = no_output;
    struct output *output;
    int most = -1;

    wl_list_for_each (output, &server->outputs, link) {
        struct wlr_box box, common;

        wlr_output_layout_get_box(server->layout, output->wlr_output, &box);
        int area = near && wlr_box_intersection(&common, near, &box) ? common.width * common.height : 0;
        if (!wlr_box_empty(&box) && area > most) {
            most = area;
            best = box;
        }
    }
    return best;
}

static void server_layout_changed(struct server *server)
{
    struct wlr_box all;
    struct vm *vm;

    wlr_output_layout_get_box(server->layout, nullptr, &all);
    wlr_scene_node_set_position(&server->background->node, all.x, all.y);
    wlr_scene_rect_set_size(server->background, all.width, all.height);
    window_clamp_all(server);
    wl_list_for_each (vm, &server->vms, link)
        vm_send_outputs(vm);
}

void server_launch_terminal(struct server *server)
{
    server->launched = server_now();
    if (server->broker)
        broker_link_terminal(server->broker);
}

static void handle_layout_change(struct wl_listener *listener, void *data)
{
    struct server *server = wl_container_of(listener, server, layout_change);

    server_layout_changed(server);
}

static bool create_scene(struct server *server)
{
    server->scene = wlr_scene_create();
    server->layout = wlr_output_layout_create(server->display);
    if (!server->scene || !server->layout)
        return false;
    server->scene_layout = wlr_scene_attach_output_layout(server->scene, server->layout);
    for (int i = 0; i < LAYER_COUNT; i++) {
        server->layers[i] = wlr_scene_tree_create(&server->scene->tree);
        if (!server->layers[i])
            return false;
    }
    server->background = wlr_scene_rect_create(server->layers[LAYER_BACKGROUND], 0, 0, background_colour);
    server->layout_change.notify = handle_layout_change;
    wl_signal_add(&server->layout->events.change, &server->layout_change);
    return server->scene_layout && server->background;
}

static bool create_backend(struct server *server)
{
    server->backend = wlr_backend_autocreate(server->loop, &server->session);
    if (!server->backend) {
        log_error("no screen: run as a user that seatd lets in, or set WLR_BACKENDS=headless");
        return false;
    }
    server->renderer = wlr_pixman_renderer_create();
    if (server->renderer)
        server->allocator = wlr_allocator_autocreate(server->backend, server->renderer);
    if (!server->allocator)
        log_error("no memory for pictures can be had from the screen's driver");
    return server->allocator;
}

bool server_start(struct server *server, const struct server_options *options)
{
    wl_list_init(&server->outputs);
    wl_list_init(&server->windows);
    wl_list_init(&server->popups);
    wl_list_init(&server->vms);
    server->launched = server_now() - 1000000;
    server->display = wl_display_create();
    if (!server->display)
        return false;
    server->loop = wl_display_get_event_loop(server->display);
    server->font = text_font_open();
    if (!server->font || !create_backend(server) || !create_scene(server))
        return false;
    server->input = input_create(server);
    if (!server->input)
        return false;
    server->new_output.notify = handle_server_new_output;
    wl_signal_add(&server->backend->events.new_output, &server->new_output);
    if (options->socket && !(server->local = local_create(server, options->socket)))
        return false;
    if (options->broker && !(server->broker = broker_link_create(server, options->broker)))
        return false;
    if (!debug_start(server, options->debug))
        return false;
    if (!wlr_backend_start(server->backend)) {
        log_error("the screen or the input devices cannot be started");
        return false;
    }
    return true;
}

void server_finish(struct server *server)
{
    struct vm *vm, *next;

    wl_display_destroy_clients(server->display);
    wl_list_for_each_safe (vm, next, &server->vms, link)
        vm_destroy(vm);
    debug_finish(server);
    broker_link_destroy(server->broker);
    local_destroy(server->local);
    wl_list_remove(&server->new_output.link);
    wl_list_remove(&server->layout_change.link);
    input_destroy(server->input);
    server->input = nullptr;
    wlr_backend_destroy(server->backend);
    wlr_scene_node_destroy(&server->scene->tree.node);
    wlr_allocator_destroy(server->allocator);
    wlr_renderer_destroy(server->renderer);
    wl_display_destroy(server->display);
    text_font_close(server->font);
}
