/* gui_wire.c - see gui_wire.h. Pure: no I/O, no state. */
#include "common/gui_wire.h"

#include <string.h>

enum {
    COORDINATE_MAX = 32767, /* positions of nodes and popups, either sign, pixels */
    PAGE = 4096,
};

struct message_type {
    const char *name;
    uint32_t number;
    enum gui_direction direction;
    uint32_t size;
};

static const struct message_type types[] = {
#define ROW(name, number, direction, structure) {#name, number, direction, sizeof(structure)},
    GUI_MESSAGES(ROW)
#undef ROW
};

/* No compiler may put holes in them: both ends are built apart. */
#define WHOLE_WORDS(name, number, direction, structure) static_assert(sizeof(structure) % 4 == 0);
GUI_MESSAGES(WHOLE_WORDS)
#undef WHOLE_WORDS
static_assert(sizeof(struct gui_header) == 16 && sizeof(struct gui_box) == 16);
static_assert(sizeof(struct gui_node) == 16 + 8 + 16 + 16 + 8 + 16 * GUI_DAMAGE_MAX);
static_assert(sizeof(struct gui_buffer_refs) == 16 + 8 + 4 * GUI_REFS_PER_MESSAGE);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

static const struct message_type *find_type(uint32_t number)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].number == number)
            return &types[i];
    return nullptr;
}

size_t gui_wire_size(enum gui_direction direction, uint32_t type)
{
    const struct message_type *found = find_type(type);

    return found && (found->direction & direction) ? found->size : 0;
}

const char *gui_wire_name(uint32_t type)
{
    const struct message_type *found = find_type(type);

    return found ? found->name : "unknown";
}

void gui_wire_init(union gui_message *message, enum gui_type type, uint32_t object, uint32_t serial)
{
    size_t size = gui_wire_size(GUI_BOTH, type);

    memset(message, 0, size);
    message->header = (struct gui_header){type, (uint32_t)size, object, serial};
}

static bool in_range(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

static bool is_size(uint32_t size)
{
    return in_range(size, 1, GUI_SIZE_MAX);
}

/* Whether the text ends in NULs only and is well-formed UTF-8 (shortest form, no surrogates) before them. */
static bool is_text(const char *untrusted, size_t size)
{
    size_t length = strnlen(untrusted, size);

    for (size_t i = length; i < size; i++)
        if (untrusted[i])
            return false;
    for (size_t i = 0; i < length;) {
        uint8_t lead = (uint8_t)untrusted[i++];
        uint32_t more = lead < 0x80                   ? 0
                        : lead >= 0xc2 && lead < 0xe0 ? 1
                        : lead >= 0xe0 && lead < 0xf0 ? 2
                        : lead >= 0xf0 && lead < 0xf5 ? 3
                                                      : 4;
        uint32_t point = more ? lead & (0x3fu >> more) : lead;

        if (more == 4 || more > length - i)
            return false;
        for (uint32_t k = 0; k < more; k++, i++) {
            if (((uint8_t)untrusted[i] & 0xc0) != 0x80)
                return false;
            point = point << 6 | ((uint8_t)untrusted[i] & 0x3f);
        }
        if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10ffff ||
            (point >= 0xd800 && point < 0xe000))
            return false;
    }
    return true;
}

/* Whether a box has a size and lies inside 0..GUI_SIZE_MAX. */
static bool is_buffer_box(const struct gui_box *untrusted)
{
    return in_range(untrusted->x, 0, GUI_SIZE_MAX) && in_range(untrusted->y, 0, GUI_SIZE_MAX) &&
           in_range(untrusted->width, 1, GUI_SIZE_MAX - untrusted->x) &&
           in_range(untrusted->height, 1, GUI_SIZE_MAX - untrusted->y);
}

static bool is_screen_box(const struct gui_box *untrusted)
{
    return in_range(untrusted->x, -COORDINATE_MAX, COORDINATE_MAX) &&
           in_range(untrusted->y, -COORDINATE_MAX, COORDINATE_MAX) && in_range(untrusted->width, 1, GUI_SIZE_MAX) &&
           in_range(untrusted->height, 1, GUI_SIZE_MAX);
}

static const char *check_buffer_new(const struct gui_buffer_new *untrusted)
{
    if (!is_size(untrusted->width) || !is_size(untrusted->height))
        return "buffer size";
    if (!in_range(untrusted->stride, 4 * (int64_t)untrusted->width, 4 * (int64_t)untrusted->width + GUI_STRIDE_SLACK) ||
        untrusted->stride % 4 || untrusted->offset % 4)
        return "stride or alignment";
    if (untrusted->format != GUI_XRGB8888 && untrusted->format != GUI_ARGB8888)
        return "pixel format";
    if (untrusted->offset >= PAGE || !in_range(untrusted->pages, 1, GUI_BUFFER_PAGES_MAX))
        return "offset or number of pages";
    if ((uint64_t)untrusted->stride * untrusted->height + untrusted->offset > (uint64_t)untrusted->pages * PAGE)
        return "pixels beyond the last page";
    return nullptr;
}

static const char *check_refs(const struct gui_buffer_refs *untrusted)
{
    if (!in_range(untrusted->count, 1, GUI_REFS_PER_MESSAGE) ||
        !in_range(untrusted->first, 0, GUI_BUFFER_PAGES_MAX - (int64_t)untrusted->count))
        return "number of references";
    return nullptr;
}

static const char *check_node(const struct gui_node *untrusted)
{
    uint32_t boxes = untrusted->damage_count;

    if (!untrusted->buffer || untrusted->flags & ~GUI_NODE_OPAQUE || untrusted->reserved)
        return "buffer or flags of a node";
    if (!is_buffer_box(&untrusted->source) || !is_screen_box(&untrusted->destination))
        return "boxes of a node";
    if (boxes > GUI_DAMAGE_MAX)
        return "number of damage boxes";
    for (uint32_t i = 0; i < boxes; i++)
        if (!is_buffer_box(&untrusted->damage[i]))
            return "damage box";
    return nullptr;
}

static const char *check_surface_new(const struct gui_surface_new *untrusted)
{
    if (untrusted->role != GUI_TOPLEVEL && untrusted->role != GUI_POPUP)
        return "role";
    if (untrusted->parent == untrusted->header.object || (untrusted->role == GUI_POPUP && !untrusted->parent))
        return "parent";
    return nullptr;
}

static const char *check_commit(const struct gui_commit_begin *untrusted)
{
    if (untrusted->nodes > GUI_NODES_MAX || untrusted->reserved)
        return "number of nodes";
    if (!is_size(untrusted->width) || !is_size(untrusted->height))
        return "window size";
    return nullptr;
}

static const char *check_request(const struct gui_request *untrusted)
{
    if (!in_range(untrusted->kind, 1, GUI_REQUEST_LAST))
        return "request";
    if (untrusted->edges > (GUI_EDGE_TOP | GUI_EDGE_BOTTOM | GUI_EDGE_LEFT | GUI_EDGE_RIGHT))
        return "edges";
    return nullptr;
}

static const char *check_hints(const struct gui_hints *untrusted)
{
    if (untrusted->min_width > GUI_SIZE_MAX || untrusted->min_height > GUI_SIZE_MAX ||
        untrusted->max_width > GUI_SIZE_MAX || untrusted->max_height > GUI_SIZE_MAX)
        return "size hint";
    return nullptr;
}

static const char *check_cursor_image(const struct gui_cursor_image *untrusted)
{
    if (!in_range(untrusted->width, 1, GUI_CURSOR_MAX) || !in_range(untrusted->height, 1, GUI_CURSOR_MAX))
        return "cursor size";
    if (untrusted->hotspot_x >= untrusted->width || untrusted->hotspot_y >= untrusted->height)
        return "cursor hotspot";
    return nullptr;
}

static const char *check_keymap(const struct gui_keymap *untrusted)
{
    if (!is_text(untrusted->rules, sizeof(untrusted->rules)) || !is_text(untrusted->model, sizeof(untrusted->model)) ||
        !is_text(untrusted->layout, sizeof(untrusted->layout)) ||
        !is_text(untrusted->variant, sizeof(untrusted->variant)) ||
        !is_text(untrusted->options, sizeof(untrusted->options)) || untrusted->rules[sizeof(untrusted->rules) - 1] ||
        untrusted->model[sizeof(untrusted->model) - 1] || untrusted->layout[sizeof(untrusted->layout) - 1] ||
        untrusted->variant[sizeof(untrusted->variant) - 1] || untrusted->options[sizeof(untrusted->options) - 1])
        return "keymap names";
    return nullptr;
}

/* The fields after the header. */
static const char *check_body(const union gui_message *m)
{
    switch (m->header.type) {
    case GUI_HELLO: return m->as_GUI_HELLO.magic != GUI_MAGIC ? "magic number" : nullptr;
    case GUI_BUFFER_NEW: return check_buffer_new(&m->as_GUI_BUFFER_NEW);
    case GUI_BUFFER_REFS: return check_refs(&m->as_GUI_BUFFER_REFS);
    case GUI_SURFACE_NEW: return check_surface_new(&m->as_GUI_SURFACE_NEW);
    case GUI_POSITIONER: return is_screen_box(&m->as_GUI_POSITIONER.box) ? nullptr : "popup box";
    case GUI_COMMIT_BEGIN: return check_commit(&m->as_GUI_COMMIT_BEGIN);
    case GUI_NODE: return check_node(&m->as_GUI_NODE);
    case GUI_TITLE: return is_text(m->as_GUI_TITLE.text, GUI_TITLE_MAX) ? nullptr : "title";
    case GUI_APP_ID: return is_text(m->as_GUI_APP_ID.text, GUI_APP_ID_MAX) ? nullptr : "application id";
    case GUI_HINTS: return check_hints(&m->as_GUI_HINTS);
    case GUI_REQUEST: return check_request(&m->as_GUI_REQUEST);
    case GUI_CURSOR_SHAPE: return m->as_GUI_CURSOR_SHAPE.shape > GUI_CURSOR_SHAPE_LAST ? "cursor shape" : nullptr;
    case GUI_CURSOR_IMAGE: return check_cursor_image(&m->as_GUI_CURSOR_IMAGE);
    case GUI_OUTPUTS: return m->as_GUI_OUTPUTS.count > GUI_OUTPUTS_MAX ? "number of outputs" : nullptr;
    case GUI_KEYMAP: return check_keymap(&m->as_GUI_KEYMAP);
    default: return nullptr; /* nothing but ids and plain numbers */
    }
}

/* Messages to dom0 that are not about one surface or buffer. */
static bool needs_object(uint32_t type)
{
    return type != GUI_HELLO && type != GUI_CURSOR_SHAPE && type != GUI_CURSOR_IMAGE;
}

const char *gui_wire_check(enum gui_direction direction, const union gui_message *untrusted, size_t length)
{
    if (length < sizeof(struct gui_header))
        return "cut header";
    size_t size = gui_wire_size(direction, untrusted->header.type);
    if (!size)
        return "unknown type";
    if (untrusted->header.length != size || length != size)
        return "length";
    if (direction == GUI_TO_DOM0 && needs_object(untrusted->header.type) != (untrusted->header.object != 0))
        return "object id";
    return check_body(untrusted);
}
