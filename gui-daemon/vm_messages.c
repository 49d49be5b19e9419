/* vm_messages.c - see vm_messages.h */
#include "vm_messages.h"

#include <stdio.h>
#include <string.h>
#include "buffer.h"
#include "common/log.h"
#include "guest_window.h"
#include "input.h"
#include "pixels.h"
#include "popup.h"
#include "server.h"
#include "surface.h"
#include "vm.h"

static void send_keymap(struct vm *vm)
{
    union gui_message m;

    gui_wire_init(&m, GUI_KEYMAP, 0, 0);
    input_keymap_names(&m.as_GUI_KEYMAP);
    vm_send(vm, &m);
}

void vm_send_outputs(struct vm *vm)
{
    struct wlr_box area = server_work_area(vm->server, nullptr);
    union gui_message m;

    if (!vm->greeted)
        return;
    /* One output, the size of the first: what a VM needs to lay itself out, and no more. */
    gui_wire_init(&m, GUI_OUTPUTS, 0, 0);
    m.as_GUI_OUTPUTS.count = 1;
    m.as_GUI_OUTPUTS.outputs[0] = (struct gui_output){(uint32_t)area.width, (uint32_t)area.height, 120, 60};
    vm_send(vm, &m);
}

static const char *on_hello(struct vm *vm, const struct gui_hello *untrusted)
{
    union gui_message m;

    if (vm->greeted)
        return "a second HELLO";
    if (untrusted->version != GUI_VERSION)
        return "protocol version";
    vm->greeted = true;
    gui_wire_init(&m, GUI_HELLO, 0, 0);
    m.as_GUI_HELLO.magic = GUI_MAGIC;
    m.as_GUI_HELLO.version = GUI_VERSION;
    vm_send(vm, &m);
    send_keymap(vm);
    vm_send_outputs(vm);
    log_info("VM %s: its GUI is connected", vm->name);
    return nullptr;
}

static const char *on_commit_begin(struct vm *vm, const struct gui_commit_begin *untrusted)
{
    if (!surface_find(vm, untrusted->header.object))
        return "unknown surface";
    vm->commit.surface = untrusted->header.object;
    vm->commit.serial = untrusted->header.serial;
    vm->commit.width = untrusted->width;
    vm->commit.height = untrusted->height;
    vm->commit.expected = untrusted->nodes;
    vm->commit.count = 0;
    return nullptr;
}

/* What may come between COMMIT_BEGIN and COMMIT_END. */
static const char *on_commit_part(struct vm *vm, const union gui_message *untrusted)
{
    struct commit *commit = &vm->commit;

    if (untrusted->header.object != commit->surface)
        return "a commit of two surfaces";
    if (untrusted->header.type == GUI_NODE && commit->count < commit->expected) {
        commit->nodes[commit->count++] = untrusted->as_GUI_NODE;
        return nullptr;
    }
    if (untrusted->header.type != GUI_COMMIT_END || commit->count != commit->expected)
        return "number of nodes";
    const char *reason = surface_commit(surface_find(vm, commit->surface), commit);
    commit->surface = 0;
    return reason;
}

static const char *on_buffer_del(struct vm *vm, uint32_t id)
{
    struct guest_buffer *buffer = guest_buffer_find(vm, id);

    if (!buffer)
        return "unknown buffer";
    guest_buffer_delete(buffer);
    return nullptr;
}

static void on_cursor_image(struct vm *vm, const struct gui_cursor_image *untrusted)
{
    struct pixels *pixels = pixels_create((int)untrusted->width, (int)untrusted->height);

    if (!pixels)
        return;
    for (size_t i = 0; i < (size_t)untrusted->width * untrusted->height; i++) {
        uint32_t p = untrusted->pixels[i], alpha = p >> 24, clean = alpha << 24;

        /* No colour may be brighter than its alpha: it would spill over when blended. */
        for (int shift = 0; shift < 24; shift += 8) {
            uint32_t c = p >> shift & 0xff;

            clean |= (c > alpha ? alpha : c) << shift;
        }
        pixels->data[i] = clean;
    }
    if (vm->cursor)
        wlr_buffer_drop(&vm->cursor->base);
    vm->cursor = pixels;
    vm->hotspot_x = untrusted->hotspot_x;
    vm->hotspot_y = untrusted->hotspot_y;
    input_cursor_changed(vm->server, vm);
}

static void on_cursor_shape(struct vm *vm, uint32_t shape)
{
    if (vm->cursor)
        wlr_buffer_drop(&vm->cursor->base);
    vm->cursor = nullptr;
    vm->cursor_shape = shape;
    input_cursor_changed(vm->server, vm);
}

/* About a surface that must exist. */
static const char *on_surface_message(struct vm *vm, const union gui_message *untrusted)
{
    struct surface *surface = surface_find(vm, untrusted->header.object);
    struct guest_window *window = surface ? surface->window : nullptr;

    if (!surface)
        return "unknown surface";
    if (untrusted->header.type == GUI_SURFACE_DEL) {
        surface_destroy(surface);
        return nullptr;
    }
    if (untrusted->header.type == GUI_POSITIONER) {
        if (!surface->popup)
            return "a position for a toplevel";
        popup_position(surface->popup, &untrusted->as_GUI_POSITIONER.box);
        return nullptr;
    }
    if (!window)
        return "not for popups";
    switch (untrusted->header.type) {
    case GUI_TITLE: frame_set_title(&window->base.frame, untrusted->as_GUI_TITLE.text, GUI_TITLE_MAX); break;
    case GUI_HINTS: guest_window_hints(window, &untrusted->as_GUI_HINTS); break;
    case GUI_REQUEST: guest_window_request(window, &untrusted->as_GUI_REQUEST); break;
    default: break; /* GUI_APP_ID: nothing in dom0 uses it yet */
    }
    return nullptr;
}

static const char *on_message(struct vm *vm, const union gui_message *untrusted)
{
    if (vm->commit.surface)
        return on_commit_part(vm, untrusted);
    switch (untrusted->header.type) {
    case GUI_HELLO: return on_hello(vm, &untrusted->as_GUI_HELLO);
    case GUI_BUFFER_DEL: return on_buffer_del(vm, untrusted->header.object);
    case GUI_SURFACE_NEW: return surface_create(vm, &untrusted->as_GUI_SURFACE_NEW);
    case GUI_COMMIT_BEGIN: return on_commit_begin(vm, &untrusted->as_GUI_COMMIT_BEGIN);
    case GUI_CURSOR_SHAPE: on_cursor_shape(vm, untrusted->as_GUI_CURSOR_SHAPE.shape); return nullptr;
    case GUI_CURSOR_IMAGE: on_cursor_image(vm, &untrusted->as_GUI_CURSOR_IMAGE); return nullptr;
    case GUI_SURFACE_DEL:
    case GUI_POSITIONER:
    case GUI_TITLE:
    case GUI_APP_ID:
    case GUI_HINTS:
    case GUI_REQUEST: return on_surface_message(vm, untrusted);
    default: return "a message that makes no sense here";
    }
}

/* The buffer's fields get the same check as if they came from the VM. */
static const char *on_helper_buffer(struct vm *vm, const struct helper_buffer *untrusted, int fd)
{
    union gui_message wire = {.as_GUI_BUFFER_NEW = untrusted->buffer};

    wire.header.type = GUI_BUFFER_NEW;
    wire.header.length = sizeof(struct gui_buffer_new);
    const char *reason = gui_wire_check(GUI_TO_DOM0, &wire, sizeof(struct gui_buffer_new));
    if (reason)
        return reason;
    return fd >= 0 ? guest_buffer_create(vm, untrusted, fd) : "a buffer without a descriptor";
}

const char *vm_message(struct vm *vm, const union helper_packet *untrusted, size_t length, int fd)
{
    uint32_t type = length >= sizeof(struct gui_header) ? untrusted->message.header.type : 0;

    if (type == HELPER_COUNTS && length == sizeof(struct helper_counts)) {
        vm->counts = untrusted->counts;
        return nullptr;
    }
    if (!vm->greeted && type != GUI_HELLO)
        return "no HELLO";
    if (type == HELPER_BUFFER)
        return length == sizeof(struct helper_buffer) ? on_helper_buffer(vm, &untrusted->buffer, fd)
                                                      : "length of a buffer";
    const char *reason = gui_wire_check(GUI_TO_DOM0, &untrusted->message, length);
    return reason ? reason : on_message(vm, &untrusted->message);
}
