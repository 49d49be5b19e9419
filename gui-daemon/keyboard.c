/* keyboard.c - keys: first dom0's chords, then the window that has the focus */
#include "input.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/backend/session.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_seat.h>
#include <xkbcommon/xkbcommon.h>
#include "common/log.h"
#include "popup.h"
#include "server.h"
#include "vm.h"
#include "window.h"

struct keyboard {
    struct input *input;
    struct wlr_keyboard *wlr_keyboard;
    struct wl_list link; /* input->keyboards */
    struct wl_listener key, modifiers, destroy;
};

static void next_window(struct server *server)
{
    struct window *window;

    wl_list_for_each_reverse(window, &server->windows, link)
    {
        if (window->mapped) {
            server_focus(server, window);
            return;
        }
    }
}

/* Chords act before anything else sees the key. */
static bool chord(struct server *server, xkb_keysym_t sym, uint32_t modifiers)
{
    if (sym >= XKB_KEY_XF86Switch_VT_1 && sym <= XKB_KEY_XF86Switch_VT_12) {
        if (server->session)
            wlr_session_change_vt(server->session, sym - XKB_KEY_XF86Switch_VT_1 + 1);
        return true;
    }
    if (!(modifiers & WLR_MODIFIER_LOGO))
        return false;
    switch (sym) {
    case XKB_KEY_Return: server_launch_terminal(server); return true;
    case XKB_KEY_Tab: next_window(server); return true;
    case XKB_KEY_q:
        if (server->focus)
            server->focus->impl->close(server->focus);
        return true;
    case XKB_KEY_f:
        if (server->focus)
            window_maximise(server->focus, !server->focus->maximised);
        return true;
    default: return false;
    }
}

static bool is_chord(struct keyboard *keyboard, uint32_t code)
{
    struct wlr_keyboard *k = keyboard->wlr_keyboard;
    const xkb_keysym_t *syms;
    int count = xkb_state_key_get_syms(k->xkb_state, code + 8, &syms);
    bool done = false;

    for (int i = 0; i < count; i++)
        done |= chord(keyboard->input->server, syms[i], wlr_keyboard_get_modifiers(k));
    return done;
}

static void handle_keyboard_key(struct wl_listener *listener, void *data)
{
    struct keyboard *keyboard = wl_container_of(listener, keyboard, key);
    struct input *input = keyboard->input;
    const struct wlr_keyboard_key_event *event = data;
    bool pressed = event->state == WL_KEYBOARD_KEY_STATE_PRESSED;
    struct window *focus = input->server->focus;

    input->keyboard = keyboard->wlr_keyboard;
    if (event->keycode >= KEYS || (pressed && is_chord(keyboard, event->keycode)))
        return;
    /* A release goes where the press went, or nowhere if the focus has moved since. */
    if (!focus || (!pressed && input->key_owner[event->keycode] != focus))
        return;
    input->key_owner[event->keycode] = pressed ? focus : nullptr;
    focus->impl->key(focus, event->time_msec, event->keycode, pressed);
}

static void handle_keyboard_modifiers(struct wl_listener *listener, void *data)
{
    struct keyboard *keyboard = wl_container_of(listener, keyboard, modifiers);
    struct window *focus = keyboard->input->server->focus;

    keyboard->input->keyboard = keyboard->wlr_keyboard;
    if (focus)
        focus->impl->modifiers(focus);
}

static void keyboard_remove(struct keyboard *keyboard)
{
    struct input *input = keyboard->input;

    if (input->keyboard == keyboard->wlr_keyboard)
        input->keyboard = nullptr;
    wl_list_remove(&keyboard->key.link);
    wl_list_remove(&keyboard->modifiers.link);
    wl_list_remove(&keyboard->destroy.link);
    wl_list_remove(&keyboard->link);
    free(keyboard);
}

static void handle_keyboard_destroy(struct wl_listener *listener, void *data)
{
    struct keyboard *keyboard = wl_container_of(listener, keyboard, destroy);

    keyboard_remove(keyboard);
}

void keyboards_destroy(struct input *input)
{
    struct keyboard *keyboard, *next;

    wl_list_for_each_safe (keyboard, next, &input->keyboards, link)
        keyboard_remove(keyboard);
}

void keyboard_add(struct input *input, struct wlr_keyboard *wlr_keyboard)
{
    struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
    struct xkb_keymap *keymap =
        context ? xkb_keymap_new_from_names(context, nullptr, XKB_KEYMAP_COMPILE_NO_FLAGS) : nullptr;
    struct keyboard *keyboard = calloc(1, sizeof(*keyboard));

    if (!keymap || !keyboard) {
        log_error("no keymap: check XKB_DEFAULT_LAYOUT and install package xkb-data");
        free(keyboard);
        xkb_context_unref(context);
        return;
    }
    wlr_keyboard_set_keymap(wlr_keyboard, keymap);
    wlr_keyboard_set_repeat_info(wlr_keyboard, 25, 500);
    xkb_keymap_unref(keymap);
    xkb_context_unref(context);
    keyboard->input = input;
    keyboard->wlr_keyboard = wlr_keyboard;
    keyboard->key.notify = handle_keyboard_key;
    wl_signal_add(&wlr_keyboard->events.key, &keyboard->key);
    keyboard->modifiers.notify = handle_keyboard_modifiers;
    wl_signal_add(&wlr_keyboard->events.modifiers, &keyboard->modifiers);
    keyboard->destroy.notify = handle_keyboard_destroy;
    wl_signal_add(&wlr_keyboard->base.events.destroy, &keyboard->destroy);
    wl_list_insert(&input->keyboards, &keyboard->link);
    wlr_seat_set_keyboard(input->seat, wlr_keyboard);
    input->keyboard = wlr_keyboard;
}

void input_modifiers(struct server *server, struct gui_modifiers *out)
{
    const struct wlr_keyboard *keyboard = server->input->keyboard;

    if (!keyboard)
        return;
    out->depressed = keyboard->modifiers.depressed;
    out->latched = keyboard->modifiers.latched;
    out->locked = keyboard->modifiers.locked;
    out->group = keyboard->modifiers.group;
}

static void copy_name(char *out, size_t size, const char *variable)
{
    const char *value = getenv(variable);

    snprintf(out, size, "%s", value ? value : "");
}

void input_keymap_names(struct gui_keymap *out)
{
    copy_name(out->rules, sizeof(out->rules), "XKB_DEFAULT_RULES");
    copy_name(out->model, sizeof(out->model), "XKB_DEFAULT_MODEL");
    copy_name(out->layout, sizeof(out->layout), "XKB_DEFAULT_LAYOUT");
    copy_name(out->variant, sizeof(out->variant), "XKB_DEFAULT_VARIANT");
    copy_name(out->options, sizeof(out->options), "XKB_DEFAULT_OPTIONS");
}

void server_focus(struct server *server, struct window *window)
{
    struct window *old = server->focus;

    if (window)
        window_raise(window);
    if (old == window)
        return;
    memset(server->input->key_owner, 0, sizeof(server->input->key_owner));
    server->focus = window;
    popup_dismiss(server, window ? window->vm : nullptr);
    if (old) {
        frame_set_active(&old->frame, false);
        /* Within one VM the next FOCUS says it all. */
        if (!window || !old->vm || old->vm != window->vm)
            old->impl->keyboard(old, false);
        window_send_states(old);
    }
    if (window) {
        frame_set_active(&window->frame, true);
        window->impl->keyboard(window, true);
        window->impl->modifiers(window);
        window_send_states(window);
    }
}
