/* pixels.h - a wlr_buffer in ordinary memory, for what dom0 draws itself (titles, cursor images) */
#pragma once
#include <stdint.h>
#include <wlr/types/wlr_buffer.h>

struct pixels {
    struct wlr_buffer base;
    uint32_t *data; /* premultiplied ARGB, width * height, without gaps */
};

/* Returns zeroed (transparent) pixels, or nullptr without memory. Give up with wlr_buffer_drop(&p->base). */
[[nodiscard]] struct pixels *pixels_create(int width, int height);
