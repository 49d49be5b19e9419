"""What a picture of the screen shows: frames, their labels, text. Colours are compared exactly."""
from PIL import Image, ImageChops

RED, BLUE = (0xcc, 0x00, 0x00), (0x34, 0x65, 0xa4)
WHITE = (0xff, 0xff, 0xff)
GROUND = (0x20, 0x28, 0x30)    # the desktop's
TERMINAL = (0x24, 0x24, 0x24)  # foot's ground
BORDER, TITLE = 5, 26          # of a frame, pixels: left, right, bottom; top
LABEL = (BORDER, 6, 30, 18)    # in the frame: a piece of the label with the VM's name


def count(picture, colour):
    """How many pixels of the picture have exactly this colour."""
    return sum(n for n, found in picture.getcolors(1 << 24) if found == colour)


def desktop_is_there(picture):
    """The compositor's background, and dom0's terminal on it."""
    return count(picture, GROUND) > 100000 and count(picture, TERMINAL) > 100000


def box_of(picture, colour):
    """Left, top, right, bottom of all that has this colour (right and bottom: the first pixel beyond), or None."""
    red, green, blue = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).split()
    away = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return away.point(lambda value: 0 if value else 255).getbbox()


def inner_of(box):
    """What is inside a frame with this outline."""
    left, top, right, bottom = box
    return left + BORDER, top + TITLE, right - BORDER, bottom - BORDER


def focused(picture, colour):
    """Whether the window in this colour has the focus: the label with the VM's name is white then, else grey."""
    box = box_of(picture, colour)
    if not box:
        return False
    x, y, width, height = LABEL
    label = picture.crop((box[0] + x, box[1] + y, box[0] + x + width, box[1] + y + height))
    return count(label, WHITE) > 250  # less the name's letters and perhaps the pointer


def focus(desktop, colour):
    """Goes through the windows with Super+Tab, each step comes to the front, until the one in this colour is there."""
    for _ in range(8):
        if focused(desktop.screen(), colour):
            return
        before = desktop.screen().tobytes()
        desktop.key("meta_l", "tab")
        desktop.until_screen(lambda p: p.tobytes() != before, 60)
    desktop.until_screen(lambda p: focused(p, colour), 10)


def text_pixels(picture, colour):
    """How many pixels of the first line in the terminal with this frame are bright: its text."""
    left, top = box_of(picture, colour)[:2]
    line = picture.crop((left + BORDER, top + TITLE, left + 600, top + TITLE + 16))
    return sum(n for n, found in line.getcolors(1 << 24) if min(found) > 180)


def open_terminal(desktop, vm, colour):
    """Makes sure that a terminal of the VM is on the screen."""
    if count(desktop.screen(), colour) < 1000:
        desktop.ask(f"qvm-run {vm} foot", 120)
        desktop.until_screen(lambda p: count(p, colour) > 1000, 120)
