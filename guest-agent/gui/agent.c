/* agent.c - see agent.h */
#include "agent.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <wlr/backend/headless.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_data_device.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_primary_selection_v1.h>
#include <wlr/types/wlr_shm.h>
#include <wlr/types/wlr_single_pixel_buffer_v1.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_xdg_decoration_v1.h>
#include <wlr/types/wlr_xdg_output_v1.h>
#include <wlr/types/wlr_xdg_shell.h>
#include "common/log.h"
#include "content.h"
#include "decoration.h"
#include "link.h"
#include "seat.h"
#include "window.h"

enum {
    COMPOSITOR_VERSION = 6,
    XDG_SHELL_VERSION = 5,
    SHM_VERSION = 1,
    FIRST_WIDTH = 1024, /* until dom0 tells the size of its screen */
    FIRST_HEIGHT = 768,
};

uint32_t agent_new_id(struct agent *agent)
{
    if (!++agent->ids)
        agent->ids = 1;
    return agent->ids;
}

void agent_connected(struct agent *agent)
{
    slots_announce(agent);
    seat_announce(agent->seat);
    windows_announce(agent);
}

void agent_disconnected(struct agent *agent)
{
    slots_forgotten(agent);
    windows_forgotten(agent);
    seat_focus(agent->seat, nullptr);
    seat_pointer_leave(agent->seat);
}

void agent_set_output(struct agent *agent, int width, int height)
{
    struct wlr_output_state state;

    wlr_output_state_init(&state);
    wlr_output_state_set_enabled(&state, true);
    wlr_output_state_set_custom_mode(&state, width, height, 60000);
    if (!wlr_output_commit_state(agent->output, &state))
        log_warning("the output cannot be %dx%d", width, height);
    wlr_output_state_finish(&state);
}

static void handle_new_surface(struct wl_listener *listener, void *data)
{
    struct agent *agent = wl_container_of(listener, agent, new_surface);

    content_create(agent, data);
}

static void handle_new_toplevel(struct wl_listener *listener, void *data)
{
    struct agent *agent = wl_container_of(listener, agent, new_toplevel);

    window_new_toplevel(agent, data);
}

static void handle_new_popup(struct wl_listener *listener, void *data)
{
    struct agent *agent = wl_container_of(listener, agent, new_popup);

    window_new_popup(agent, data);
}

static bool create_output(struct agent *agent)
{
    agent->backend = wlr_headless_backend_create(agent->loop);
    if (!agent->backend || !wlr_backend_start(agent->backend))
        return false;
    agent->output = wlr_headless_add_output(agent->backend, FIRST_WIDTH, FIRST_HEIGHT);
    agent->layout = wlr_output_layout_create(agent->display);
    if (!agent->output || !agent->layout)
        return false;
    agent_set_output(agent, FIRST_WIDTH, FIRST_HEIGHT);
    wlr_output_create_global(agent->output, agent->display);
    return wlr_output_layout_add_auto(agent->layout, agent->output) &&
           wlr_xdg_output_manager_v1_create(agent->display, agent->layout);
}

/* What clients in this VM are offered. Nothing of it reaches dom0 as such. */
static bool create_globals(struct agent *agent)
{
    static const uint32_t formats[] = {DRM_FORMAT_ARGB8888, DRM_FORMAT_XRGB8888};
    struct wlr_compositor *compositor = wlr_compositor_create(agent->display, COMPOSITOR_VERSION, nullptr);
    struct wlr_xdg_shell *shell = wlr_xdg_shell_create(agent->display, XDG_SHELL_VERSION);

    if (!compositor || !shell || !wlr_shm_create(agent->display, SHM_VERSION, formats, 2) ||
        !wlr_subcompositor_create(agent->display) || !wlr_data_device_manager_create(agent->display) ||
        !wlr_primary_selection_v1_device_manager_create(agent->display) || !wlr_viewporter_create(agent->display) ||
        !decoration_create(agent->display))
        return false;
    agent->new_surface.notify = handle_new_surface;
    wl_signal_add(&compositor->events.new_surface, &agent->new_surface);
    agent->new_toplevel.notify = handle_new_toplevel;
    wl_signal_add(&shell->events.new_toplevel, &agent->new_toplevel);
    agent->new_popup.notify = handle_new_popup;
    wl_signal_add(&shell->events.new_popup, &agent->new_popup);
    return true;
}

bool agent_start(struct agent *agent, const char *socket)
{
    wl_list_init(&agent->windows);
    wl_list_init(&agent->slots);
    agent->display = wl_display_create();
    if (!agent->display)
        return false;
    agent->loop = wl_display_get_event_loop(agent->display);
    if (!create_output(agent) || !create_globals(agent))
        return false;
    agent->seat = seat_create(agent);
    if (!agent->seat)
        return false;
    if (wl_display_add_socket(agent->display, socket) < 0) {
        log_error("cannot listen on %s in %s: %m", socket, getenv("XDG_RUNTIME_DIR"));
        return false;
    }
    agent->link = link_create(agent);
    return agent->link;
}

void agent_finish(struct agent *agent)
{
    wl_display_destroy_clients(agent->display);
    link_destroy(agent->link);
    agent->link = nullptr;
    wl_list_remove(&agent->new_surface.link);
    wl_list_remove(&agent->new_toplevel.link);
    wl_list_remove(&agent->new_popup.link);
    seat_destroy(agent->seat);
    wlr_backend_destroy(agent->backend);
    wl_display_destroy(agent->display);
}
