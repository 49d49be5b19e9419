"""agent_test.py - real programs over the real agent: foot and weston's clients in VMs, on the headless desktop"""
import os
import signal

import rig
import wire
from frames import BORDER, RED, TITLE, expect_frame

FOOT = ("foot", "--config=/dev/null", "--override=colors.background=102030", "--override=colors.foreground=e0e0e0",
        "--override=cursor.blink=no", "--override=pad=0x0")
GROUND = 0x102030
KEYS = {"a": 30, "e": 18, "h": 35, "l": 38, "o": 24, "c": 46, "\n": 28, " ": 57, "x": 45, "i": 23, "t": 20, "d": 32, "s": 31, "q": 16, "9": 10}


def type_text(desktop, text):
    for c in text:
        desktop.key(KEYS[c])


def inked(picture, window):
    x, y, w, h = window["inner"]
    return sum(1 for colour in picture.box(x, y, w, h) if colour != GROUND)


def terminal(desktop, domid=3, title="foot", **env):
    desktop.run_in_vm(domid, *FOOT, "--title", title, **env)
    window = desktop.window(domid=domid, title=title)
    x, y, w, h = window["inner"]
    desktop.shows("the terminal", lambda p: p.at(x + w - 2, y + h - 2) == GROUND and inked(p, window) > 20)
    return window


def a_terminal_shows_what_is_typed(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_agent(3)
    window = terminal(desktop)
    x, y, w, h = window["inner"]
    expect_frame(desktop, window, RED)
    before = inked(desktop.picture(), window)
    type_text(desktop, "echo")  # without the focus
    desktop.click(x + w // 2, y + h // 2)
    rig.wait_for("the focus", lambda: desktop.window(domid=3)["focused"])
    desktop.park()
    type_text(desktop, "echo hello")
    picture = desktop.shows("the text", lambda p: inked(p, window) > before + 60)
    # "hello" is typed once after "echo ": the second line, once it has run, has the same shapes.
    type_text(desktop, "\n")
    desktop.shows("the answer", lambda p: inked(p, window) > inked(picture, window) + 30)
    expect_frame(desktop, window, RED)


def two_terminals_in_two_vms(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_vm(4, "personal", "3465a4")
    desktop.start_agent(3)
    desktop.start_agent(4)
    terminal(desktop, 3, "one")
    window = terminal(desktop, 4, "two")
    expect_frame(desktop, window, 0x3465A4)
    x, y, w, h = desktop.window(title="one")["inner"]
    desktop.click(x + 3, y - 10)
    expect_frame(desktop, desktop.window(title="one"), RED)


def resizing_a_terminal_gives_it_more_lines(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_agent(3)
    window = terminal(desktop)
    x, y, w, h = window["inner"]
    desktop.drag(x + w + 2, y + h + 2, x + w + 102, y + h + 62)
    desktop.park()
    window = rig.wait_for("the new size", lambda: next((v for v in desktop.windows() if v["inner"][2] > w + 80), None))
    x, y, w, h = window["inner"]
    desktop.shows("content up to the new corner", lambda p: p.at(x + w - 2, y + h - 2) == GROUND)
    expect_frame(desktop, desktop.window(domid=3), RED)


def the_close_button_ends_the_terminal(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_agent(3)
    window = terminal(desktop)
    x, y, w, _ = window["inner"]
    desktop.click(x + w - 8, y - 10)
    rig.wait_for("the end", lambda: not desktop.windows())
    rig.wait_for("its buffers' end", lambda: desktop.counts(3)["pages"] == 0)


def repainting_moves_no_pixels_over_the_channel(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_agent(3)
    window = terminal(desktop)
    x, y, w, h = window["inner"]
    desktop.click(x + w // 2, y + h // 2)
    rig.wait_for("the focus", lambda: desktop.window(domid=3)["focused"])
    desktop.park()
    few = inked(desktop.picture(), window)
    before = desktop.counts(3)
    # Numbers from top to bottom, scrolled: the whole window was painted at least once.
    type_text(desktop, "seq 99\n")
    desktop.shows("a screen full of numbers", lambda p: inked(p, window) > 8 * few)
    after = desktop.counts(3)
    assert 0 < after["from_vm"] - before["from_vm"] < 64 * 1024, (before, after)
    assert after["helper_pages"] == after["pages"] and 0 < after["buffers"] <= 3


def a_drawing_client_is_paced(desktop):
    """weston-simple-shm draws on every frame callback: frames come, the ring stays small, the client gets on."""
    desktop.start_vm(3, "work", "cc0000")
    desktop.start_agent(3)
    desktop.run_in_vm(3, "weston-simple-shm")
    window = desktop.window(domid=3)
    expect_frame(desktop, window, RED)
    x, y, w, h = window["inner"]
    seen = set()

    def moved():
        seen.add(bytes(str(desktop.picture().box(x + 40, y + 40, 20, 20)), "ascii"))
        return len(seen) > 5
    rig.wait_for("movement", moved)
    frames = desktop.ask("output")["frames"]
    before = desktop.counts(3)
    rig.wait_for("30 frames", lambda: desktop.ask("output")["frames"] >= frames + 30)
    after = desktop.ask("counts 3")
    assert after["buffers"] <= 3
    assert after["from_vm"] - before["from_vm"] < 80 * 1024, "30 frames"


def subsurfaces_stand_in_the_frame(desktop):
    desktop.start_vm(3, "work", "cc0000")
    desktop.start_agent(3)
    desktop.run_in_vm(3, "weston-subsurfaces", "-r1", "-t1")
    window = desktop.window(domid=3)
    expect_frame(desktop, window, RED)
    x, y, w, h = window["inner"]
    desktop.shows("its picture", lambda p: len(set(p.box(x, y, w, h))) > 3)


def windows_come_back_when_dom0s_side_restarts(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_agent(3)
    terminal(desktop)
    desktop.compositor.send_signal(signal.SIGKILL)
    desktop.compositor.wait()
    (desktop.dir / "dom0").unlink(missing_ok=True)
    desktop.start_compositor()
    window = desktop.window(domid=3, title="foot")
    x, y, w, h = window["inner"]
    expect_frame(desktop, window, RED)
    before = inked(desktop.picture(), window)
    assert before > 20
    desktop.click(x + w // 2, y + h // 2)
    desktop.park()
    type_text(desktop, "echo hello")
    desktop.shows("the text", lambda p: inked(p, window) > before + 60)


def a_killed_agent_takes_only_its_own_windows(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    desktop.start_vm(4, "personal", "3465a4")
    agent = desktop.start_agent(3)
    desktop.start_agent(4)
    terminal(desktop, 3, "one")
    terminal(desktop, 4, "two")
    agent.kill()
    rig.wait_for("one window", lambda: [w["title"] for w in desktop.windows()] == ["two"])


def dom0s_terminal_opens_by_the_chord(desktop):
    desktop.key(125, 28)  # Super+Return
    window = desktop.window(name="dom0")
    rig.wait_for("the focus", lambda: desktop.window(name="dom0")["focused"])
    expect_frame(desktop, window, 0x000000)
    x, y, w, h = window["inner"]
    ground = desktop.shows("a prompt", lambda p: len(set(p.box(x, y, 200, 20))) > 2).at(x + w - 3, y + h - 3)
    before = desktop.picture().box(x, y, 400, 60)
    type_text(desktop, "echo")
    desktop.shows("the text", lambda p: p.box(x, y, 400, 60) != before)
    type_text(desktop, "\n")
    type_text(desktop, "exit\n")
    rig.wait_for("its end", lambda: not desktop.windows())
    assert ground is not None


if __name__ == "__main__":
    rig.main_of(globals())
