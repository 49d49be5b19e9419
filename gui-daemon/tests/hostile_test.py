"""hostile_test.py - agents that break the rules: they lose their connection and nothing else happens"""
import os
import random
import struct

import rig
import wire
from frames import BLUE, RED, expect_frame


class Bystander:
    """Another VM, whose window must not notice anything."""

    def __init__(self, desktop):
        self.desktop = desktop
        desktop.start_vm(9, "bystander", "3465a4")
        self.agent = rig.Agent(desktop, 9)
        self.surface, self.buffer = self.agent.window(200, 120, 0x445566, "quiet")

    def check(self):
        window = self.desktop.window(domid=9)
        x, y, w, h = window["inner"]
        self.desktop.click(x + 20, y - 10)
        picture = expect_frame(self.desktop, window, BLUE)
        assert picture.at(x + 3, y + h - 3) == 0x445566
        seen = len(self.agent.got)
        self.agent.commit(self.surface, self.buffer, 200, 120, damage=[(0, 0, 200, 120)])
        self.agent.expect(wire.FRAME_DONE, self.surface, after=seen)


def every_breach_ends_the_connection(desktop):
    bystander = Bystander(desktop)
    desktop.start_vm(3, "untrusted", "cc0000")

    def breach(what, act, greet=True):
        agent = rig.Agent(desktop, 3, greet=greet)
        act(agent)
        assert agent.disconnected(), f"still connected after: {what}"
        assert agent.got[-1].kind == wire.ERROR, f"no word about: {what}: {[(m.kind, m.object) for m in agent.got[-5:]]} of {len(agent.got)}"
        rig.wait_for("no windows of it", lambda: all(w["domid"] != 3 for w in desktop.windows()))

    def with_window(act):
        def run(agent):
            surface, buffer = agent.window(100, 80, 0xFF0000, "bad")
            act(agent, surface, buffer)
        return run

    def node(agent, surface, buffer, **fields):
        agent.send(wire.COMMIT_BEGIN, surface, 0, width=100, height=80, nodes=1)
        agent.send(wire.NODE, surface, **dict(dict(buffer=buffer, source=(0, 0, 100, 80), destination=(0, 0, 100, 80)), **fields))
        agent.send(wire.COMMIT_END, surface)

    breach("noise", lambda a: a.raw(os.urandom(200)), greet=False)
    breach("no HELLO", lambda a: a.send(wire.SURFACE_NEW, 1, role=wire.TOPLEVEL), greet=False)
    breach("wrong magic", lambda a: a.send(wire.HELLO, magic=1, version=1), greet=False)
    breach("future version", lambda a: a.send(wire.HELLO, magic=wire.MAGIC, version=99), greet=False)
    breach("HELLO twice", lambda a: a.send(wire.HELLO, magic=wire.MAGIC, version=1))
    breach("dom0's message", lambda a: a.send(wire.FOCUS, 1))
    breach("an inner message", lambda a: a.raw(struct.pack("<4I", 0x1000, 72, 1, 0) + bytes(56)))
    breach("wrong length", lambda a: a.raw(struct.pack("<4I", wire.COMMIT_END, 20, 1, 0) + bytes(4)))
    breach("huge length", lambda a: a.raw(struct.pack("<4I", wire.COMMIT_END, 0xFFFFFFFF, 1, 0)))
    breach("unknown surface", lambda a: a.send(wire.TITLE, 77, text="x"))
    breach("title not UTF-8", lambda a: a.send(wire.TITLE, a.toplevel(), text=b"\xff\xfe"))
    breach("id used twice", lambda a: [a.send(wire.SURFACE_NEW, 5, role=wire.TOPLEVEL) for _ in range(2)])
    breach("unknown parent", lambda a: a.send(wire.SURFACE_NEW, 5, role=wire.POPUP, parent=4))
    breach("unknown buffer", with_window(lambda a, s, b: node(a, s, b + 50)))
    breach("source outside", with_window(lambda a, s, b: node(a, s, b, source=(50, 0, 100, 80))))
    breach("negative source", with_window(lambda a, s, b: node(a, s, b, source=(-1, 0, 100, 80))))
    breach("too many damage boxes", with_window(lambda a, s, b: node(a, s, b, damage_count=17)))
    breach("commit of another", with_window(lambda a, s, b: [a.send(wire.COMMIT_BEGIN, s, width=1, height=1, nodes=0),
                                                             a.send(wire.COMMIT_END, s + 1)]))
    breach("missing node", with_window(lambda a, s, b: [a.send(wire.COMMIT_BEGIN, s, width=1, height=1, nodes=2),
                                                        a.send(wire.COMMIT_END, s)]))
    breach("commit in a commit", with_window(lambda a, s, b: [a.send(wire.COMMIT_BEGIN, s, width=1, height=1, nodes=1)] * 2 +
                                             [a.send(wire.COMMIT_BEGIN, s, width=1, height=1, nodes=1)]))
    breach("65 nodes", with_window(lambda a, s, b: a.send(wire.COMMIT_BEGIN, s, width=1, height=1, nodes=65)))
    breach("deleted twice", with_window(lambda a, s, b: [a.send(wire.BUFFER_DEL, b) for _ in range(2)]))
    breach("shown after deletion", with_window(lambda a, s, b: [a.send(wire.BUFFER_DEL, b), node(a, s, b)]))
    breach("references without end", lambda a: [
        a.send(wire.BUFFER_NEW, 1, width=10, height=10, stride=40, format=wire.XRGB8888, offset=0, pages=1),
        a.send(wire.BUFFER_REFS, 1, first=0, count=2, refs=[0, 1])])
    breach("pages that are not granted", lambda a: [
        a.send(wire.BUFFER_NEW, 1, width=10, height=10, stride=40, format=wire.XRGB8888, offset=0, pages=1),
        a.send(wire.BUFFER_REFS, 1, first=0, count=1, refs=[1 << 20])])
    breach("pixels beyond the pages", lambda a: a.send(wire.BUFFER_NEW, 1, width=100, height=100, stride=400,
                                                       format=wire.XRGB8888, offset=0, pages=9))
    breach("too many windows", lambda a: [a.send(wire.SURFACE_NEW, i, role=wire.TOPLEVEL) for i in range(1, 131)])
    breach("cursor of 65 pixels", lambda a: a.send(wire.CURSOR_IMAGE, width=65, height=1, hotspot_x=0, hotspot_y=0, pixels=[]))
    bystander.check()


def requests_without_a_press_do_nothing(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, _ = agent.window(300, 200, 0x111111)
    box = desktop.window(domid=3)["inner"]
    for serial in range(200):
        agent.send(wire.REQUEST, surface, serial, request=1)
        agent.send(wire.REQUEST, surface, serial, request=2, edges=10)
    agent.send(wire.REQUEST, surface, request=8)
    agent.send(wire.TITLE, surface, text="done")
    desktop.window(title="done")
    desktop.move(700, 600)
    window = desktop.window(domid=3)
    assert window["inner"] == box and not window["focused"]


def fullscreen_keeps_the_frame(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, _ = agent.window(300, 200, 0x111111)
    agent.send(wire.REQUEST, surface, request=5)
    window = rig.wait_for("a large window", lambda: next((w for w in desktop.windows() if w["inner"][2] > 1200), None))
    seen = len(agent.got)
    buffer = agent.buffer(1280, 720, 0x00FFFF)
    agent.commit(surface, buffer, 1280, 720, agent.expect(wire.CONFIGURE, surface).serial, damage=[(0, 0, 1280, 720)])
    agent.expect(wire.FRAME_DONE, surface, after=seen)
    expect_frame(desktop, desktop.window(domid=3), RED)


def a_cursor_brighter_than_its_alpha_is_cut(desktop):
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x000000)
    x, y, w, h = desktop.window(domid=3)["inner"]
    agent.send(wire.CURSOR_IMAGE, width=32, height=32, hotspot_x=0, hotspot_y=0, pixels=[0x10FFFFFF] * 1024)
    desktop.move(x + 50, y + 50)
    desktop.shows("the cursor, as bright as its alpha", lambda p: p.at(x + 75, y + 75) == 0x101010)
    # Outside this VM's content it is dom0's again.
    desktop.move(x + w + 100, y + 50)
    desktop.shows("dom0's cursor", lambda p: p.at(x + 75, y + 75) == 0)


def changing_pages_while_they_are_shown_does_no_harm(desktop):
    bystander = Bystander(desktop)
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    surface, buffer = agent.window(400, 300, 0x111111)
    generator = random.Random(3)
    for _ in range(60):
        agent.memory.seek(agent.first_page * 4096)
        agent.memory.write(generator.randbytes(480000))
        agent.commit(surface, buffer, 400, 300, damage=[(0, 0, 400, 300)])
    window = desktop.window(domid=3)
    expect_frame(desktop, window, RED)
    bystander.check()


def valid_messages_in_any_order_keep_the_rules(desktop):
    """Random but well-formed messages; after each batch every frame is on the screen and the focus is where it was."""
    bystander = Bystander(desktop)
    desktop.click(*[v + 5 for v in desktop.window(domid=9)["inner"][:2]])
    desktop.start_vm(3, "untrusted", "cc0000")
    generator = random.Random(7)
    agent = rig.Agent(desktop, 3)
    surfaces, buffers = [], []
    for step in range(400):
        if agent.ended.is_set():
            raise AssertionError(f"disconnected at step {step}")
        act = generator.randrange(10)
        if act == 0 and len(surfaces) < 20:
            surface = agent.new_id()
            agent.send(wire.SURFACE_NEW, surface, role=wire.TOPLEVEL)
            surfaces.append(surface)
        elif act == 1 and len(buffers) < 30:
            size = generator.randrange(1, 900), generator.randrange(1, 600)
            buffers.append((agent.buffer(*size, generator.getrandbits(32), generator.choice((wire.XRGB8888, wire.ARGB8888))), size))
        elif act == 2 and len(surfaces) > 3:
            agent.send(wire.SURFACE_DEL, surfaces.pop(generator.randrange(len(surfaces))))
        elif act == 3 and len(buffers) > 5:
            agent.send(wire.BUFFER_DEL, buffers.pop(generator.randrange(len(buffers)))[0])
        elif act == 4 and surfaces:
            agent.send(wire.TITLE, generator.choice(surfaces), text="".join(generator.choices("abc é€🔒\u202e", k=20)))
        elif act == 5 and surfaces:
            agent.send(wire.REQUEST, generator.choice(surfaces), generator.randrange(500), request=generator.randrange(1, 9),
                       edges=generator.randrange(16))
        elif surfaces and buffers:
            surface = generator.choice(surfaces)
            count = generator.randrange(0, 6)
            agent.send(wire.COMMIT_BEGIN, surface, generator.randrange(300), width=generator.randrange(1, 8192),
                       height=generator.randrange(1, 8192), nodes=count)
            for _ in range(count):
                buffer, (w, h) = generator.choice(buffers)
                sw, sh = generator.randrange(1, w + 1), generator.randrange(1, h + 1)
                agent.send(wire.NODE, surface, buffer=buffer, flags=generator.randrange(2),
                           source=(generator.randrange(w - sw + 1), generator.randrange(h - sh + 1), sw, sh),
                           destination=(generator.randrange(-3000, 3000), generator.randrange(-3000, 3000),
                                        generator.randrange(1, 8192), generator.randrange(1, 8192)),
                           damage=[(generator.randrange(8000), generator.randrange(8000), 50, 50)] * generator.randrange(17))
            agent.send(wire.COMMIT_END, surface)
        if step % 40 == 0:
            for window in desktop.windows():
                x, y, w, h = window["inner"]
                assert x >= 5 and y >= 26 and x + w + 5 <= 1280 and y + h + 5 <= 720, window
                assert window["focused"] == (window["domid"] == 9), window
    desktop.stop_vm(3)
    rig.wait_for("the end of its windows", lambda: all(window["domid"] != 3 for window in desktop.windows()))
    bystander.check()


def quotas_of_pages_hold(desktop):
    bystander = Bystander(desktop)
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.memory.truncate(64 << 20)
    for buffer in range(1, 7):  # 64 MiB each, of the same pages
        agent.send(wire.BUFFER_NEW, buffer, width=4096, height=4096, stride=16384, format=wire.XRGB8888, offset=0, pages=16384)
        for first in range(0, 16384, wire.REFS):
            refs = list(range(first, min(first + wire.REFS, 16384)))
            agent.send(wire.BUFFER_REFS, buffer, first=first, count=len(refs), refs=refs)
    assert agent.disconnected()
    bystander.check()


def a_vm_that_does_not_read_is_cut_off(desktop):
    bystander = Bystander(desktop)
    desktop.start_vm(3, "untrusted", "cc0000")
    agent = rig.Agent(desktop, 3)
    agent.window(300, 200, 0x111111)
    x, y, w, h = desktop.window(domid=3)["inner"]
    desktop.click(x + 50, y + h - 20)
    agent.channel.send_signal(19)  # SIGSTOP: its ring fills, then its queue

    def gone():
        for _ in range(500):
            desktop.key(30)
        return all(window["domid"] != 3 for window in desktop.windows())
    rig.wait_for("the end of its windows", gone)
    agent.channel.send_signal(18)
    bystander.check()


if __name__ == "__main__":
    rig.main_of(globals())
