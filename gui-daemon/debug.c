/* debug.c - see debug.h. One command a line, one JSON object a line as the answer:
 *
 *   screenshot FILE      the last committed picture, as PPM
 *   move X Y             the pointer
 *   button CODE 0|1      evdev code
 *   key CODE 0|1         evdev code
 *   windows              front to back
 *   counts DOMID         of the helper, fresh
 *   output               frames so far
 *   resize W H           the first output
 */
#include "debug.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_seat.h>
#include "common/log.h"
#include "input.h"
#include "output.h"
#include "server.h"
#include "vm.h"
#include "window.h"

struct debug {
    struct server *server;
    int listener, client; /* one client at a time */
    struct wl_event_source *listener_source, *client_source;
    struct wlr_keyboard keyboard;
    char line[512];
    size_t used;
};

static const struct wlr_keyboard_impl debug_keyboard_impl = {.name = "debug"};

static struct output *first_output(struct debug *debug)
{
    struct output *output = nullptr;

    if (!wl_list_empty(&debug->server->outputs))
        output = wl_container_of(debug->server->outputs.next, output, link);
    return output;
}

static json_t *write_ppm(struct wlr_buffer *buffer, const char *path)
{
    void *data;
    uint32_t format;
    size_t stride;
    FILE *file = fopen(path, "w");

    if (!file || !wlr_buffer_begin_data_ptr_access(buffer, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride)) {
        if (file)
            fclose(file);
        return json_pack("{s:s}", "error", "cannot read or write the picture");
    }
    fprintf(file, "P6\n%d %d\n255\n", buffer->width, buffer->height);
    for (int y = 0; y < buffer->height; y++) {
        const uint8_t *row = (const uint8_t *)data + (size_t)y * stride;

        for (int x = 0; x < buffer->width; x++) {
            fputc(row[4 * x + 2], file);
            fputc(row[4 * x + 1], file);
            fputc(row[4 * x], file);
        }
    }
    wlr_buffer_end_data_ptr_access(buffer);
    fclose(file);
    return json_pack("{s:i,s:i}", "width", buffer->width, "height", buffer->height);
}

static json_t *screenshot(struct debug *debug, const char *path)
{
    struct output *output = first_output(debug);

    if (!output || !output->shown)
        return json_pack("{s:s}", "error", "nothing shown yet");
    return write_ppm(output->shown, path);
}

static json_t *list_windows(struct debug *debug)
{
    json_t *list = json_array();
    struct window *window;

    wl_list_for_each (window, &debug->server->windows, link) {
        const struct wlr_box *b = &window->inner;

        if (window->mapped)
            json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:[iiii],s:b}", "name", window->frame.name, "title",
                                                  window->frame.title, "domid", window->vm ? window->vm->domid : 0,
                                                  "inner", b->x, b->y, b->width, b->height, "focused",
                                                  window == debug->server->focus));
    }
    return json_pack("{s:o,s:i,s:i}", "windows", list, "popups", wl_list_length(&debug->server->popups), "vms",
                     wl_list_length(&debug->server->vms));
}

/* Returns the last known numbers and asks for new ones: `messages` tells a waiting test that they came. */
static json_t *counts(struct debug *debug, uint32_t domid)
{
    struct vm *vm = vm_find(debug->server, domid);

    if (!vm)
        return json_pack("{s:s}", "error", "no such VM");
    vm_ask_counts(vm);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:i,s:I,s:i}", "from_vm", vm->counts.bytes_from_vm, "to_vm",
                     vm->counts.bytes_to_vm, "messages", vm->counts.messages, "helper_buffers", vm->counts.buffers,
                     "helper_pages", vm->counts.pages, "buffers", vm->buffers_count, "pages", vm->pages, "surfaces",
                     vm->surfaces_count);
}

static json_t *resize_output(struct debug *debug, int width, int height)
{
    struct output *output = first_output(debug);
    struct wlr_output_state state;

    wlr_output_state_init(&state);
    wlr_output_state_set_custom_mode(&state, width, height, 0);
    bool done = output && wlr_output_commit_state(output->wlr_output, &state);
    wlr_output_state_finish(&state);
    return done ? json_object() : json_pack("{s:s}", "error", "refused");
}

static json_t *run(struct debug *debug, const char *line)
{
    struct input *input = debug->server->input;
    struct output *output = first_output(debug);
    uint32_t now = server_now();
    char path[256];
    int a, b;

    if (sscanf(line, "screenshot %255s", path) == 1)
        return screenshot(debug, path);
    if (!strcmp(line, "windows"))
        return list_windows(debug);
    if (!strcmp(line, "output") && output)
        return json_pack("{s:I,s:I}", "frames", output->frames, "refused", output->refused);
    if (sscanf(line, "counts %d", &a) == 1)
        return counts(debug, (uint32_t)a);
    if (sscanf(line, "resize %d %d", &a, &b) == 2)
        return resize_output(debug, a, b);
    if (sscanf(line, "move %d %d", &a, &b) == 2) {
        wlr_cursor_warp_closest(input->cursor, nullptr, a, b);
        pointer_moved(input, now);
    } else if (sscanf(line, "button %d %d", &a, &b) == 2) {
        pointer_button(input, now, (uint32_t)a, b);
    } else if (sscanf(line, "key %d %d", &a, &b) == 2) {
        struct wlr_keyboard_key_event event = {now, (uint32_t)a, true,
                                               b ? WL_KEYBOARD_KEY_STATE_PRESSED : WL_KEYBOARD_KEY_STATE_RELEASED};

        wlr_keyboard_notify_key(&debug->keyboard, &event);
    } else {
        return json_pack("{s:s}", "error", "unknown command");
    }
    wlr_seat_pointer_notify_frame(input->seat);
    return json_object();
}

static void close_client(struct debug *debug)
{
    wl_event_source_remove(debug->client_source);
    close(debug->client);
    debug->client = -1;
    debug->used = 0;
}

static void answer(struct debug *debug, const char *line)
{
    json_t *result = run(debug, line);
    char *text = json_dumps(result, JSON_COMPACT);

    dprintf(debug->client, "%s\n", text);
    free(text);
    json_decref(result);
}

static int handle_client(int fd, uint32_t mask, void *data)
{
    struct debug *debug = data;
    ssize_t got = read(fd, debug->line + debug->used, sizeof(debug->line) - 1 - debug->used);
    char *end;

    if (got <= 0) {
        close_client(debug);
        return 0;
    }
    debug->used += (size_t)got;
    debug->line[debug->used] = '\0';
    while ((end = strchr(debug->line, '\n'))) {
        *end++ = '\0';
        answer(debug, debug->line);
        debug->used -= (size_t)(end - debug->line);
        memmove(debug->line, end, debug->used + 1);
    }
    return 0;
}

static int handle_listener(int fd, uint32_t mask, void *data)
{
    struct debug *debug = data;
    int client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);

    if (client < 0)
        return 0;
    if (debug->client >= 0)
        close_client(debug);
    debug->client = client;
    debug->client_source = wl_event_loop_add_fd(debug->server->loop, client, WL_EVENT_READABLE, handle_client, debug);
    return 0;
}

bool debug_start(struct server *server, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct debug *debug = path ? calloc(1, sizeof(*debug)) : nullptr;

    if (!debug)
        return !path;
    debug->server = server;
    debug->client = -1;
    debug->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (bind(debug->listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(debug->listener, 1) < 0) {
        log_error("debug socket %s: %m", path);
        return false;
    }
    debug->listener_source =
        wl_event_loop_add_fd(server->loop, debug->listener, WL_EVENT_READABLE, handle_listener, debug);
    wlr_keyboard_init(&debug->keyboard, &debug_keyboard_impl, "debug");
    keyboard_add(server->input, &debug->keyboard);
    server->debug = debug;
    return true;
}

void debug_finish(struct server *server)
{
    struct debug *debug = server->debug;

    if (!debug)
        return;
    if (debug->client >= 0)
        close_client(debug);
    wl_event_source_remove(debug->listener_source);
    close(debug->listener);
    wlr_keyboard_finish(&debug->keyboard);
    free(debug);
}
