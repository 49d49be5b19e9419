"""Fixtures of the system tests: machines that boot the disk image, each started once for the tests that share it."""
import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "images" / "machine"))
sys.path.insert(0, str(TOP / "tests" / "system"))


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also the tests that take long")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; runs only with --long")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        chosen = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = chosen


def started(name, **options):
    from desktop import Desktop
    with Desktop(name, **options) as desktop:
        desktop.connect()
        yield desktop


@pytest.fixture(scope="module")
def bare():
    """The image on Debian's kernel without the hypervisor, through GRUB on BIOS."""
    yield from started("bare", entry="bare")
