/* guest_window.c - see guest_window.h */
#include "guest_window.h"

#include <stdlib.h>
#include "input.h"
#include "placement.h"
#include "server.h"
#include "surface.h"
#include "vm.h"

static struct guest_window *from_base(struct window *window)
{
    struct guest_window *guest = wl_container_of(window, guest, base);

    return guest;
}

struct surface *guest_window_surface(struct window *window)
{
    return window->vm ? from_base(window)->surface : nullptr;
}

static void guest_configure(struct window *window, int width, int height, uint32_t states, uint32_t serial)
{
    struct guest_window *guest = from_base(window);
    union gui_message m;

    gui_wire_init(&m, GUI_CONFIGURE, guest->surface->id, serial);
    m.as_GUI_CONFIGURE.width = (uint32_t)width;
    m.as_GUI_CONFIGURE.height = (uint32_t)height;
    m.as_GUI_CONFIGURE.states = states;
    vm_send(window->vm, &m);
}

static void send_popup_box(struct guest_window *guest)
{
    const struct wlr_box *inner = &guest->base.inner;
    struct wlr_box area = server_work_area(guest->base.server, inner);
    union gui_message m;

    gui_wire_init(&m, GUI_POPUP_BOX, guest->surface->id, 0);
    m.as_GUI_POPUP_BOX.box = (struct gui_box){area.x + POPUP_BORDER - inner->x, area.y + POPUP_BORDER - inner->y,
                                              area.width - 2 * POPUP_BORDER, area.height - 2 * POPUP_BORDER};
    vm_send(guest->base.vm, &m);
}

static void guest_clip(struct window *window, int width, int height)
{
    struct guest_window *guest = from_base(window);

    surface_clip(guest->surface, width, height);
    send_popup_box(guest);
}

static void guest_close(struct window *window)
{
    vm_send_plain(window->vm, GUI_CLOSE, from_base(window)->surface->id, server_serial(window->server));
}

static void guest_keyboard(struct window *window, bool enter)
{
    vm_send_plain(window->vm, GUI_FOCUS, enter ? from_base(window)->surface->id : 0, server_serial(window->server));
}

static void guest_key(struct window *window, uint32_t time, uint32_t code, bool pressed)
{
    union gui_message m;

    gui_wire_init(&m, GUI_KEY, from_base(window)->surface->id, server_serial(window->server));
    m.as_GUI_KEY.time = time;
    m.as_GUI_KEY.code = code;
    m.as_GUI_KEY.pressed = pressed;
    window->vm->last_input = server_now();
    vm_send(window->vm, &m);
}

static void guest_modifiers(struct window *window)
{
    union gui_message m;

    gui_wire_init(&m, GUI_MODIFIERS, from_base(window)->surface->id, server_serial(window->server));
    input_modifiers(window->server, &m.as_GUI_MODIFIERS);
    vm_send(window->vm, &m);
}

static const struct window_impl guest_window_impl = {
    .configure = guest_configure,
    .clip = guest_clip,
    .close = guest_close,
    .keyboard = guest_keyboard,
    .key = guest_key,
    .modifiers = guest_modifiers,
};

bool guest_window_create(struct surface *surface)
{
    struct guest_window *guest = calloc(1, sizeof(*guest));

    if (!guest)
        return false;
    guest->surface = surface;
    if (!window_init(&guest->base, surface->vm->server, &guest_window_impl, surface->vm)) {
        free(guest);
        return false;
    }
    surface->window = guest;
    surface->tree = guest->base.content;
    guest_configure(&guest->base, 0, 0, 0, server_serial(surface->vm->server));
    return true;
}

void guest_window_destroy(struct guest_window *guest)
{
    window_finish(&guest->base);
    free(guest);
}

void guest_window_commit(struct guest_window *guest, const struct commit *commit)
{
    if (commit->count)
        window_content(&guest->base, (int)commit->width, (int)commit->height, commit->serial);
    else
        window_unmap(&guest->base);
}

void guest_window_hints(struct guest_window *guest, const struct gui_hints *hints)
{
    guest->hints = *hints;
}

void guest_window_request(struct guest_window *guest, const struct gui_request *untrusted)
{
    struct window *window = &guest->base;

    switch ((enum gui_request_kind)untrusted->kind) {
    case GUI_REQUEST_MOVE:
    case GUI_REQUEST_RESIZE:
        input_guest_drag(window, untrusted->header.serial,
                         untrusted->kind == GUI_REQUEST_RESIZE ? untrusted->edges : 0);
        break;
    case GUI_REQUEST_MAXIMISE:
    case GUI_REQUEST_FULLSCREEN: /* until there is a policy that allows more */ window_maximise(window, true); break;
    case GUI_REQUEST_UNMAXIMISE:
    case GUI_REQUEST_UNFULLSCREEN: window_maximise(window, false); break;
    case GUI_REQUEST_MINIMISE: /* there is no panel to bring it back */
    case GUI_REQUEST_ATTENTION: break;
    }
}
