/* hostile_agent.c - an agent that does not behave, for tests in a real VM: stands in the place of gui-agent there
 *
 *     hostile-agent breach NAME                          says something that the protocol forbids
 *     hostile-agent window WIDTH HEIGHT COLOUR TITLE     a window of one colour (hex RRGGBB) with any title
 *
 * A breach ends with the word of dom0 on standard output ("error 1"), status 0, or with status 1 if dom0 closed
 * without. A window stays until the channel ends. As in gui-agent the pixels are pages granted to dom0.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/gui_stream.h"
#include "guest-agent/gui/pages.h"
#include "vchan/libvchan.h"

enum { RING_FROM_DOM0 = 32 * 1024, RING_TO_DOM0 = 64 * 1024, SURFACE = 1, BUFFER = 2, PAGE = 4096 };

static struct libvchan *channel;
static struct gui_stream stream;

static void send_bytes(const void *bytes, size_t length)
{
    if (libvchan_send(channel, bytes, length) != (int)length)
        exit(1);
}

static void send_message(union gui_message *m)
{
    send_bytes(m, m->header.length);
}

static void send_plain(enum gui_type type, uint32_t object)
{
    union gui_message m;

    gui_wire_init(&m, type, object, 0);
    send_message(&m);
}

/* The next message of dom0, nullptr when the channel has ended. */
static const union gui_message *receive(void)
{
    const char *reason;

    for (;;) {
        bool open = libvchan_is_open(channel) == VCHAN_CONNECTED; /* asked first: its last words count */

        while (libvchan_data_ready(channel) > 0) {
            void *where;
            size_t room = gui_stream_room(&stream, &where);
            int n = libvchan_read(channel, where, room);
            if (n < 0)
                return nullptr;
            enum gui_stream_result result = gui_stream_add(&stream, (size_t)n, &reason);
            if (result == GUI_STREAM_BAD)
                return nullptr;
            if (result == GUI_STREAM_MESSAGE)
                return &stream.message;
        }
        if (!open)
            return nullptr;
        libvchan_wait(channel);
    }
}

static void wait_for(enum gui_type type)
{
    const union gui_message *m;

    do {
        m = receive();
        if (!m)
            exit(1);
    } while (m->header.type != type);
}

static void send_hello(uint32_t version)
{
    union gui_message m;

    gui_wire_init(&m, GUI_HELLO, 0, 0);
    m.as_GUI_HELLO.magic = GUI_MAGIC;
    m.as_GUI_HELLO.version = version;
    send_message(&m);
}

static void greet(void)
{
    send_hello(GUI_VERSION);
    wait_for(GUI_HELLO);
}

static void announce_buffer(uint32_t width, uint32_t height, uint32_t pages, const uint32_t refs[])
{
    union gui_message m;

    gui_wire_init(&m, GUI_BUFFER_NEW, BUFFER, 0);
    m.as_GUI_BUFFER_NEW.width = width;
    m.as_GUI_BUFFER_NEW.height = height;
    m.as_GUI_BUFFER_NEW.stride = width * 4;
    m.as_GUI_BUFFER_NEW.format = GUI_XRGB8888;
    m.as_GUI_BUFFER_NEW.pages = pages;
    send_message(&m);
    for (uint32_t first = 0; first < pages; first += GUI_REFS_PER_MESSAGE) {
        uint32_t left = pages - first, count = left < GUI_REFS_PER_MESSAGE ? left : GUI_REFS_PER_MESSAGE;

        gui_wire_init(&m, GUI_BUFFER_REFS, BUFFER, 0);
        m.as_GUI_BUFFER_REFS.first = first;
        m.as_GUI_BUFFER_REFS.count = count;
        memcpy(m.as_GUI_BUFFER_REFS.refs, refs + first, count * sizeof(uint32_t));
        send_message(&m);
    }
}

/* ---- breaches ---- */

static void say_noise(void)
{
    static const uint8_t noise[64] = "this is not a message of the protocol, whatever one takes it for";

    send_bytes(noise, sizeof(noise));
}

static void say_length(void)
{
    struct gui_header header = {.type = GUI_COMMIT_END, .length = UINT32_MAX, .object = SURFACE};

    greet();
    send_bytes(&header, sizeof(header));
}

static void say_version(void)
{
    send_hello(GUI_VERSION + 98);
}

static void say_references(void)
{
    const uint32_t nobodys = 1u << 20;

    greet();
    announce_buffer(10, 10, 1, &nobodys);
}

static void say_surface(void)
{
    greet();
    send_plain(GUI_SURFACE_DEL, 77);
}

static const struct {
    const char *name;
    void (*say)(void);
} breaches[] = {{"noise", say_noise},           /* no header */
                {"length", say_length},         /* a message longer than any */
                {"version", say_version},       /* of a protocol that is not spoken */
                {"references", say_references}, /* pages that were never granted */
                {"surface", say_surface}};      /* of a window that there is not */

static int breach(const char *name)
{
    const union gui_message *m;
    uint32_t error = 0;

    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++)
        if (!strcmp(name, breaches[i].name))
            breaches[i].say();
    while ((m = receive()))
        error = m->header.type == GUI_ERROR ? m->as_GUI_ERROR.code : 0;
    printf("error %u\n", error);
    return error ? 0 : 1;
}

/* ---- a window ---- */

static void show(uint32_t width, uint32_t height)
{
    const struct gui_box all = {0, 0, (int32_t)width, (int32_t)height};
    union gui_message m;

    gui_wire_init(&m, GUI_COMMIT_BEGIN, SURFACE, 0);
    m.as_GUI_COMMIT_BEGIN.width = width;
    m.as_GUI_COMMIT_BEGIN.height = height;
    m.as_GUI_COMMIT_BEGIN.nodes = 1;
    send_message(&m);
    gui_wire_init(&m, GUI_NODE, SURFACE, 0);
    m.as_GUI_NODE.buffer = BUFFER;
    m.as_GUI_NODE.flags = GUI_NODE_OPAQUE;
    m.as_GUI_NODE.source = m.as_GUI_NODE.destination = m.as_GUI_NODE.damage[0] = all;
    m.as_GUI_NODE.damage_count = 1;
    send_message(&m);
    send_plain(GUI_COMMIT_END, SURFACE);
}

static int window(uint32_t width, uint32_t height, uint32_t colour, const char *title)
{
    struct pages pages;
    union gui_message m;

    if (pages_alloc(&pages, (width * height * 4 + PAGE - 1) / PAGE) < 0)
        return 1;
    for (uint32_t i = 0; i < width * height; i++)
        ((uint32_t *)pages.address)[i] = colour;
    greet();
    gui_wire_init(&m, GUI_SURFACE_NEW, SURFACE, 0);
    m.as_GUI_SURFACE_NEW.role = GUI_TOPLEVEL;
    send_message(&m);
    gui_wire_init(&m, GUI_TITLE, SURFACE, 0);
    memcpy(m.as_GUI_TITLE.text, title, strnlen(title, GUI_TITLE_MAX));
    send_message(&m);
    gui_wire_init(&m, GUI_APP_ID, SURFACE, 0);
    memcpy(m.as_GUI_APP_ID.text, "dom0", 4);
    send_message(&m);
    wait_for(GUI_CONFIGURE);
    announce_buffer(width, height, pages.count, pages.refs);
    show(width, height);
    while (receive())
        ;
    pages_free(&pages);
    return 0;
}

int main(int argc, char **argv)
{
    bool valid = (argc == 3 && !strcmp(argv[1], "breach")) || (argc == 6 && !strcmp(argv[1], "window"));

    channel = valid ? libvchan_server_init(0, GUI_PORT, RING_FROM_DOM0, RING_TO_DOM0) : nullptr;
    if (!channel) {
        fputs(valid ? "hostile-agent: no channel\n" : "usage: hostile-agent breach NAME | window W H COLOUR TITLE\n",
              stderr);
        return 2;
    }
    gui_stream_init(&stream, GUI_TO_VM);
    while (libvchan_is_open(channel) == VCHAN_WAITING)
        libvchan_wait(channel);
    if (argc == 3)
        return breach(argv[2]);
    return window((uint32_t)strtoul(argv[2], nullptr, 10), (uint32_t)strtoul(argv[3], nullptr, 10),
                  (uint32_t)strtoul(argv[4], nullptr, 16), argv[5]);
}
