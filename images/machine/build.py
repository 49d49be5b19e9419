"""Builds everything, inside the build root: the programs with meson, then the disk image."""
import contextlib
import fcntl
import os
import subprocess
import sys

import paths


class BuildError(Exception):
    """Carries one sentence for the user."""


def note(text):
    print(f"build: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked():
    """One build at a time in one checkout."""
    paths.BUILD.mkdir(exist_ok=True)
    with open(paths.BUILD / ".lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("waiting for another build of this checkout")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def step(name, *command):
    if subprocess.run([str(c) for c in command], cwd=paths.TOP, stdin=subprocess.DEVNULL).returncode:
        raise BuildError(f"{name} failed; what it said is above")


def programs():
    """Compiles everything that meson knows."""
    if not (paths.BUILD / "build.ninja").exists():
        note("configuring")
        step("meson setup", "meson", "setup", "--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var",
             "--libdir=lib/x86_64-linux-gnu",
             paths.BUILD)
    note("compiling")
    step("the compilation", "meson", "compile", "-C", paths.BUILD)


def image():
    """Makes the disk image from the compiled programs; does nothing if no input has changed."""
    step("making the disk image", paths.TOP / "images" / "image.sh")


def hand_over():
    """A user who came by sudo owns what was built."""
    uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if uid and gid:
        subprocess.run(["chown", "-hR", f"{uid}:{gid}", str(paths.BUILD)], check=False)


def everything():
    with locked():
        try:
            programs()
            image()
        finally:
            hand_over()
