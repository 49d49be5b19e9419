"""desktop_test.py - the compositor with agents played by the test: frames, input, resizing, what crosses the channel"""
import rig
import wire
from frames import BACKGROUND, BLUE, BORDER, RED, TITLE, expect_frame


def a_window_stands_in_its_vms_frame(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x11AA33)
    window = desktop.window(name="work")
    x, y, w, h = window["inner"]
    assert (w, h) == (300, 200)
    picture = desktop.shows("the content", lambda p: p.at(x + 150, y + 100) == 0x11AA33)
    expect_frame(desktop, window, RED)
    assert set(picture.box(x, y, w, h)) == {0x11AA33}
    assert picture.at(x - BORDER - 1, y) == BACKGROUND and picture.at(x + w + BORDER, y) == BACKGROUND


def two_vms_two_colours(desktop):
    desktop.start_vm(3, "work", "cc0000")
    desktop.start_vm(4, "personal", "3465a4")
    rig.Agent(desktop, 3).window(200, 100, 0x111111)
    rig.Agent(desktop, 4).window(200, 100, 0x222222)
    work, personal = desktop.window(name="work"), desktop.window(name="personal")
    x, y = personal["inner"][:2]
    picture = desktop.shows("the front window", lambda p: p.at(x + 5, y + 5) == 0x222222)
    expect_frame(desktop, personal, BLUE)
    assert picture.at(work["inner"][0] - 3, work["inner"][1] + 50) == RED


def content_cannot_leave_its_frame(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface = agent.toplevel("wide")
    buffer = agent.buffer(600, 600, 0x00FF00)
    # The window says it is 200 x 100, the node reaches far beyond on all sides.
    agent.send(wire.COMMIT_BEGIN, surface, 0, width=200, height=100, nodes=1)
    agent.send(wire.NODE, surface, buffer=buffer, flags=wire.OPAQUE, source=(0, 0, 600, 600), destination=(-100, -100, 600, 600),
               damage=[(0, 0, 600, 600)])
    agent.send(wire.COMMIT_END, surface)
    window = desktop.window(title="wide")
    x, y, w, h = window["inner"]
    picture = desktop.shows("the content", lambda p: p.at(x + 50, y + 50) == 0x00FF00)
    expect_frame(desktop, window, RED)
    inside = picture.box(x, y, w, h).count(0x00FF00)
    assert inside == w * h == 200 * 100
    everywhere = picture.box(0, 0, picture.width, picture.height).count(0x00FF00)
    assert everywhere == inside


def a_vm_that_draws_a_frame_stands_in_its_own(desktop):
    """A picture of another VM's frame and name, in a window with its title, is still inside this VM's frame."""
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface = agent.toplevel("personal")
    buffer = agent.buffer(300, 200, BLUE)
    agent.send(wire.APP_ID, surface, text="dom0")
    agent.commit(surface, buffer, 300, 200, damage=[(0, 0, 300, 200)])
    window = desktop.window(title="personal")
    assert window["name"] == "untrusted"
    x, y, w, h = window["inner"]
    picture = desktop.shows("the false frame", lambda p: p.at(x, y) == BLUE)
    expect_frame(desktop, window, RED)


def titles_show_ascii_only(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(200, 100, 0x111111, title="x")
    surface = agent.toplevel("p\u0430ypal \u202e\x1b[31mabc \U0001F512")
    buffer = agent.buffer(200, 100, 0x222222)
    agent.commit(surface, buffer, 200, 100)
    desktop.window(title="p_ypal __[31mabc _")


def moving_by_the_title_keeps_the_frame_on_the_screen(desktop):
    desktop.start_vm(3, "work", "cc0000")
    rig.Agent(desktop, 3).window(300, 200, 0x11AA33)
    x, y = desktop.window(name="work")["inner"][:2]
    for to in ((-500, -500), (5000, 5000), (640, 300)):
        x, y = desktop.window(name="work")["inner"][:2]
        desktop.drag(x + 150, y - 12, *to)
        window = desktop.window(name="work")
        x, y, w, h = window["inner"]
        picture = desktop.shows("the window", lambda p: p.at(x + w // 2, y + h // 2) == 0x11AA33)
        assert x >= BORDER and y >= TITLE and x + w + BORDER <= picture.width and y + h + BORDER <= picture.height
        expect_frame(desktop, window, RED)


def resizing_waits_for_the_content(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, old = agent.window(300, 200, 0x11AA33)
    x, y, w, h = desktop.window(name="work")["inner"]
    seen = len(agent.got)
    desktop.drag(x + w + 2, y + h + 2, x + w + 102, y + h + 52)
    rig.wait_for("the last size", lambda: any(m.kind == wire.CONFIGURE and m.fields["width"] == 400 for m in agent.got[seen:]))
    last = agent.expect(wire.CONFIGURE, surface, after=seen)
    assert (last.fields["width"], last.fields["height"]) == (400, 250)
    buffer = agent.buffer(400, 250, 0x3311AA)
    agent.commit(surface, buffer, 400, 250, last.serial, damage=[(0, 0, 400, 250)])
    window = desktop.window(inner=[x, y, 400, 250])
    desktop.park()
    picture = desktop.shows("the new content", lambda p: p.at(x + 390, y + 240) == 0x3311AA)
    expect_frame(desktop, window, RED)
    agent.send(wire.BUFFER_DEL, old)
    agent.expect(wire.BUFFER_GONE, old)


def a_vm_that_ignores_a_resize_is_framed_anyway(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x11AA33)
    x, y, w, h = desktop.window(name="work")["inner"]
    desktop.drag(x + w + 2, y + 50, x + w + 102, y + 50)
    window = desktop.window(inner=[x, y, 400, 200])
    expect_frame(desktop, window, RED)


def the_close_button_asks(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, _ = agent.window(300, 200, 0x11AA33)
    x, y, w, _ = desktop.window(name="work")["inner"]
    desktop.click(x + w - 8, y - 10)
    agent.expect(wire.CLOSE, surface)
    agent.send(wire.SURFACE_DEL, surface)
    rig.wait_for("the window's end", lambda: not desktop.windows())


def keys_go_to_the_focused_window_only(desktop):
    desktop.start_vm(3, "work", "cc0000")
    desktop.start_vm(4, "personal", "3465a4")
    work, personal = rig.Agent(desktop, 3), rig.Agent(desktop, 4)
    a, _ = work.window(200, 150, 0x111111)
    b, _ = personal.window(200, 150, 0x222222)
    assert not any(w["focused"] for w in desktop.windows()), "a new window took the focus"
    desktop.key(30)
    x, y, w, h = desktop.window(name="personal")["inner"]
    desktop.click(x + 10, y + h - 10)
    personal.expect(wire.FOCUS, b)
    enter = personal.expect(wire.POINTER_ENTER, b)
    assert (enter.fields["x"], enter.fields["y"]) == (10 * 256, (h - 10) * 256), enter
    assert personal.expect(wire.BUTTON, b).fields["code"] == 0x110
    # Pressed here, released after the focus has moved: the release is nobody's.
    desktop.ask("key 31 1")
    assert personal.expect(wire.KEY, b).fields["code"] == 31
    x, y = desktop.window(name="work")["inner"][:2]
    desktop.click(x + 2, y - 12)
    work.expect(wire.FOCUS, a)
    personal.expect(wire.FOCUS, 0)
    desktop.ask("key 31 0")
    desktop.key(32)
    work.expect(wire.KEY, a)
    rig.wait_for("the release", lambda: [m.fields["pressed"] for m in work.got if m.kind == wire.KEY] == [1, 0])
    assert [m.fields["code"] for m in work.got if m.kind == wire.KEY] == [32, 32]
    assert [m.fields["code"] for m in personal.got if m.kind == wire.KEY] == [31]


def pointer_stays_with_the_pressed_window(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, _ = agent.window(200, 150, 0x111111)
    x, y = desktop.window(name="work")["inner"][:2]
    desktop.move(x + 20, y + 20)
    desktop.ask("button 272 1")
    desktop.move(x + 600, y + 20)
    motion = agent.expect(wire.POINTER_MOTION, surface)
    assert motion.fields["x"] == 600 * 256
    assert not any(m.kind == wire.POINTER_LEAVE for m in agent.got)
    desktop.ask("button 272 0")
    agent.expect(wire.POINTER_LEAVE, surface)


def a_full_repaint_is_a_few_hundred_bytes(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, first = agent.window(1000, 600, 0x111111)
    second = agent.buffer(1000, 600, 0x222222)
    x, y = desktop.window(name="work")["inner"][:2]
    agent.expect(wire.FRAME_DONE, surface)
    before = desktop.counts(3)
    assert before["helper_buffers"] == before["buffers"] == 2 and before["helper_pages"] == before["pages"] == 2 * 586
    for n in range(10):
        seen = len(agent.got)
        agent.commit(surface, (second, first)[n % 2], 1000, 600, damage=[(0, 0, 1000, 600)])
        agent.expect(wire.FRAME_DONE, surface, after=seen)
    desktop.shows("the picture", lambda p: p.at(x + 999, y + 599) == 0x111111)
    after = desktop.counts(3)
    assert 0 < after["from_vm"] - before["from_vm"] < 10 * 1024, "ten repaints of 2.4 MB"
    assert after["pages"] == before["pages"]


def buffers_are_released_and_unmapped(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, first = agent.window(300, 200, 0x111111)
    second = agent.buffer(300, 200, 0x222222)
    seen = len(agent.got)
    agent.commit(surface, second, 300, 200, damage=[(0, 0, 300, 200)])
    agent.expect(wire.BUFFER_RELEASED, first, after=seen)
    agent.send(wire.BUFFER_DEL, second)  # shown: goes away only when it is replaced
    agent.send(wire.BUFFER_DEL, first)
    agent.expect(wire.BUFFER_GONE, first)
    assert not any(m.kind == wire.BUFFER_GONE and m.object == second for m in agent.got)
    agent.send(wire.SURFACE_DEL, surface)
    agent.expect(wire.BUFFER_GONE, second)
    numbers = desktop.counts(3)
    assert numbers["buffers"] == numbers["pages"] == numbers["helper_pages"] == 0


def hidden_windows_are_not_told_about_frames(desktop):
    desktop.start_vm(3, "work", "cc0000")
    desktop.start_vm(4, "personal", "3465a4")
    hidden, cover = rig.Agent(desktop, 3), rig.Agent(desktop, 4)
    surface, buffer = hidden.window(200, 100, 0x111111)
    hidden.expect(wire.FRAME_DONE, surface)
    x, y, _, _ = desktop.window(name="work")["inner"]
    cover.window(1000, 600, 0x222222)
    cx, cy, _, _ = desktop.window(name="personal")["inner"]
    desktop.drag(cx + 500, cy - 12, 0, 0)
    desktop.shows("the cover", lambda p: p.at(x + 10, y + 10) == 0x222222)
    seen = len(hidden.got)
    hidden.commit(surface, buffer, 200, 100, damage=[(0, 0, 200, 100)])
    cover.window(150, 100, 0x333333, "another")  # frames go by
    other = cover.expect(wire.FRAME_DONE)
    assert other and not any(m.kind == wire.FRAME_DONE for m in hidden.got[seen:])


def popups_have_a_border_and_end_with_the_focus(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, _ = agent.window(300, 200, 0x111111)
    x, y, w, h = desktop.window(name="work")["inner"]
    popup, buffer = agent.new_id(), agent.buffer(120, 90, 0xABCDEF)

    def show():
        agent.send(wire.COMMIT_BEGIN, popup, 0, width=120, height=90, nodes=1)
        agent.send(wire.NODE, popup, buffer=buffer, source=(0, 0, 120, 90), destination=(0, 0, 120, 90), damage=[(0, 0, 120, 90)])
        agent.send(wire.COMMIT_END, popup)

    agent.send(wire.SURFACE_NEW, popup, role=wire.POPUP, parent=surface)
    agent.send(wire.POSITIONER, popup, box=(50, 60, 120, 90))
    show()  # nobody has the focus: refused
    agent.expect(wire.POPUP_DONE, popup)
    desktop.click(x + 10, y + 10)
    agent.expect(wire.FOCUS, surface)
    show()
    picture = desktop.shows("the popup", lambda p: p.at(x + 60, y + 70) == 0xABCDEF)
    assert picture.at(x + 48, y + 70) == RED and picture.at(x + 50 + 121, y + 70) == RED
    agent.send(wire.POSITIONER, popup, box=(-3000, -3000, 120, 90))
    picture = desktop.shows("the popup on the screen", lambda p: p.at(2, 2) == 0xABCDEF or p.at(1, 1) == RED)
    seen = len(agent.got)
    desktop.click(900, 700)
    agent.expect(wire.POPUP_DONE, popup, after=seen)
    desktop.shows("no popup", lambda p: p.at(x + 60, y + 70) != 0xABCDEF)


def a_vm_comes_back_after_its_agent_died(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x111111)
    agent.channel.kill()
    rig.wait_for("the windows' end", lambda: not desktop.windows())
    again = rig.Agent(desktop, 3)
    again.window(300, 200, 0x222222)
    x, y = desktop.window(name="work")["inner"][:2]
    desktop.shows("the window", lambda p: p.at(x + 5, y + 5) == 0x222222)


def a_stopped_vm_leaves_nothing(desktop):
    desktop.start_vm(3, "work", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x111111)
    desktop.stop_vm(3)
    rig.wait_for("the windows' end", lambda: not desktop.windows())
    assert agent.disconnected()
    desktop.shows("an empty screen", lambda p: set(p.box(0, 0, p.width, p.height // 2)) == {BACKGROUND})


def helpers_are_users_of_their_own_behind_a_filter(desktop):
    desktop.start_vm(3, "work", "cc0000")
    rig.Agent(desktop, 3).window(300, 200, 0x111111)
    import pathlib
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if text.startswith("Name:\tgui-helper"):
            fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            parent = fields["PPid"]
            if parent == str(desktop.broker.pid):
                found.append(fields)
    assert len(found) == 1
    assert found[0]["Uid"].split() == ["2000003"] * 4 and found[0]["Gid"].split() == ["2000003"] * 4
    assert found[0]["Seccomp"] == "2" and found[0]["NoNewPrivs"] == "1" and int(found[0]["CapEff"], 16) == 0


def a_smaller_screen_keeps_windows_on_it(desktop):
    desktop.start_vm(3, "work", "cc0000")
    rig.Agent(desktop, 3).window(700, 500, 0x111111)
    desktop.ask("resize 640 400")
    window = rig.wait_for("a smaller window", lambda: next((w for w in desktop.windows() if w["inner"][2] <= 630), None))
    picture = desktop.shows("the smaller screen", lambda p: (p.width, p.height) == (640, 400) and p.at(300, 200) == 0x111111)
    expect_frame(desktop, window, RED)


if __name__ == "__main__":
    rig.main_of(globals())
