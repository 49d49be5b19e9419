"""A running machine as tests see it: scripts in dom0, keys and pointer, the screen. Waits on conditions only."""
import collections
import io
import time

import paths
from qemu import Machine, MachineError
from remote import Remote

from PIL import Image

Result = collections.namedtuple("Result", "status out err")

# Characters that are not the name of their own key: (key, with shift)
KEYS = {" ": ("spc", False), "\n": ("ret", False), "\t": ("tab", False), "-": ("minus", False), "_": ("minus", True),
        "=": ("equal", False), "+": ("equal", True), ".": ("dot", False), ">": ("dot", True), ",": ("comma", False),
        "<": ("comma", True), "/": ("slash", False), "?": ("slash", True), ";": ("semicolon", False),
        ":": ("semicolon", True), "'": ("apostrophe", False), '"': ("apostrophe", True), "\\": ("backslash", False),
        "|": ("backslash", True), "!": ("1", True), "@": ("2", True), "#": ("3", True), "$": ("4", True),
        "%": ("5", True), "^": ("6", True), "&": ("7", True), "*": ("8", True), "(": ("9", True), ")": ("0", True)}


class Desktop(Machine):
    """A Machine with a connection to dom0. `patience`: seconds without any sign of life before a wait fails."""

    def __init__(self, name, patience=240, **options):
        super().__init__(run_dir=paths.BUILD / "check" / name, **options)
        self.patience = patience
        self.remote = None
        self.power_on = None

    def start(self):
        self.power_on = time.monotonic()
        super().start()

    def pull_the_plug(self):
        """Ends the machine in the middle of whatever it does."""
        self.process.kill()
        self.stop()

    def stop(self):
        if self.remote:
            self.remote.close()
            self.remote = None
        super().stop()

    def connect(self, timeout=600):
        """Waits for dom0's agent; fails early when the console falls silent."""
        state = {"size": -1, "changed": time.monotonic(), "end": time.monotonic() + timeout}

        def alive():
            size, now = self.console_log.stat().st_size, time.monotonic()
            if size != state["size"]:
                state.update(size=size, changed=now)
                if self.given_up():
                    raise MachineError(f"dom0 does not come up:\n{self.console_tail(60)}")
            if not self.running():
                raise MachineError(f"the machine ended:\n{self.console_tail()}")
            if now - state["changed"] > self.patience or now > state["end"]:
                raise MachineError(f"dom0 did not answer:\n{self.console_tail(60)}")

        began = time.monotonic()
        if self.remote:
            self.remote.close()
        self.remote = Remote(self.exec_socket, alive, self.loaded)
        self.remote.connect()
        self.remote.alive = self.must_run
        return time.monotonic() - began

    def must_run(self):
        if not self.running():
            raise MachineError(f"the machine ended:\n{self.console_tail(60)}")

    def script(self, text, timeout=120):
        """Runs a shell script in dom0; one that takes longer than `timeout` seconds is killed (status 137)."""
        out, err = io.BytesIO(), io.BytesIO()
        status = self.remote.run(text.encode(), out.write, err.write, timeout)
        return Result(status, out.getvalue().decode(errors="replace"), err.getvalue().decode(errors="replace"))

    def ask(self, text, timeout=120):
        """Runs a script that has to succeed; returns what it printed."""
        result = self.script(text, timeout)
        assert result.status == 0, f"status {result.status} of: {text}\n{result.out}\n{result.err}"
        return result.out

    def until(self, condition, timeout=120):
        """Waits in dom0 until a shell condition holds."""
        assert self.becomes(condition, timeout), f"after {timeout} s still not true in dom0: {condition}"

    def becomes(self, condition, timeout):
        """Like until(), but says whether the condition came to hold."""
        return self.script(f"until {{ {condition}\n}} >/dev/null 2>&1; do sleep 0.2; done", timeout).status == 0

    def screen(self):
        """What the screen shows now."""
        path = self.run_dir / "screen.png"
        self.qmp.command("screendump", filename=str(path), format="png")
        return Image.open(path).convert("RGB")

    def until_screen(self, seen, timeout=60):
        """Waits until seen(picture) returns something true, and returns that."""
        deadline = time.monotonic() + timeout
        while True:
            picture = self.screen()
            result = seen(picture)
            if result:
                return result
            self.must_run()
            assert time.monotonic() < deadline, f"the screen did not come to show it; see {self.run_dir}/screen.png"
            time.sleep(0.3)

    def key(self, *names):
        """Presses keys together and lets them go, like key('alt', 'f4'); names as in QEMU's qcodes."""
        def event(name, down):
            return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}
        for name in names:
            self.qmp.command("input-send-event", events=[event(name, True)])
        for name in reversed(names):
            self.qmp.command("input-send-event", events=[event(name, False)])

    def type(self, text):
        """Types text on the (US) keyboard, as fast as a good typist: the keyboard holds only a few keys, and what is
        typed while it is full is lost, as on a real one."""
        for char in text:
            name, shift = KEYS.get(char, (char.lower(), char.isupper()))
            self.key(*(["shift", name] if shift else [name]))
            time.sleep(0.15)

    def move(self, dx, dy):
        """Moves the pointer by so many units of a PS/2 mouse."""
        self.qmp.command("input-send-event", events=[
            {"type": "rel", "data": {"axis": axis, "value": value}} for axis, value in (("x", dx), ("y", dy))])

    def button(self, name="left", down=None):
        """Clicks a button; with `down` only presses (True) or lets go (False)."""
        for state in ([True, False] if down is None else [down]):
            self.qmp.command("input-send-event", events=[{"type": "btn", "data": {"down": state, "button": name}}])
