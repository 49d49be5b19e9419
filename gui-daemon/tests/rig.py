"""rig.py - a dom0 desktop on one machine: atolld's list of VMs (played here), broker, helpers, headless compositor; and
VMs made of a file for their memory and a channel over sockets. Used by the GUI tests.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import wire

TIMEOUT = float(os.environ.get("GUI_TIMEOUT", 30))  # seconds, for every condition; only a failing test waits that long


def wait_for(what, condition):
    """Calls condition() until it returns something true; that is returned."""
    end = time.monotonic() + TIMEOUT
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(0.01)


class Picture:
    """A screenshot."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        magic, size, depth, self.pixels = data.split(b"\n", 3)
        assert magic == b"P6" and depth == b"255"
        self.width, self.height = map(int, size.split())
        assert len(self.pixels) == 3 * self.width * self.height

    def at(self, x, y):
        i = 3 * (y * self.width + x)
        return int.from_bytes(self.pixels[i:i + 3], "big")

    def box(self, x, y, width, height):
        """The colours in a box, row by row."""
        return [self.at(i, j) for j in range(y, y + height) for i in range(x, x + width)]


class Facts(threading.Thread):
    """Plays atolld's vms.sock."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.running, self.clients, self.lock = {}, [], threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            with self.lock:
                self.clients.append(client)
                for event in self.running.values():
                    client.sendall(event)

    def tell(self, event):
        line = json.dumps(event).encode() + b"\n"
        with self.lock:
            if event["event"] == "vm-started":
                self.running[event["domid"]] = line
            else:
                self.running.pop(event["domid"], None)
            for client in self.clients:
                try:
                    client.sendall(line)
                except OSError:
                    pass  # a broker that was stopped


class Desktop:
    """Programs come from the environment, as meson sets it."""

    def __init__(self, environment=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gui-"))
        self.env = dict(os.environ, XDG_RUNTIME_DIR=str(self.dir), WLR_BACKENDS="headless", VCHAN_SOCKET_DIR=str(self.dir),
                        GUI_GRANT_DIR=str(self.dir), WLR_RENDERER="pixman", HOME=str(self.dir),
                        XDG_CACHE_HOME=str(self.dir / "cache"), ASAN_OPTIONS="detect_leaks=0", **(environment or {}))
        self.env.pop("WAYLAND_DISPLAY", None)
        self.env.pop("DISPLAY", None)
        self.processes, self.vms = [], []
        self.facts = Facts(self.dir / "vms.sock")
        self.log = open(self.dir / "log", "w")
        self.start_broker()
        self.start_compositor()

    def start_broker(self):
        self.broker = self.spawn([os.environ["GUI_BROKER"], "--user", "root", "--vms", f"{self.dir}/vms.sock", "--socket",
                                  f"{self.dir}/broker.sock", "--helper", os.environ["GUI_HELPER"], "--terminal",
                                  f"WAYLAND_DISPLAY=dom0 exec foot --config=/dev/null"])

    def start_compositor(self):
        self.compositor = self.spawn([os.environ["GUI_COMPOSITOR"], "--socket", "dom0", "--broker",
                                      f"{self.dir}/broker.sock", "--debug", f"{self.dir}/debug.sock"])
        self.debug = wait_for("the compositor", self.connect_debug).makefile("rw")
        self.park()
        wait_for("the first frame", lambda: "error" not in self.ask(f"screenshot {self.dir}/first.ppm"))

    def connect_debug(self):
        assert self.compositor.poll() is None, "the compositor has ended: " + (self.dir / "log").read_text()
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(str(self.dir / "debug.sock"))
            return client
        except OSError:
            client.close()

    def spawn(self, command, **more):
        env = dict(self.env, **more.pop("env", {}))
        process = subprocess.Popen(command, env=env, stderr=self.log, stdout=more.pop("stdout", self.log), **more)
        self.processes.append(process)
        return process

    def ask(self, command):
        self.debug.write(command + "\n")
        self.debug.flush()
        line = self.debug.readline()
        assert line, "the compositor has ended: " + (self.dir / "log").read_text()[-3000:]
        return json.loads(line)

    def windows(self):
        return self.ask("windows")["windows"]

    def window(self, **match):
        """The front window with these properties, waited for."""
        def find():
            for window in self.windows():
                if all(window[key] == value for key, value in match.items()):
                    return window
        return wait_for(f"a window with {match}; there are {self.windows()}", find)

    def picture(self):
        self.ask(f"screenshot {self.dir}/shot.ppm")
        return Picture(self.dir / "shot.ppm")

    def shows(self, what, condition):
        """Waits until the screen fulfils condition(picture); returns the picture."""
        return wait_for(what, lambda: (lambda p: p if condition(p) else None)(self.picture()))

    def move(self, x, y):
        self.ask(f"move {x} {y}")

    def park(self):
        """Where the pointer covers no more than a pixel."""
        self.move(100000, 100000)

    def click(self, x, y, button=0x110):
        self.move(x, y)
        self.ask(f"button {button} 1")
        self.ask(f"button {button} 0")

    def drag(self, x, y, to_x, to_y):
        self.move(x, y)
        self.ask("button 272 1")
        self.move((x + to_x) // 2, (y + to_y) // 2)
        self.move(to_x, to_y)
        self.ask("button 272 0")

    def key(self, *codes):
        """Presses them one after the other, then releases them."""
        for code in codes:
            self.ask(f"key {code} 1")
        for code in reversed(codes):
            self.ask(f"key {code} 0")

    def counts(self, domid):
        """The helper's numbers, as of now."""
        before = self.ask(f"counts {domid}")
        if "error" in before:
            return before
        time.sleep(0)  # the answer takes a turn of each loop
        return wait_for("the helper's numbers", lambda: self.fresh(domid))

    def fresh(self, domid):
        first = self.ask(f"counts {domid}")
        second = self.ask(f"counts {domid}")
        return second if first == second and second.get("messages") else None

    def start_vm(self, domid, name, label):
        (self.dir / f"pages.{domid}").touch()
        self.facts.tell({"event": "vm-started", "domid": domid, "name": name, "label": label})

    def start_agent(self, domid):
        """The real agent; programs of this VM use the Wayland socket vmDOMID."""
        agent = self.spawn([os.environ["GUI_AGENT"], "--socket", f"vm{domid}"], env={"VCHAN_DOMAIN": str(domid)})
        wait_for("the agent", lambda: (self.dir / f"vm{domid}").exists())
        return agent

    def run_in_vm(self, domid, *command, **env):
        return self.spawn(list(command), env=dict({"WAYLAND_DISPLAY": f"vm{domid}", "SHELL": "/bin/sh", "PS1": "$ "}, **env))

    def stop_vm(self, domid):
        self.facts.tell({"event": "vm-stopped", "domid": domid})

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.log.close()
        text = (self.dir / "log").read_text()
        shutil.rmtree(self.dir, ignore_errors=True)
        return text


class Agent:
    """An agent played by the test: a channel, a file for memory, and the messages of gui_wire.h."""

    def __init__(self, desktop, domid, greet=True):
        self.desktop, self.domid = desktop, domid
        path = desktop.dir / f"pages.{domid}"
        self.memory = open(path, "r+b", buffering=0)
        self.pages = os.path.getsize(path) // 4096
        self.channel = desktop.spawn([os.environ["GUI_CHANNEL"], "6000"], env={"VCHAN_DOMAIN": str(domid)},
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.got, self.ids = [], 0
        self.ended = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if greet:
            self.send(wire.HELLO, magic=wire.MAGIC, version=wire.VERSION)
            self.expect(wire.HELLO)

    def read(self):
        while True:
            header = self.channel.stdout.read(16)
            if len(header) < 16:
                break
            kind, length, _, _ = struct.unpack("<4I", header)
            self.got.append(wire.unpack(header + self.channel.stdout.read(length - 16)))
        self.ended.set()

    def raw(self, data):
        try:
            self.channel.stdin.write(data)
            self.channel.stdin.flush()
        except OSError:
            pass  # it was disconnected already; tests look at that in another way

    def send(self, kind, object=0, serial=0, **fields):
        self.raw(wire.pack(kind, object, serial, **fields))

    def expect(self, kind, object=None, after=0):
        """The last message of this kind, waited for."""
        def find():
            for message in reversed(self.got[after:]):
                if message.kind == kind and object in (None, message.object):
                    return message
        return wait_for(f"{wire.names[kind]} for VM {self.domid}", find)

    def new_id(self):
        self.ids += 1
        return self.ids

    def buffer(self, width, height, colour, format=wire.XRGB8888):
        """Makes a buffer of one colour and tells dom0; returns its id."""
        pages = -(-width * height * 4 // 4096)
        first, self.pages = self.pages, self.pages + pages
        buffer = self.new_id()
        self.memory.truncate(self.pages * 4096)
        self.paint(first, width * height, colour)
        self.send(wire.BUFFER_NEW, buffer, width=width, height=height, stride=width * 4, format=format, offset=0, pages=pages)
        refs = list(range(first, first + pages))
        for i in range(0, pages, wire.REFS):
            part = refs[i:i + wire.REFS]
            self.send(wire.BUFFER_REFS, buffer, first=i, count=len(part), refs=part)
        self.first_page = first
        return buffer

    def paint(self, page, pixels, colour):
        self.memory.seek(page * 4096)
        self.memory.write(struct.pack("<I", colour) * pixels)

    def toplevel(self, title=None):
        surface = self.new_id()
        self.send(wire.SURFACE_NEW, surface, role=wire.TOPLEVEL)
        if title is not None:
            self.send(wire.TITLE, surface, text=title)
        self.expect(wire.CONFIGURE, surface)
        return surface

    def commit(self, surface, buffer, width, height, serial=0, x=0, y=0, damage=()):
        self.send(wire.COMMIT_BEGIN, surface, serial, width=width, height=height, nodes=1)
        self.send(wire.NODE, surface, buffer=buffer, flags=wire.OPAQUE, source=(0, 0, width, height),
                  destination=(x, y, width, height), damage=damage)
        self.send(wire.COMMIT_END, surface)

    def window(self, width, height, colour, title="a window"):
        """A toplevel of one colour on the screen; returns its surface and buffer."""
        surface = self.toplevel(title)
        buffer = self.buffer(width, height, colour)
        self.commit(surface, buffer, width, height, damage=[(0, 0, width, height)])
        self.desktop.window(domid=self.domid, title=title)
        return surface, buffer

    def disconnected(self):
        return self.ended.wait(TIMEOUT)


def main_of(names):
    """Runs the functions of a test file whose only parameter is `desktop`."""
    main([value for value in names.values() if getattr(value, "__module__", "") == "__main__" and
          getattr(value, "__code__", None) and value.__code__.co_varnames[:value.__code__.co_argcount] == ("desktop",)])


def main(tests):
    """Runs the functions, each with a desktop of its own; prints what failed."""
    failed = 0
    chosen = [test for test in tests if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]]
    for test in chosen:
        print(f'... {test.__name__}', flush=True)
        desktop = Desktop()
        try:
            test(desktop)
            error = None
        except Exception as e:  # any failure is reported with the programs' messages
            error = e
            import traceback
            traceback.print_exc()
        if not error and desktop.compositor.poll() is not None:
            error = "the compositor has ended"
        log = desktop.close()
        if "Sanitizer" in log or "runtime error" in log:
            error = error or "a sanitizer complained"
        print(f"{'FAIL' if error else 'ok'}: {test.__name__.replace('_', ' ')}", flush=True)
        if error:
            failed += 1
            print(error, log[-4000:], sep="\n")
    sys.exit(1 if failed else 0)
