/* decoration.c - see decoration.h */
#include "decoration.h"

#include <stdlib.h>
#include <wlr/types/wlr_server_decoration.h>
#include <wlr/types/wlr_xdg_decoration_v1.h>

struct decoration {
    struct wlr_xdg_toplevel_decoration_v1 *wlr;
    struct wl_listener request_mode, commit, destroy;
};

static void decorate(struct decoration *decoration)
{
    wlr_xdg_toplevel_decoration_v1_set_mode(decoration->wlr, WLR_XDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
}

static void handle_request_mode(struct wl_listener *listener, void *data)
{
    struct decoration *decoration = wl_container_of(listener, decoration, request_mode);

    if (decoration->wlr->toplevel->base->initialized)
        decorate(decoration);
}

static void handle_commit(struct wl_listener *listener, void *data)
{
    struct decoration *decoration = wl_container_of(listener, decoration, commit);

    if (decoration->wlr->toplevel->base->initial_commit)
        decorate(decoration);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
    struct decoration *decoration = wl_container_of(listener, decoration, destroy);

    wl_list_remove(&decoration->request_mode.link);
    wl_list_remove(&decoration->commit.link);
    wl_list_remove(&decoration->destroy.link);
    free(decoration);
}

static void handle_new_decoration(struct wl_listener *listener, void *data)
{
    struct wlr_xdg_toplevel_decoration_v1 *wlr = data;
    struct decoration *decoration = calloc(1, sizeof(*decoration));

    if (!decoration)
        return;
    decoration->wlr = wlr;
    decoration->request_mode.notify = handle_request_mode;
    wl_signal_add(&wlr->events.request_mode, &decoration->request_mode);
    decoration->commit.notify = handle_commit;
    wl_signal_add(&wlr->toplevel->base->surface->events.commit, &decoration->commit);
    decoration->destroy.notify = handle_destroy;
    wl_signal_add(&wlr->events.destroy, &decoration->destroy);
}

bool decoration_create(struct wl_display *display)
{
    static struct wl_listener new_decoration = {.notify = handle_new_decoration};
    struct wlr_xdg_decoration_manager_v1 *xdg = wlr_xdg_decoration_manager_v1_create(display);
    struct wlr_server_decoration_manager *kde = wlr_server_decoration_manager_create(display);

    if (!xdg || !kde)
        return false;
    wl_signal_add(&xdg->events.new_toplevel_decoration, &new_decoration);
    wlr_server_decoration_manager_set_default_mode(kde, WLR_SERVER_DECORATION_MANAGER_MODE_SERVER);
    return true;
}
