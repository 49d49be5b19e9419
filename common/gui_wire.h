/* gui_wire.h - the messages between a VM's GUI agent and its helper in dom0
 *
 * A byte stream (vchan port GUI_PORT, the agent is the server) carries messages of fixed size per type, little-endian,
 * without gaps. Each starts with a gui_header whose length must equal the size of its type. GUI_MESSAGES below is the
 * table: type, number, direction, structure; the limits of every field stand in gui_wire.c beside its check. Ids are
 * the agent's, per kind of object, never 0, and not reused before the other side has confirmed their end (BUFFER_GONE
 * for buffers). Coordinates of a surface count from the top left corner of its window geometry, in logical pixels.
 *
 * Whatever breaks a rule ends the connection; the agent may then connect again and starts from nothing.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define GUI_PORT    6000
#define GUI_MAGIC   0x554c5441u /* "ATLU" */
#define GUI_VERSION 1u

enum {
    GUI_SIZE_MAX = 8192,     /* pixels, each side of a surface or buffer */
    GUI_STRIDE_SLACK = 4096, /* bytes a line may be longer than its pixels */
    GUI_BUFFER_PAGES_MAX = 16384,
    GUI_BUFFERS_MAX = 1536,   /* per VM */
    GUI_VM_PAGES_MAX = 65536, /* per VM, 256 MiB */
    GUI_REFS_PER_MESSAGE = 250,
    GUI_TOPLEVELS_MAX = 128, /* per VM */
    GUI_SURFACES_MAX = 512,  /* per VM, toplevels and popups */
    GUI_POPUPS_MAX = 16,     /* per VM */
    GUI_NODES_MAX = 64,      /* per commit */
    GUI_DAMAGE_MAX = 16,     /* boxes per node; more are sent as one box */
    GUI_TITLE_MAX = 128,     /* bytes */
    GUI_APP_ID_MAX = 64,     /* bytes */
    GUI_CURSOR_MAX = 64,     /* pixels, each side */
    GUI_OUTPUTS_MAX = 8,
    GUI_MESSAGES_PER_SECOND = 2000,
    GUI_QUEUE_MAX = 256 * 1024, /* bytes that may wait for a VM before it is cut off */
};

/* Pixel formats, as in drm_fourcc.h. */
#define GUI_XRGB8888 0x34325258u
#define GUI_ARGB8888 0x34325241u

struct gui_header {
    uint32_t type;   /* enum gui_type */
    uint32_t length; /* of the whole message, bytes */
    uint32_t object; /* surface or buffer id, 0 where the message is about neither */
    uint32_t serial; /* of the sender's events and commits; 0 where it means nothing */
};

struct gui_box {
    int32_t x, y, width, height;
};

/* ---- agent to dom0 ---- */

/* First message of both sides. */
struct gui_hello {
    struct gui_header header;
    uint32_t magic, version;
};

/* object: a new buffer id. Followed by BUFFER_REFS until all `pages` references are known, in order, nothing between.
 */
struct gui_buffer_new {
    struct gui_header header;
    uint32_t width, height, stride; /* pixels, pixels, bytes */
    uint32_t format;
    uint32_t offset; /* of the first pixel in the first page, bytes */
    uint32_t pages;
};

struct gui_buffer_refs {
    struct gui_header header;
    uint32_t first, count; /* index of refs[0] in the buffer; how many are used */
    uint32_t refs[GUI_REFS_PER_MESSAGE];
};

/* object: the buffer; no node of a later commit may name it. dom0 answers BUFFER_GONE when nothing is mapped any more.
 */
struct gui_buffer_del {
    struct gui_header header;
};

enum gui_role { GUI_TOPLEVEL = 1, GUI_POPUP = 2 };

/* object: a new surface id. dom0 answers a toplevel with CONFIGURE, a popup with POPUP_BOX. */
struct gui_surface_new {
    struct gui_header header;
    uint32_t role;
    uint32_t parent; /* popup: the surface it belongs to; toplevel: 0, or the toplevel it is a dialog of */
};

struct gui_surface_del {
    struct gui_header header;
};

/* Where a popup wants to be, relative to its parent's window geometry. dom0 keeps it on the screen and near the parent.
 */
struct gui_positioner {
    struct gui_header header;
    struct gui_box box;
};

/*
 * One new state of a surface: COMMIT_BEGIN, its nodes from back to front, COMMIT_END; nothing between. It counts as a
 * whole. width and height are the window geometry's; 0 nodes hide the surface. header.serial: the last CONFIGURE that
 * this state answers, 0 if none.
 */
struct gui_commit_begin {
    struct gui_header header;
    uint32_t width, height;
    uint32_t nodes;
    uint32_t reserved;
};

#define GUI_NODE_OPAQUE 1u

struct gui_node {
    struct gui_header header;
    uint32_t buffer;
    uint32_t flags;
    struct gui_box source;      /* in the buffer, pixels */
    struct gui_box destination; /* in the surface */
    uint32_t damage_count;      /* boxes changed since the last commit of this surface; 0: nothing */
    uint32_t reserved;
    struct gui_box damage[GUI_DAMAGE_MAX]; /* in the buffer, pixels */
};

struct gui_commit_end {
    struct gui_header header;
};

struct gui_title {
    struct gui_header header;
    char text[GUI_TITLE_MAX]; /* UTF-8, filled up with NULs */
};

struct gui_app_id {
    struct gui_header header;
    char text[GUI_APP_ID_MAX]; /* UTF-8, filled up with NULs */
};

/* Sizes the window can have; 0: no limit. */
struct gui_hints {
    struct gui_header header;
    uint32_t min_width, min_height, max_width, max_height;
};

enum gui_request_kind {
    GUI_REQUEST_MOVE = 1, /* header.serial: of a button press in this window that is still held */
    GUI_REQUEST_RESIZE,   /* likewise; edges below */
    GUI_REQUEST_MAXIMISE,
    GUI_REQUEST_UNMAXIMISE,
    GUI_REQUEST_FULLSCREEN,
    GUI_REQUEST_UNFULLSCREEN,
    GUI_REQUEST_MINIMISE,
    GUI_REQUEST_ATTENTION,
    GUI_REQUEST_LAST = GUI_REQUEST_ATTENTION,
};

#define GUI_EDGE_TOP    1u
#define GUI_EDGE_BOTTOM 2u
#define GUI_EDGE_LEFT   4u
#define GUI_EDGE_RIGHT  8u

struct gui_request {
    struct gui_header header;
    uint32_t kind;
    uint32_t edges;
};

/* The pointer's shape over this VM's content: a number of the cursor-shape-v1 protocol (1: default). 0: hidden. */
struct gui_cursor_shape {
    struct gui_header header;
    uint32_t shape;
    uint32_t reserved;
};
#define GUI_CURSOR_SHAPE_LAST 34u

/* Or a picture, copied: premultiplied ARGB, lines of `width` pixels without gaps. */
struct gui_cursor_image {
    struct gui_header header;
    uint32_t width, height;
    uint32_t hotspot_x, hotspot_y;
    uint32_t pixels[GUI_CURSOR_MAX * GUI_CURSOR_MAX];
};

/* ---- dom0 to agent ---- */

struct gui_output {
    uint32_t width, height; /* logical pixels */
    uint32_t scale120;      /* scale in 1/120 */
    uint32_t refresh;       /* Hz, normalised */
};

struct gui_outputs {
    struct gui_header header;
    uint32_t count;
    uint32_t reserved;
    struct gui_output outputs[GUI_OUTPUTS_MAX];
};

/* Rule names for xkbcommon, NUL-terminated; empty: its default. */
struct gui_keymap {
    struct gui_header header;
    char rules[32], model[32], layout[64], variant[64], options[128];
};

#define GUI_STATE_ACTIVATED  1u
#define GUI_STATE_MAXIMISED  2u
#define GUI_STATE_FULLSCREEN 4u
#define GUI_STATE_RESIZING   8u

/* header.serial: to be named in the commit that answers it. Size 0 x 0: the agent chooses. */
struct gui_configure {
    struct gui_header header;
    uint32_t width, height;
    uint32_t states;
    uint32_t reserved;
};

/* Where on the screen popups of this toplevel or popup may be, relative to its window geometry. */
struct gui_popup_box {
    struct gui_header header;
    struct gui_box box;
};

struct gui_popup_done {
    struct gui_header header;
};

struct gui_close {
    struct gui_header header;
};

/* The last commit of this surface was shown: time for the next. */
struct gui_frame_done {
    struct gui_header header;
    uint32_t time;     /* ms, dom0's monotonic clock */
    uint32_t interval; /* us until the screen shows the next */
};

/* dom0 no longer reads this buffer; it stays mapped. */
struct gui_buffer_released {
    struct gui_header header;
};

/* The answer to BUFFER_DEL: unmapped, the grants may be ended and the id used again. */
struct gui_buffer_gone {
    struct gui_header header;
};

/* object: the surface that has the keyboard from now on, 0: none of this VM's. No key is held at that moment. */
struct gui_focus {
    struct gui_header header;
};

struct gui_key {
    struct gui_header header;
    uint32_t time; /* ms */
    uint32_t code; /* evdev */
    uint32_t pressed;
    uint32_t reserved;
};

struct gui_modifiers {
    struct gui_header header;
    uint32_t depressed, latched, locked, group; /* masks of the keymap */
};

/* Positions in 1/256 pixel. */
struct gui_pointer {
    struct gui_header header;
    uint32_t time;
    int32_t x, y;
    uint32_t reserved;
};

struct gui_pointer_leave {
    struct gui_header header;
};

struct gui_button {
    struct gui_header header;
    uint32_t time;
    uint32_t code; /* evdev */
    uint32_t pressed;
    uint32_t reserved;
};

struct gui_axis {
    struct gui_header header;
    uint32_t time;
    uint32_t orientation; /* 0 vertical, 1 horizontal */
    int32_t value;        /* 1/256 pixel; 0: the finger was lifted */
    int32_t v120;         /* 1/120 of a wheel's step */
    uint32_t source;      /* as in wl_pointer.axis_source */
    uint32_t reserved;
};

enum gui_error_code { GUI_ERROR_PROTOCOL = 1, GUI_ERROR_QUOTA = 2 };

/* Last message before dom0 closes the connection. */
struct gui_error {
    struct gui_header header;
    uint32_t code;
    uint32_t reserved;
};

/* Name, number, who sends it, structure. Numbers are never given to something else. */
#define GUI_MESSAGES(X)                                                                                                \
    X(GUI_HELLO, 1, GUI_BOTH, struct gui_hello)                                                                        \
    X(GUI_BUFFER_NEW, 2, GUI_TO_DOM0, struct gui_buffer_new)                                                           \
    X(GUI_BUFFER_REFS, 3, GUI_TO_DOM0, struct gui_buffer_refs)                                                         \
    X(GUI_BUFFER_DEL, 4, GUI_TO_DOM0, struct gui_buffer_del)                                                           \
    X(GUI_SURFACE_NEW, 5, GUI_TO_DOM0, struct gui_surface_new)                                                         \
    X(GUI_SURFACE_DEL, 6, GUI_TO_DOM0, struct gui_surface_del)                                                         \
    X(GUI_POSITIONER, 7, GUI_TO_DOM0, struct gui_positioner)                                                           \
    X(GUI_COMMIT_BEGIN, 8, GUI_TO_DOM0, struct gui_commit_begin)                                                       \
    X(GUI_NODE, 9, GUI_TO_DOM0, struct gui_node)                                                                       \
    X(GUI_COMMIT_END, 10, GUI_TO_DOM0, struct gui_commit_end)                                                          \
    X(GUI_TITLE, 11, GUI_TO_DOM0, struct gui_title)                                                                    \
    X(GUI_APP_ID, 12, GUI_TO_DOM0, struct gui_app_id)                                                                  \
    X(GUI_HINTS, 13, GUI_TO_DOM0, struct gui_hints)                                                                    \
    X(GUI_REQUEST, 14, GUI_TO_DOM0, struct gui_request)                                                                \
    X(GUI_CURSOR_SHAPE, 15, GUI_TO_DOM0, struct gui_cursor_shape)                                                      \
    X(GUI_CURSOR_IMAGE, 16, GUI_TO_DOM0, struct gui_cursor_image)                                                      \
    X(GUI_OUTPUTS, 64, GUI_TO_VM, struct gui_outputs)                                                                  \
    X(GUI_KEYMAP, 65, GUI_TO_VM, struct gui_keymap)                                                                    \
    X(GUI_CONFIGURE, 66, GUI_TO_VM, struct gui_configure)                                                              \
    X(GUI_POPUP_BOX, 67, GUI_TO_VM, struct gui_popup_box)                                                              \
    X(GUI_POPUP_DONE, 68, GUI_TO_VM, struct gui_popup_done)                                                            \
    X(GUI_CLOSE, 69, GUI_TO_VM, struct gui_close)                                                                      \
    X(GUI_FRAME_DONE, 70, GUI_TO_VM, struct gui_frame_done)                                                            \
    X(GUI_BUFFER_RELEASED, 71, GUI_TO_VM, struct gui_buffer_released)                                                  \
    X(GUI_BUFFER_GONE, 72, GUI_TO_VM, struct gui_buffer_gone)                                                          \
    X(GUI_FOCUS, 73, GUI_TO_VM, struct gui_focus)                                                                      \
    X(GUI_KEY, 74, GUI_TO_VM, struct gui_key)                                                                          \
    X(GUI_MODIFIERS, 75, GUI_TO_VM, struct gui_modifiers)                                                              \
    X(GUI_POINTER_ENTER, 76, GUI_TO_VM, struct gui_pointer)                                                            \
    X(GUI_POINTER_LEAVE, 77, GUI_TO_VM, struct gui_pointer_leave)                                                      \
    X(GUI_POINTER_MOTION, 78, GUI_TO_VM, struct gui_pointer)                                                           \
    X(GUI_BUTTON, 79, GUI_TO_VM, struct gui_button)                                                                    \
    X(GUI_AXIS, 80, GUI_TO_VM, struct gui_axis)                                                                        \
    X(GUI_ERROR, 81, GUI_TO_VM, struct gui_error)

enum gui_direction { GUI_TO_DOM0 = 1, GUI_TO_VM = 2, GUI_BOTH = 3 };

#define GUI_TYPE_ENTRY(name, number, direction, structure) name = (number),
enum gui_type { GUI_MESSAGES(GUI_TYPE_ENTRY) };
#undef GUI_TYPE_ENTRY

/* Room for any message. */
union gui_message {
    struct gui_header header;
#define GUI_UNION_ENTRY(name, number, direction, structure) structure as_##name;
    GUI_MESSAGES(GUI_UNION_ENTRY)
#undef GUI_UNION_ENTRY
};

/* The size of a message of this type, bytes; 0 if that way there is no such type. */
[[nodiscard]] size_t gui_wire_size(enum gui_direction direction, uint32_t type);

/* "GUI_NODE" and so on, for logs. */
[[nodiscard]] const char *gui_wire_name(uint32_t type);

/*
 * Checks every field of one message against its limits, without knowing of any other message. `length` is the number of
 * bytes there are. Returns nullptr if all is well, else a short reason (a constant).
 */
[[nodiscard]] const char *gui_wire_check(enum gui_direction direction, const union gui_message *untrusted,
                                         size_t length);

/* Fills in the header of a message of this type (object and serial as given) and zeroes the rest. */
void gui_wire_init(union gui_message *message, enum gui_type type, uint32_t object, uint32_t serial);
