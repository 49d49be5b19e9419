/* content.h - what a wl_surface shows, copied into a ring of buffers that dom0 reads
 *
 * Each slot of the ring remembers what changed since it was written last, so that only that is copied. The client gets
 * its buffer back as soon as it is copied.
 */
#pragma once
#include <pixman.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/addon.h>
#include "common/gui_wire.h"
#include "pages.h"

struct agent;
struct wlr_buffer;
struct wlr_surface;

enum { SLOTS = 3 };

struct slot {
    struct wl_list link; /* agent->slots */
    struct agent *agent;
    struct pages pages;
    uint32_t id;
    uint32_t width, height, format; /* as dom0 knows them; the picture may be smaller */
    bool busy;                      /* dom0 reads it, or will */
    bool dying;                     /* deleted: waits for BUFFER_GONE */
    pixman_region32_t stale;        /* not yet as the client's last picture */
};

struct content {
    struct agent *agent;
    struct wlr_surface *surface;
    struct wlr_buffer *client; /* committed and not yet copied, locked; nullptr: none */
    struct slot *slots[SLOTS]; /* nullptr: none */
    struct slot *current;      /* has the newest picture, nullptr: nothing was ever copied */
    uint32_t format;
    int width, height;        /* of the picture, buffer pixels */
    pixman_region32_t unsent; /* damage dom0 has not been told of */
    struct wlr_addon addon;
    struct wl_listener commit, destroy;
};

/* One for every wl_surface; it goes away with the surface. */
void content_create(struct agent *agent, struct wlr_surface *surface);
[[nodiscard]] struct content *content_of(struct agent *agent, struct wlr_surface *surface);

/* Copies what the client committed. Returns false if every slot is still being read: try again when one is released. */
[[nodiscard]] bool content_update(struct content *content);

/* Fills in a node that shows the content at (x, y); its damage counts as told. Returns false if there is no picture. */
[[nodiscard]] bool content_node(struct content *content, int x, int y, struct gui_node *node);

/* All of it counts as changed. */
void content_damage_all(struct content *content);

/* dom0's side has gone and knows no buffer any more; then it is back and learns of them again, under new ids. */
void slots_forgotten(struct agent *agent);
void slots_announce(struct agent *agent);

/* Answers of dom0. */
void slot_released(struct agent *agent, uint32_t id);
void slot_gone(struct agent *agent, uint32_t id);
