"""Fixtures of the system tests: machines that boot the disk image, each started once for the tests that share it."""
import pathlib
import subprocess
import sys
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "images" / "machine"))
sys.path.insert(0, str(TOP / "tests" / "system"))

import paths  # noqa: E402

# The tests from test_atoll on share one machine, and test_end takes it down: they run in this order.
ORDER = ["test_run", "test_image", "test_atoll", "test_windows", "test_hostile", "test_limits", "test_end"]
VM_START = 400  # seconds for a VM to come up on a busy emulator


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also the tests that take long")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; runs only with --long")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: ORDER.index(item.module.__name__))
    if not config.getoption("--long"):
        chosen = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = chosen


def started(name, **options):
    from desktop import Desktop
    with Desktop(name, **options) as desktop:
        desktop.connect()
        yield desktop


@pytest.fixture(scope="session")
def figure(record_testsuite_property):
    """figure(name, text): a number for the report of the run; nothing depends on it."""
    return lambda name, text: record_testsuite_property(f"figure: {name}", text)


@pytest.fixture(scope="module")
def bare():
    """The image on Debian's kernel without the hypervisor, through GRUB on BIOS."""
    yield from started("bare", entry="bare")


@pytest.fixture(scope="session")
def disk(tmp_path_factory):
    """A disk that keeps what these machines write to it, on top of the image, which stays as it is."""
    path = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", paths.IMAGE, path], check=True)
    return {"image": path, "image_format": "qcow2", "persist": True}


@pytest.fixture(scope="session")
def atoll(disk, figure):
    """The whole of it: GRUB on BIOS, the hypervisor, dom0 with its desktop."""
    from screen import desktop_is_there
    for desktop in started("atoll", entry="atoll", **disk):
        figure("power-on to dom0's first answer", f"{time.monotonic() - desktop.power_on:.0f} s")
        desktop.until_screen(desktop_is_there, 240)
        figure("power-on to the desktop with a terminal", f"{time.monotonic() - desktop.power_on:.0f} s")
        yield desktop


@pytest.fixture(scope="session")
def untrusted(atoll):
    """A running VM with a red label."""
    atoll.ask("qvm-create --label red untrusted && qvm-start untrusted", VM_START)
    atoll.until("qvm-run -p untrusted true", VM_START)
    return atoll


@pytest.fixture(scope="session")
def two_vms(untrusted):
    """A second one beside it, with a blue label and two processors."""
    untrusted.ask("qvm-create --label blue work && qvm-prefs work vcpus 2 && qvm-start work", VM_START)
    untrusted.until("qvm-run -p work true", VM_START)
    return untrusted
