/* content.c - see content.h */
#include "content.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>
#include "agent.h"
#include "common/log.h"
#include "link.h"
#include "window.h"

enum {
    STEP = 64, /* buffers grow in such steps, so that dragging a corner does not make a new one for every pixel */
    PAGE = 4096,
};

/* ---- slots ---- */

static void announce(struct slot *slot)
{
    struct link *link = slot->agent->link;
    union gui_message m;

    gui_wire_init(&m, GUI_BUFFER_NEW, slot->id, 0);
    m.as_GUI_BUFFER_NEW.width = slot->width;
    m.as_GUI_BUFFER_NEW.height = slot->height;
    m.as_GUI_BUFFER_NEW.stride = slot->width * 4;
    m.as_GUI_BUFFER_NEW.format = slot->format;
    m.as_GUI_BUFFER_NEW.pages = slot->pages.count;
    link_send(link, &m);
    for (uint32_t first = 0; first < slot->pages.count; first += GUI_REFS_PER_MESSAGE) {
        uint32_t left = slot->pages.count - first;
        uint32_t count = left < GUI_REFS_PER_MESSAGE ? left : GUI_REFS_PER_MESSAGE;

        gui_wire_init(&m, GUI_BUFFER_REFS, slot->id, 0);
        m.as_GUI_BUFFER_REFS.first = first;
        m.as_GUI_BUFFER_REFS.count = count;
        memcpy(m.as_GUI_BUFFER_REFS.refs, slot->pages.refs + first, count * sizeof(uint32_t));
        link_send(link, &m);
    }
}

static struct slot *slot_create(struct agent *agent, uint32_t width, uint32_t height, uint32_t format)
{
    struct slot *slot = calloc(1, sizeof(*slot));

    if (!slot)
        return nullptr;
    int r = pages_alloc(&slot->pages, (width * height * 4 + PAGE - 1) / PAGE);
    if (r < 0) {
        errno = -r;
        log_error("no pages for a window of %ux%u: %m; is the limit of module xen-gntalloc too low?", width, height);
        free(slot);
        return nullptr;
    }
    slot->agent = agent;
    slot->id = agent_new_id(agent);
    slot->width = width;
    slot->height = height;
    slot->format = format;
    pixman_region32_init_rect(&slot->stale, 0, 0, width, height);
    wl_list_insert(&agent->slots, &slot->link);
    announce(slot);
    return slot;
}

static void slot_free(struct slot *slot)
{
    wl_list_remove(&slot->link);
    pages_free(&slot->pages);
    pixman_region32_fini(&slot->stale);
    free(slot);
}

/* No longer needed here; its pages are given back when dom0 has let go of them. */
static void slot_delete(struct slot *slot)
{
    if (!slot)
        return;
    slot->dying = true;
    link_send_plain(slot->agent->link, GUI_BUFFER_DEL, slot->id, 0);
}

static struct slot *slot_find(struct agent *agent, uint32_t id)
{
    struct slot *slot;

    wl_list_for_each (slot, &agent->slots, link)
        if (slot->id == id)
            return slot;
    return nullptr;
}

void slot_released(struct agent *agent, uint32_t id)
{
    struct slot *slot = slot_find(agent, id);

    if (slot)
        slot->busy = false;
}

void slot_gone(struct agent *agent, uint32_t id)
{
    struct slot *slot = slot_find(agent, id);

    if (slot && slot->dying)
        slot_free(slot);
}

void slots_forgotten(struct agent *agent)
{
    struct slot *slot, *next;

    wl_list_for_each_safe (slot, next, &agent->slots, link) {
        slot->busy = false;
        slot->id = agent_new_id(agent);
        if (slot->dying)
            slot_free(slot);
    }
}

void slots_announce(struct agent *agent)
{
    struct slot *slot;

    wl_list_for_each (slot, &agent->slots, link)
        announce(slot);
}

/* ---- the ring ---- */

static bool fits(const struct slot *slot, const struct content *content)
{
    uint32_t width = (uint32_t)content->width, height = (uint32_t)content->height;

    /* Also not much too large, or a window that was once maximised would keep its memory. */
    return slot->format == content->format && slot->width >= width && slot->height >= height &&
           (uint64_t)slot->width * slot->height <= 2ull * (width + STEP) * (height + STEP);
}

static uint32_t round_up(int size)
{
    uint32_t rounded = ((uint32_t)size + STEP - 1) / STEP * STEP;

    return rounded > GUI_SIZE_MAX ? GUI_SIZE_MAX : rounded;
}

/* A slot dom0 does not read; nullptr if there is none. */
static struct slot *take_slot(struct content *content)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = content->slots[i];

        if (slot && !fits(slot, content)) {
            slot_delete(slot);
            content->slots[i] = nullptr;
        } else if (slot && !slot->busy && slot != content->current) {
            return slot;
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        if (!content->slots[i]) {
            content->slots[i] =
                slot_create(content->agent, round_up(content->width), round_up(content->height), content->format);
            return content->slots[i];
        }
    }
    return nullptr;
}

static void copy_box(struct slot *slot, const uint8_t *from, size_t stride, const pixman_box32_t *box)
{
    size_t length = (size_t)(box->x2 - box->x1) * 4;

    for (int y = box->y1; y < box->y2; y++)
        memcpy((uint8_t *)slot->pages.address + ((size_t)y * slot->width + (size_t)box->x1) * 4,
               from + (size_t)y * stride + (size_t)box->x1 * 4, length);
}

static void copy(struct content *content, struct slot *slot, const void *from, size_t stride)
{
    int count;

    pixman_region32_intersect_rect(&slot->stale, &slot->stale, 0, 0, (unsigned int)content->width,
                                   (unsigned int)content->height);
    const pixman_box32_t *boxes = pixman_region32_rectangles(&slot->stale, &count);
    for (int i = 0; i < count; i++)
        copy_box(slot, from, stride, &boxes[i]);
    pixman_region32_clear(&slot->stale);
}

static void give_back(struct content *content)
{
    wlr_buffer_unlock(content->client);
    content->client = nullptr;
}

bool content_update(struct content *content)
{
    void *data;
    uint32_t format;
    size_t stride;

    if (!content->client)
        return true;
    if (!wlr_buffer_begin_data_ptr_access(content->client, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride)) {
        give_back(content); /* the client has truncated its memory or the like: the old picture stays */
        return true;
    }
    content->format = format == DRM_FORMAT_ARGB8888 ? GUI_ARGB8888 : GUI_XRGB8888;
    struct slot *slot = take_slot(content);
    if (slot) {
        copy(content, slot, data, stride);
        slot->busy = true;
        content->current = slot;
    }
    wlr_buffer_end_data_ptr_access(content->client);
    if (slot)
        give_back(content);
    return slot;
}

static void add_damage(struct gui_node *node, const pixman_region32_t *damage)
{
    int count;
    const pixman_box32_t *boxes = pixman_region32_rectangles(damage, &count);

    if (count > GUI_DAMAGE_MAX) {
        boxes = pixman_region32_extents(damage);
        count = 1;
    }
    for (int i = 0; i < count; i++)
        node->damage[i] =
            (struct gui_box){boxes[i].x1, boxes[i].y1, boxes[i].x2 - boxes[i].x1, boxes[i].y2 - boxes[i].y1};
    node->damage_count = (uint32_t)count;
}

static bool is_opaque(struct wlr_surface *surface, uint32_t format)
{
    pixman_box32_t all = {0, 0, surface->current.width, surface->current.height};

    return format == GUI_XRGB8888 ||
           pixman_region32_contains_rectangle(&surface->opaque_region, &all) == PIXMAN_REGION_IN;
}

/* The smallest box of whole pixels around it, never empty. */
static struct gui_box whole_pixels(const struct wlr_fbox *box)
{
    int x = (int)box->x, y = (int)box->y, right = (int)(box->x + box->width), bottom = (int)(box->y + box->height);

    right += right < box->x + box->width || right == x;
    bottom += bottom < box->y + box->height || bottom == y;
    return (struct gui_box){x, y, right - x, bottom - y};
}

bool content_node(struct content *content, int x, int y, struct gui_node *node)
{
    struct wlr_surface *surface = content->surface;
    struct wlr_fbox source;

    if (!content->current || surface->current.width < 1 || surface->current.height < 1)
        return false;
    wlr_surface_get_buffer_source_box(surface, &source);
    content->current->busy = true;
    node->buffer = content->current->id;
    node->flags = is_opaque(surface, content->format) ? GUI_NODE_OPAQUE : 0;
    node->source = whole_pixels(&source);
    node->destination = (struct gui_box){x, y, surface->current.width, surface->current.height};
    pixman_region32_intersect_rect(&content->unsent, &content->unsent, 0, 0, (unsigned int)content->width,
                                   (unsigned int)content->height);
    add_damage(node, &content->unsent);
    pixman_region32_clear(&content->unsent);
    return true;
}

/* ---- the client ---- */

void content_damage_all(struct content *content)
{
    pixman_region32_union_rect(&content->unsent, &content->unsent, 0, 0, (unsigned int)content->width,
                               (unsigned int)content->height);
    for (int i = 0; i < SLOTS; i++)
        if (content->slots[i])
            pixman_region32_union_rect(&content->slots[i]->stale, &content->slots[i]->stale, 0, 0,
                                       content->slots[i]->width, content->slots[i]->height);
}

/* Takes the buffer over from wlroots, which would keep it until the next commit. */
static void take_buffer(struct content *content)
{
    struct wlr_surface *surface = content->surface;
    struct wlr_buffer *buffer = surface->current.buffer;

    if (!buffer || buffer->width > GUI_SIZE_MAX || buffer->height > GUI_SIZE_MAX)
        return;
    surface->current.buffer = nullptr;
    if (content->client)
        give_back(content);
    content->client = buffer;
    if (buffer->width != content->width || buffer->height != content->height) {
        content->width = buffer->width;
        content->height = buffer->height;
        content_damage_all(content);
    }
    pixman_region32_union(&content->unsent, &content->unsent, &surface->buffer_damage);
    for (int i = 0; i < SLOTS; i++)
        if (content->slots[i])
            pixman_region32_union(&content->slots[i]->stale, &content->slots[i]->stale, &surface->buffer_damage);
}

static void handle_surface_commit(struct wl_listener *listener, void *data)
{
    struct content *content = wl_container_of(listener, content, commit);

    if (content->surface->current.committed & WLR_SURFACE_STATE_BUFFER)
        take_buffer(content);
    window_surface_changed(content->agent, content->surface);
}

static void handle_surface_destroy(struct wl_listener *listener, void *data)
{
    struct content *content = wl_container_of(listener, content, destroy);

    if (content->client)
        give_back(content);
    for (int i = 0; i < SLOTS; i++)
        slot_delete(content->slots[i]);
    wl_list_remove(&content->commit.link);
    wl_list_remove(&content->destroy.link);
    wlr_addon_finish(&content->addon);
    pixman_region32_fini(&content->unsent);
    free(content);
}

static void handle_addon_destroy(struct wlr_addon *addon)
{
    /* The surface's destroy event comes first and removes the addon. */
}

static const struct wlr_addon_interface addon_impl = {.name = "atoll content", .destroy = handle_addon_destroy};

void content_create(struct agent *agent, struct wlr_surface *surface)
{
    struct content *content = calloc(1, sizeof(*content));

    if (!content) {
        wl_resource_post_no_memory(surface->resource);
        return;
    }
    content->agent = agent;
    content->surface = surface;
    pixman_region32_init(&content->unsent);
    wlr_addon_init(&content->addon, &surface->addons, agent, &addon_impl);
    content->commit.notify = handle_surface_commit;
    wl_signal_add(&surface->events.commit, &content->commit);
    content->destroy.notify = handle_surface_destroy;
    wl_signal_add(&surface->events.destroy, &content->destroy);
    wlr_surface_send_enter(surface, agent->output);
}

struct content *content_of(struct agent *agent, struct wlr_surface *surface)
{
    struct wlr_addon *addon = wlr_addon_find(&surface->addons, agent, &addon_impl);
    struct content *content = addon ? wl_container_of(addon, content, addon) : nullptr;

    return content;
}
