"""The emulated PC that Atoll runs on: its command line, its life, its sockets."""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import time

import accel
import paths
from qmp import Qmp, QmpError

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


# After one of these on the console nobody has to wait any longer.
LAST_WORDS = ("Kernel panic - not syncing", "atoll: PANIC", "Freezing execution", "; a shell follows",
              "Failed to boot both default and fallback entries")


# One of these on the console means that the boot loader has handed over: what Atoll, Xen, and Debian without either say.
FIRST_WORDS = ("atoll: ", "(XEN)", "Linux version", "systemd", "  OK  ", "initramfs")


class MachineError(Exception):
    """Carries one sentence for the user."""


def _die_with_parent():
    """A QEMU whose starter is gone would keep its image and its ports."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def boot_options():
    """The options of the hypervisor and of dom0's kernel, as GRUB gives them."""
    found = {}
    for line in (paths.TOP / "images" / "disk" / "options.sh").read_text().splitlines():
        name, sep, value = line.partition("='")
        if sep:
            found[name] = value.rstrip("'")
    return found["hypervisor_options"], found["dom0_options"]


def direct(hypervisor=paths.HYPERVISOR, more="", dom0_more=""):
    """Arguments for Machine() that start the hypervisor without GRUB: faster by some seconds."""
    options, dom0 = boot_options()
    parts = paths.BUILD / "image"
    return {"kernel": hypervisor, "append": f"{options} {more}".strip(),
            "modules": f"{(parts / 'vmlinux').resolve()} {dom0} console=hvc0 {dom0_more}".strip() + f",{parts / 'dom0-initrd'}"}


class Machine:
    """One emulated PC. Use it as a context: it never outlives the block.

    kernel: boot this file directly (the hypervisor, or another multiboot kernel) instead of GRUB on the disk;
    modules and append go with it. entry: which GRUB entry ('atoll' or 'bare') to start. iommu: whether the PC has one
    (Intel's; the emulator lets AMD's processor have it); the 'bare' entry never gets one: Debian's kernel by itself gives
    up at boot when the emulated timer, on a busy host, does not tick in time through remapped interrupts.
    """

    def __init__(self, run_dir=paths.RUN, image=paths.IMAGE, firmware="bios", entry="atoll", kernel=None, modules=None,
                 append=None, cpus=2, memory=4096, display="none", persist=False, accelerator="tcg", extra=(),
                 image_format="raw", iommu=True):
        self.run_dir = pathlib.Path(run_dir)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        for old in self.run_dir.glob("*.sock"):
            old.unlink()
        self.console_log = self.run_dir / "console.log"
        self.console_log.write_bytes(b"")
        self.own_qmp = self.run_dir / "own.sock"
        self.free_qmp = self.run_dir / "qmp.sock"
        self.exec_socket = self.run_dir / "exec.sock"
        self.process = None
        self.qmp = None
        self.direct = kernel is not None
        self.arguments = ["qemu-system-x86_64", *accel.arguments(accelerator, cpus, memory, iommu and entry != "bare"),
                          "-vga", "std", "-display", display, "-nic", "none", "-no-reboot", "-name", "atoll",
                          "-drive", f"if=none,id=disk,format={image_format},file={image},snapshot={'off' if persist else 'on'}",
                          "-device", "ide-hd,drive=disk,bus=ide.0",
                          "-chardev", f"file,id=com1,path={self.console_log}", "-serial", "chardev:com1",
                          "-chardev", f"socket,id=com2,path={self.exec_socket},server=on,wait=off",
                          "-serial", "chardev:com2",
                          "-qmp", f"unix:{self.own_qmp},server=on,wait=off",
                          "-qmp", f"unix:{self.free_qmp},server=on,wait=off"]
        if firmware == "uefi":
            variables = self.run_dir / "uefi-vars.fd"
            shutil.copy(OVMF_VARS, variables)
            self.arguments += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                               "-drive", f"if=pflash,format=raw,file={variables}"]
        if kernel:
            self.arguments += ["-kernel", str(kernel)]
            if modules:
                self.arguments += ["-initrd", modules]
            if append:
                self.arguments += ["-append", append]
        else:
            self.arguments += ["-smbios", f"type=11,value=atoll.entry={entry}"]
        self.arguments += extra

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.errors = open(self.run_dir / "qemu.log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=self.errors,
                                        stderr=subprocess.STDOUT, preexec_fn=_die_with_parent)
        try:
            self.qmp = Qmp(self.own_qmp)
        except QmpError:
            self.stop()
            raise MachineError("QEMU did not start: " + (self.qemu_says() or "it said nothing")) from None
        uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
        if uid and gid:
            for path in (self.run_dir, *self.run_dir.iterdir()):
                os.chown(path, int(uid), int(gid))

    def qemu_says(self):
        self.errors.flush()
        lines = (self.run_dir / "qemu.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def console(self):
        """All that the first serial port has said."""
        return self.console_log.read_text(errors="replace")

    def console_tail(self, lines=25):
        return "\n".join(self.console().replace("\r", "").splitlines()[-lines:])

    def loaded(self):
        """Whether something runs that was loaded from the disk, or that QEMU has loaded itself."""
        return self.direct or any(text in self.console() for text in FIRST_WORDS)

    def given_up(self):
        """The line of the console that says that nothing more will come, or None."""
        for line in self.console().splitlines():
            if any(text in line for text in LAST_WORDS):
                return line.strip()
        return None

    def wait_off(self, timeout):
        """Waits until the machine has powered itself off; False when it has not within `timeout` seconds."""
        try:
            self.process.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self):
        """Ends QEMU, whatever state the machine is in."""
        if self.running():
            try:
                if self.qmp:
                    self.qmp.command("quit", timeout=5)
                self.process.wait(10)
            except (QmpError, subprocess.TimeoutExpired):
                self.process.kill()
        if self.process:
            self.process.wait()
        if self.qmp:
            self.qmp.close()
            self.qmp = None

    def wait_console(self, text, timeout, quiet=120):
        """Waits until the console shows `text`; gives up early when it shows nothing new for `quiet` seconds."""
        deadline, changed, size = time.monotonic() + timeout, time.monotonic(), -1
        while True:
            console = self.console()
            if text in console:
                return
            now = time.monotonic()
            if len(console) != size:
                size, changed = len(console), now
            if not self.running():
                raise MachineError(f"the machine ended before its console showed '{text}':\n{self.console_tail()}")
            if now > deadline or now - changed > quiet:
                raise MachineError(f"the console did not show '{text}':\n{self.console_tail()}")
            time.sleep(0.2)
