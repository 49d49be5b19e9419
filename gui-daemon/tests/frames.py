"""frames.py - what a frame looks like on a picture"""
RED, BLUE = 0xCC0000, 0x3465A4
BACKGROUND = 0x202830
BORDER, TITLE = 5, 26


def expect_frame(desktop, window, colour):
    """Soon all four sides have the colour, and the title bar has text."""
    x, y, w, h = window["inner"]
    desktop.move(x + w // 2 + 1, y + h // 2 + 1)  # the pointer's picture must not lie on the frame
    try:
        desktop.shows("the frame", lambda p: not frame_fault(p, window, colour))
    except AssertionError:
        raise AssertionError(frame_fault(desktop.picture(), window, colour)) from None
    return desktop.picture()


def frame_fault(picture, window, colour):
    x, y, w, h = window["inner"]
    sides = picture.box(x - BORDER, y - TITLE, BORDER, h + TITLE + BORDER) + \
        picture.box(x + w, y - TITLE, BORDER, h + TITLE + BORDER) + \
        picture.box(x - BORDER, y + h, w + 2 * BORDER, BORDER) + picture.box(x - BORDER, y - TITLE, w + 2 * BORDER, 4)
    if set(sides) != {colour}:
        return f"{set(map(hex, sides))} is not {colour:x} only, {window} on {picture.width}x{picture.height}"
    bar = picture.box(x, y - TITLE, w, TITLE)
    return None if colour in bar and len(set(bar)) > 2 else "no text in the title bar"
