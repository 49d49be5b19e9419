/* popup.c - see popup.h */
#include "popup.h"

#include <stdlib.h>
#include <wlr/types/wlr_scene.h>
#include "guest_window.h"
#include "input.h"
#include "placement.h"
#include "server.h"
#include "surface.h"
#include "vm.h"

enum { DEPTH_MAX = 8 };

static const float backing_colour[4] = {0.25f, 0.25f, 0.25f, 1.0f};

static int depth(const struct surface *surface)
{
    int n = 0;

    while (surface && surface->popup) {
        surface = surface->popup->parent;
        n++;
    }
    return n;
}

static bool has_focus(const struct vm *vm)
{
    const struct window *focus = vm->server->focus;

    return focus && focus->vm == vm;
}

/* The box of a parent's content on the screen; false if it is not shown. */
static bool box_of(const struct surface *surface, struct wlr_box *box)
{
    if (!surface)
        return false;
    *box = surface->window ? surface->window->base.inner : surface->popup->inner;
    return surface->window ? surface->window->base.mapped : surface->popup->mapped;
}

bool popup_create(struct surface *surface, struct surface *parent)
{
    struct server *server = surface->vm->server;
    uint32_t rgb = surface->vm->colour;
    float colour[4] = {(float)(rgb >> 16 & 0xff) / 255.0f, (float)(rgb >> 8 & 0xff) / 255.0f,
                       (float)(rgb & 0xff) / 255.0f, 1.0f};

    if (depth(parent) >= DEPTH_MAX)
        return false;
    struct popup *popup = calloc(1, sizeof(*popup));
    if (!popup)
        return false;
    popup->tree = wlr_scene_tree_create(server->layers[LAYER_POPUPS]);
    if (!popup->tree) {
        free(popup);
        return false;
    }
    wlr_scene_node_set_enabled(&popup->tree->node, false);
    popup->border = wlr_scene_rect_create(popup->tree, 0, 0, colour);
    popup->backing = wlr_scene_rect_create(popup->tree, 0, 0, backing_colour);
    surface->tree = wlr_scene_tree_create(popup->tree);
    if (!popup->border || !popup->backing || !surface->tree) {
        wlr_scene_node_destroy(&popup->tree->node);
        free(popup);
        return false;
    }
    popup->surface = surface;
    popup->parent = parent;
    surface->popup = popup;
    wl_list_insert(&server->popups, &popup->link);
    return true;
}

static void hide(struct popup *popup)
{
    popup->mapped = false;
    wlr_scene_node_set_enabled(&popup->tree->node, false);
    input_forget_popup(popup->surface->vm->server, popup);
}

void popup_destroy(struct popup *popup)
{
    hide(popup);
    wl_list_remove(&popup->link);
    wlr_scene_node_destroy(&popup->tree->node);
    free(popup);
}

/* Puts the popup where it wants to be as far as it may. */
static void place(struct popup *popup)
{
    struct surface *surface = popup->surface;
    struct wlr_box parent;

    if (!box_of(popup->parent, &parent))
        return;
    struct wlr_box area = server_work_area(surface->vm->server, &parent);
    struct wlr_box wanted = {parent.x + popup->wanted.x, parent.y + popup->wanted.y, surface->width, surface->height};
    struct wlr_box box = placement_popup(&wanted, &parent, &area);

    popup->inner = box;
    wlr_scene_node_set_position(&popup->tree->node, box.x, box.y);
    wlr_scene_node_set_position(&popup->border->node, -POPUP_BORDER, -POPUP_BORDER);
    wlr_scene_rect_set_size(popup->border, box.width + 2 * POPUP_BORDER, box.height + 2 * POPUP_BORDER);
    wlr_scene_rect_set_size(popup->backing, box.width, box.height);
    surface_clip(surface, box.width, box.height);
}

void popup_position(struct popup *popup, const struct gui_box *untrusted)
{
    popup->wanted = *untrusted;
    popup->placed = true;
    if (popup->mapped)
        place(popup);
}

void popup_commit(struct popup *popup)
{
    struct surface *surface = popup->surface;
    struct wlr_box parent;
    bool show = surface->node_count && popup->placed && box_of(popup->parent, &parent);

    if (!show) {
        hide(popup);
        return;
    }
    /* Only a window the user is working with may put something over others. */
    if (!popup->mapped && !has_focus(surface->vm)) {
        vm_send_plain(surface->vm, GUI_POPUP_DONE, surface->id, server_serial(surface->vm->server));
        return;
    }
    popup->mapped = true;
    place(popup);
    wlr_scene_node_set_enabled(&popup->tree->node, true);
    input_refresh_pointer(surface->vm->server);
}

void popup_orphan(struct surface *parent)
{
    struct popup *popup;

    wl_list_for_each (popup, &parent->vm->server->popups, link) {
        if (popup->parent != parent)
            continue;
        hide(popup);
        popup->parent = nullptr;
        vm_send_plain(parent->vm, GUI_POPUP_DONE, popup->surface->id, 0);
    }
}

void popup_dismiss(struct server *server, const struct vm *except)
{
    struct popup *popup;

    wl_list_for_each (popup, &server->popups, link) {
        struct vm *vm = popup->surface->vm;

        if (!popup->mapped || vm == except)
            continue;
        hide(popup);
        vm_send_plain(vm, GUI_POPUP_DONE, popup->surface->id, server_serial(server));
    }
}
