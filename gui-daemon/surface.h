/* surface.h - a VM's toplevel or popup: nodes in the scene, cut to the box that dom0 gives them */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>
#include "common/gui_wire.h"

struct vm;
struct window;
struct commit;
struct wlr_scene_tree;
struct wlr_scene_buffer;

/* What one node of the last commit shows, and the scene node it shows it with. */
struct surface_node {
    struct surface *surface;
    struct wlr_scene_buffer *scene;
    struct gui_box source, destination;
    struct wl_listener frame_done;
};

struct surface {
    struct vm *vm;
    struct wl_list link; /* vm->surfaces */
    uint32_t id;
    enum gui_role role;
    struct guest_window *window; /* of a toplevel */
    struct popup *popup;         /* of a popup */
    struct wlr_scene_tree *tree; /* the nodes' parent, made by window or popup */
    struct surface_node *nodes[GUI_NODES_MAX];
    uint32_t node_count;
    int width, height; /* window geometry of the last commit */
    int clip_width, clip_height;
    bool frame_wanted; /* a commit was not shown yet */
};

[[nodiscard]] struct surface *surface_find(struct vm *vm, uint32_t id);

/* SURFACE_NEW. Returns a reason (a constant) if the VM may not have it. */
[[nodiscard]] const char *surface_create(struct vm *vm, const struct gui_surface_new *untrusted);
void surface_destroy(struct surface *surface);

/* A complete commit, nodes not yet compared with the VM's buffers. Returns a reason if they do not fit. */
[[nodiscard]] const char *surface_commit(struct surface *surface, const struct commit *untrusted);

/* Shows what lies in (0, 0, width, height). */
void surface_clip(struct surface *surface, int width, int height);
