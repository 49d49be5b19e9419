/* buffer.h - a VM's buffer as the scene sees it: granted pages, mapped read-only, read in place */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_buffer.h>
#include "helper_wire.h"

struct vm;

struct guest_buffer {
    struct wlr_buffer base;
    struct vm *vm;       /* nullptr after the connection has ended */
    struct wl_list link; /* vm->buffers */
    uint32_t id;
    void *mapping;
    size_t length; /* of the mapping, bytes */
    uint32_t format, stride, offset;
    struct wl_listener release;
};

/*
 * Maps what the helper described (already checked against gui_wire limits) and adds it to the VM's buffers. `fd` stays
 * the caller's. Returns a reason (a constant) on failure.
 */
[[nodiscard]] const char *guest_buffer_create(struct vm *vm, const struct helper_buffer *description, int fd);

[[nodiscard]] struct guest_buffer *guest_buffer_find(struct vm *vm, uint32_t id);

/* Nobody may name it any more: unmapped, and BUFFER_GONE sent, as soon as the scene does not show it. */
void guest_buffer_delete(struct guest_buffer *buffer);
