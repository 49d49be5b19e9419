"""./run: builds what is missing, starts the machine, and for --exec runs a script in dom0."""
import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import accel
import build
import paths
from qemu import Machine, MachineError, direct
from qmp import QmpError
from remote import Remote, RemoteError

DID_NOT_ANSWER = 124


def parse():
    parser = argparse.ArgumentParser(prog="./run", add_help=False)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--exec", metavar="FILE")
    parser.add_argument("--firmware", choices=["bios", "uefi"], default="bios")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--hypervisor", metavar="FILE")
    parser.add_argument("--options", metavar="TEXT", default="")
    parser.add_argument("--throw-away", action="store_true")
    parser.add_argument("--accel", choices=["tcg", "kvm", "auto"], default="auto")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", type=int, default=4096)
    parser.add_argument("--no-iommu", action="store_true")
    parser.add_argument("--timeout", type=float, default=180)
    parser.add_argument("--qemu-arg", action="append", default=[])
    return parser.parse_args()


def note(text):
    print(f"run: {text}", file=sys.stderr, flush=True)


def free_vnc_display():
    for number in range(100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", 5900 + number))
                return number
            except OSError:
                continue
    raise MachineError("no port from 5900 to 5999 is free for VNC")


class Progress:
    """Says whether a machine still does something: its console grows, or its agent has answered."""

    def __init__(self, machine, patience):
        self.machine = machine
        self.patience = patience
        self.size = -1
        self.changed = time.monotonic()

    def check(self):
        if not self.machine.running():
            raise MachineError("the machine ended before dom0 answered")
        size = self.machine.console_log.stat().st_size
        if size != self.size and self.machine.given_up():
            raise MachineError(f"dom0 does not come up: {self.machine.given_up()}")
        if size != self.size:
            self.size, self.changed = size, time.monotonic()
        elif time.monotonic() - self.changed > self.patience:
            raise MachineError(f"dom0 does not answer, and its console has been silent for {self.patience:.0f} s")

    def check_ended(self):
        if not self.machine.running():
            raise MachineError("the machine ended while the script was running")


def power_off(machine, remote):
    """Lets dom0 shut down; ends QEMU when it does not."""
    try:
        remote.alive = lambda: None if machine.running() else (_ for _ in ()).throw(RemoteError("off"))
        remote.power_off()
    except (RemoteError, OSError):
        pass
    size, changed = -1, time.monotonic()
    while not machine.wait_off(1):
        now = machine.console_log.stat().st_size
        if now != size:
            size, changed = now, time.monotonic()
        elif time.monotonic() - changed > 60:
            note("dom0 did not power off; ending the machine")
            return


def run_script(machine, path, patience):
    progress = Progress(machine, patience)
    remote = Remote(machine.exec_socket, progress.check, machine.loaded)
    began = time.monotonic()
    try:
        remote.connect()
        note(f"dom0 answered {time.monotonic() - began:.0f} s after power-on")
        remote.alive = progress.check_ended

        def put(stream):
            def write(data):
                stream.buffer.write(data)
                stream.flush()
            return write
        status = remote.run(path.read_bytes(), put(sys.stdout), put(sys.stderr))
        power_off(machine, remote)
        return status
    finally:
        remote.close()


def watch(machine, vnc):
    """Waits until the machine has powered off, or the user has had enough."""
    if vnc is not None:
        note(f"no display: look with a VNC viewer at 127.0.0.1:{5900 + vnc}; Ctrl-C ends the machine")
    note(f"console: {machine.console_log}")
    machine.process.wait()
    return 0


def machine_options(args):
    wants_window = (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and not args.headless
    display, vnc = "none", None
    if not args.exec:
        if wants_window:
            display = "gtk,show-menubar=off"
        else:
            vnc = free_vnc_display()
            display = f"vnc=127.0.0.1:{vnc}"
    elif wants_window:
        display = "gtk,show-menubar=off"
    options = {"firmware": args.firmware, "entry": "bare" if args.bare else "atoll", "cpus": args.cpus,
               "memory": args.memory, "display": display, "accelerator": accel.choose(args.accel),
               "persist": not args.throw_away, "extra": args.qemu_arg, "iommu": not args.no_iommu}
    if args.direct or args.hypervisor:
        options |= direct(args.hypervisor or paths.HYPERVISOR, args.options)
    return options, vnc


def main():
    args = parse()
    script = pathlib.Path(args.exec) if args.exec else None
    if script and not script.is_file():
        note(f"there is no script '{args.exec}'")
        return 2
    if not args.no_build:
        build.everything()
    if args.build:
        note("built build/hypervisor/atoll and build/atoll.img")
        return 0
    if not paths.IMAGE.exists():
        note("there is no build/atoll.img; leave out --no-build")
        return 2
    options, vnc = machine_options(args)
    with Machine(**options) as machine:
        try:
            return run_script(machine, script, args.timeout) if script else watch(machine, vnc)
        except (MachineError, RemoteError, QmpError) as error:
            note(f"{error}; the end of {machine.console_log.relative_to(paths.TOP)}:")
            print(machine.console_tail(), file=sys.stderr)
            return DID_NOT_ANSWER


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except build.BuildError as error:
        note(f"{error}")
        sys.exit(1)
    except (MachineError, subprocess.SubprocessError, OSError) as error:
        note(f"{error}")
        sys.exit(1)
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(130)
