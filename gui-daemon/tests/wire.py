"""wire.py - the messages of common/gui_wire.h for test scripts, written apart from it on purpose: a change of the layout
shows as a failing test.
"""
import collections
import struct

MAGIC, VERSION, REFS = 0x554C5441, 1, 250
XRGB8888, ARGB8888 = 0x34325258, 0x34325241
TOPLEVEL, POPUP = 1, 2
OPAQUE = 1

HELLO, BUFFER_NEW, BUFFER_REFS, BUFFER_DEL, SURFACE_NEW, SURFACE_DEL, POSITIONER, COMMIT_BEGIN, NODE, COMMIT_END, TITLE, \
    APP_ID, HINTS, REQUEST, CURSOR_SHAPE, CURSOR_IMAGE = range(1, 17)
OUTPUTS, KEYMAP, CONFIGURE, POPUP_BOX, POPUP_DONE, CLOSE, FRAME_DONE, BUFFER_RELEASED, BUFFER_GONE, FOCUS, KEY, MODIFIERS, \
    POINTER_ENTER, POINTER_LEAVE, POINTER_MOTION, BUTTON, AXIS, ERROR = range(64, 82)
names = {value: name for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)}

# Plain 32-bit words after the header.
words = {
    HELLO: "magic version", BUFFER_NEW: "width height stride format offset pages", BUFFER_DEL: "",
    SURFACE_NEW: "role parent", SURFACE_DEL: "", COMMIT_BEGIN: "width height nodes reserved", COMMIT_END: "",
    HINTS: "min_width min_height max_width max_height", REQUEST: "request edges", CURSOR_SHAPE: "shape reserved",
    CONFIGURE: "width height states reserved", POPUP_BOX: "x y width height", POPUP_DONE: "", CLOSE: "",
    FRAME_DONE: "time interval", BUFFER_RELEASED: "", BUFFER_GONE: "", FOCUS: "", KEY: "time code pressed reserved",
    MODIFIERS: "depressed latched locked group", POINTER_ENTER: "time x y reserved", POINTER_LEAVE: "",
    POINTER_MOTION: "time x y reserved", BUTTON: "time code pressed reserved",
    AXIS: "time orientation value v120 source reserved", ERROR: "code reserved",
}

Message = collections.namedtuple("Message", "kind object serial fields")


def body(kind, fields):
    if kind == BUFFER_REFS:
        refs = fields["refs"]
        return struct.pack("<2I", fields["first"], fields["count"]) + struct.pack(f"<{REFS}I", *refs, *[0] * (REFS - len(refs)))
    if kind == POSITIONER:
        return struct.pack("<4i", *fields["box"])
    if kind == NODE:
        damage = list(fields.get("damage", ()))
        flat = [value for box in damage[:16] for value in box]
        return struct.pack("<2I4i4i2I64i", fields["buffer"], fields.get("flags", 0), *fields["source"], *fields["destination"],
                           fields.get("damage_count", len(damage)), 0, *flat, *[0] * (64 - len(flat)))
    if kind in (TITLE, APP_ID):
        size = 128 if kind == TITLE else 64
        text = fields["text"] if isinstance(fields["text"], bytes) else fields["text"].encode()
        return text.ljust(size, b"\0")
    if kind == CURSOR_IMAGE:
        pixels = fields["pixels"]
        return struct.pack("<4I", fields["width"], fields["height"], fields["hotspot_x"], fields["hotspot_y"]) + \
            struct.pack("<4096I", *pixels, *[0] * (4096 - len(pixels)))
    return b"".join(struct.pack("<I", fields.get(name, 0) & 0xFFFFFFFF) for name in words[kind].split())


def pack(kind, object=0, serial=0, **fields):
    data = body(kind, fields)
    return struct.pack("<4I", kind, 16 + len(data), object, serial) + data


def unpack(data):
    kind, _, object, serial = struct.unpack("<4I", data[:16])
    fields = {}
    if kind in words:
        names_of = words[kind].split()
        fields = dict(zip(names_of, struct.unpack(f"<{len(names_of)}i", data[16:16 + 4 * len(names_of)])))
    return Message(kind, object, serial, fields)
