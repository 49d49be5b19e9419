/* pixels.c - see pixels.h */
#include "pixels.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <wlr/interfaces/wlr_buffer.h>

static void pixels_destroy(struct wlr_buffer *buffer)
{
    struct pixels *pixels = wl_container_of(buffer, pixels, base);

    free(pixels->data);
    free(pixels);
}

static bool pixels_begin(struct wlr_buffer *buffer, uint32_t flags, void **data, uint32_t *format, size_t *stride)
{
    struct pixels *pixels = wl_container_of(buffer, pixels, base);

    *data = pixels->data;
    *format = DRM_FORMAT_ARGB8888;
    *stride = (size_t)buffer->width * 4;
    return true;
}

static void pixels_end(struct wlr_buffer *buffer)
{
}

static const struct wlr_buffer_impl pixels_impl = {
    .destroy = pixels_destroy,
    .begin_data_ptr_access = pixels_begin,
    .end_data_ptr_access = pixels_end,
};

struct pixels *pixels_create(int width, int height)
{
    struct pixels *pixels = calloc(1, sizeof(*pixels));

    if (!pixels)
        return nullptr;
    pixels->data = calloc((size_t)width * (size_t)height, 4);
    if (!pixels->data) {
        free(pixels);
        return nullptr;
    }
    wlr_buffer_init(&pixels->base, &pixels_impl, width, height);
    return pixels;
}
