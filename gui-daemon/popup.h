/* popup.h - a VM's popup: a thin border of the VM's colour, near its parent, on the screen, while the VM has the focus
 */
#pragma once
#include <wayland-server-core.h>
#include <wlr/util/box.h>
#include "common/gui_wire.h"

struct server;
struct surface;
struct vm;
struct wlr_scene_tree;
struct wlr_scene_rect;

struct popup {
    struct wl_list link; /* server->popups */
    struct surface *surface;
    struct surface *parent; /* nullptr when it has gone: nothing is shown any more */
    struct wlr_scene_tree *tree;
    struct wlr_scene_rect *border, *backing;
    struct gui_box wanted; /* relative to the parent's geometry */
    struct wlr_box inner;  /* layout coordinates */
    bool placed;           /* POSITIONER came */
    bool mapped;
};

/* Makes a new popup (sets surface->popup and ->tree). Refuses too deep ones, and VMs that do not have the focus. */
[[nodiscard]] bool popup_create(struct surface *surface, struct surface *parent);
void popup_destroy(struct popup *popup);

void popup_position(struct popup *popup, const struct gui_box *untrusted);

/* The surface has a new state. */
void popup_commit(struct popup *popup);

/* `parent` goes away: its popups are hidden and the VM is told. */
void popup_orphan(struct surface *parent);

/* Tells VMs other than `except` (nullptr: all) to take their popups back, and hides them. */
void popup_dismiss(struct server *server, const struct vm *except);
