/* surface.c - see surface.h */
#include "surface.h"

#include <stdlib.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>
#include "buffer.h"
#include "guest_window.h"
#include "output.h"
#include "placement.h"
#include "popup.h"
#include "server.h"
#include "vm.h"

struct surface *surface_find(struct vm *vm, uint32_t id)
{
    struct surface *surface;

    wl_list_for_each (surface, &vm->surfaces, link)
        if (surface->id == id)
            return surface;
    return nullptr;
}

const char *surface_create(struct vm *vm, const struct gui_surface_new *untrusted)
{
    bool toplevel = untrusted->role == GUI_TOPLEVEL;
    struct surface *parent = untrusted->parent ? surface_find(vm, untrusted->parent) : nullptr;

    if (surface_find(vm, untrusted->header.object))
        return "surface id in use";
    if (untrusted->parent && !parent)
        return "unknown parent";
    if (vm->surfaces_count >= GUI_SURFACES_MAX || (toplevel && vm->toplevels_count >= GUI_TOPLEVELS_MAX) ||
        (!toplevel && vm->popups_count >= GUI_POPUPS_MAX))
        return "too many windows";
    struct surface *surface = calloc(1, sizeof(*surface));
    if (!surface)
        return "no memory";
    surface->vm = vm;
    surface->id = untrusted->header.object;
    surface->role = toplevel ? GUI_TOPLEVEL : GUI_POPUP;
    if (toplevel ? !guest_window_create(surface) : !popup_create(surface, parent)) {
        free(surface);
        return "a popup that may not be there";
    }
    wl_list_insert(&vm->surfaces, &surface->link);
    vm->surfaces_count++;
    vm->toplevels_count += toplevel;
    vm->popups_count += !toplevel;
    return nullptr;
}

static void node_destroy(struct surface_node *node)
{
    wl_list_remove(&node->frame_done.link);
    wlr_scene_node_destroy(&node->scene->node);
    free(node);
}

static void trim(struct surface *surface, uint32_t count)
{
    while (surface->node_count > count)
        node_destroy(surface->nodes[--surface->node_count]);
}

void surface_destroy(struct surface *surface)
{
    bool toplevel = surface->role == GUI_TOPLEVEL;

    popup_orphan(surface);
    trim(surface, 0);
    if (toplevel)
        guest_window_destroy(surface->window);
    else
        popup_destroy(surface->popup);
    wl_list_remove(&surface->link);
    surface->vm->surfaces_count--;
    surface->vm->toplevels_count -= toplevel;
    surface->vm->popups_count -= !toplevel;
    free(surface);
}

/* Only what is visible gets here: a hidden window is not told when the screen shows a frame. */
static void handle_node_frame_done(struct wl_listener *listener, void *data)
{
    struct surface_node *node = wl_container_of(listener, node, frame_done);
    struct surface *surface = node->surface;
    union gui_message m;

    if (!surface->frame_wanted)
        return;
    surface->frame_wanted = false;
    gui_wire_init(&m, GUI_FRAME_DONE, surface->id, 0);
    m.as_GUI_FRAME_DONE.time = server_now();
    m.as_GUI_FRAME_DONE.interval = OUTPUT_INTERVAL_MS * 1000;
    vm_send(surface->vm, &m);
}

static struct surface_node *node_create(struct surface *surface)
{
    struct surface_node *node = calloc(1, sizeof(*node));

    if (!node)
        return nullptr;
    node->surface = surface;
    node->scene = wlr_scene_buffer_create(surface->tree, nullptr);
    if (!node->scene) {
        free(node);
        return nullptr;
    }
    node->frame_done.notify = handle_node_frame_done;
    wl_signal_add(&node->scene->events.frame_done, &node->frame_done);
    return node;
}

static void node_clip(struct surface_node *node, int width, int height)
{
    struct wlr_box clip = {0, 0, width, height};
    struct wlr_box to = {node->destination.x, node->destination.y, node->destination.width, node->destination.height};
    struct wlr_fbox from = {node->source.x, node->source.y, node->source.width, node->source.height};
    bool visible = placement_cut(&from, &to, &clip);

    wlr_scene_node_set_enabled(&node->scene->node, visible);
    if (!visible)
        return;
    wlr_scene_node_set_position(&node->scene->node, to.x, to.y);
    wlr_scene_buffer_set_source_box(node->scene, &from);
    wlr_scene_buffer_set_dest_size(node->scene, to.width, to.height);
}

void surface_clip(struct surface *surface, int width, int height)
{
    surface->clip_width = width;
    surface->clip_height = height;
    for (uint32_t i = 0; i < surface->node_count; i++)
        node_clip(surface->nodes[i], width, height);
}

static bool inside(const struct gui_box *untrusted, const struct guest_buffer *buffer)
{
    return untrusted->x + untrusted->width <= buffer->base.width &&
           untrusted->y + untrusted->height <= buffer->base.height; /* wire limits: no overflow, not negative */
}

/* Shows one node. The boxes were compared with the buffer. */
static void node_update(struct surface_node *node, struct guest_buffer *buffer, const struct gui_node *wire)
{
    pixman_region32_t damage;

    node->source = wire->source;
    node->destination = wire->destination;
    pixman_region32_init(&damage);
    for (uint32_t i = 0; i < wire->damage_count; i++)
        pixman_region32_union_rect(&damage, &damage, wire->damage[i].x, wire->damage[i].y,
                                   (unsigned int)wire->damage[i].width, (unsigned int)wire->damage[i].height);
    pixman_region32_intersect_rect(&damage, &damage, 0, 0, (unsigned int)buffer->base.width,
                                   (unsigned int)buffer->base.height);
    wlr_scene_buffer_set_buffer_with_damage(node->scene, &buffer->base, &damage);
    pixman_region32_fini(&damage);

    pixman_region32_init(&damage);
    if (wire->flags & GUI_NODE_OPAQUE)
        pixman_region32_union_rect(&damage, &damage, 0, 0, GUI_SIZE_MAX, GUI_SIZE_MAX);
    wlr_scene_buffer_set_opaque_region(node->scene, &damage);
    pixman_region32_fini(&damage);
}

const char *surface_commit(struct surface *surface, const struct commit *untrusted)
{
    struct guest_buffer *buffers[GUI_NODES_MAX];

    for (uint32_t i = 0; i < untrusted->count; i++) {
        buffers[i] = guest_buffer_find(surface->vm, untrusted->nodes[i].buffer);
        if (!buffers[i])
            return "unknown buffer";
        if (!inside(&untrusted->nodes[i].source, buffers[i]))
            return "source outside its buffer";
    }
    while (surface->node_count < untrusted->count) {
        struct surface_node *node = node_create(surface);

        if (!node)
            return "no memory";
        surface->nodes[surface->node_count++] = node;
    }
    /* Held meanwhile: a buffer that stays, or moves to another node, must not look released in between. */
    for (uint32_t i = 0; i < untrusted->count; i++)
        wlr_buffer_lock(&buffers[i]->base);
    for (uint32_t i = 0; i < untrusted->count; i++)
        node_update(surface->nodes[i], buffers[i], &untrusted->nodes[i]);
    trim(surface, untrusted->count);
    for (uint32_t i = 0; i < untrusted->count; i++)
        wlr_buffer_unlock(&buffers[i]->base);
    surface->width = (int)untrusted->width;
    surface->height = (int)untrusted->height;
    surface_clip(surface, surface->clip_width, surface->clip_height);
    surface->frame_wanted = untrusted->count > 0;
    if (surface->role == GUI_TOPLEVEL)
        guest_window_commit(surface->window, untrusted);
    else
        popup_commit(surface->popup);
    output_schedule_all(surface->vm->server); /* without damage there would be no frame to tell about */
    return nullptr;
}
