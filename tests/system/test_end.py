"""How it ends: a VM is killed, the plug is pulled, the machine powers off; and what is still there afterwards."""
import re

import pytest

from buildid import READ_BUILD_ID, build_id
from conftest import VM_START, started
from screen import BLUE, count, open_terminal


def test_killed_vm_takes_its_windows_and_grants_along(two_vms):
    open_terminal(two_vms, "work", BLUE)
    domain = int(two_vms.ask("qvm-prefs work xid"))
    assert "read-only      0" not in two_vms.ask(f"/usr/lib/atoll/atoll-domain grants {domain}")
    two_vms.ask("qvm-kill work", 60)
    two_vms.until_screen(lambda p: count(p, BLUE) < 100, 60)
    # A domain stays as a dying one until the last mapping of its pages is gone.
    two_vms.until(f"! /usr/lib/atoll/atoll-domain list | grep '^{domain} '", 30)
    assert two_vms.script(f"/usr/lib/atoll/atoll-domain grants {domain}").status == 1
    two_vms.until("pages=$(qvm-run -p untrusted 'pkill -x foot'; grep -c 'r--s.*gntdev' /proc/$(pidof atoll-gui)/maps); "
                  "test $pages = 0", 60)
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'") == "alive\n"


def test_plug_is_pulled_while_a_vm_writes(untrusted):
    untrusted.ask("qvm-run -p untrusted 'echo synced > ~/synced; sync'")
    used = "du -k /var/lib/atoll/vms/*/private.img | sort -n | tail -1 | cut -f1"
    before = int(untrusted.ask(used))
    untrusted.ask("""qvm-run --no-gui untrusted '(while :; do for n in 1 2 3 4; do
        dd if=/dev/urandom of=~/writing$n bs=64k count=50; done; done) >/dev/null 2>&1 </dev/null &'""")
    untrusted.until(f"test $({used}) -gt {before + 20000}", 120)
    untrusted.pull_the_plug()


@pytest.fixture(scope="module")
def again(disk):
    """The next start after the plug was pulled, this time by UEFI."""
    yield from started("atoll-uefi", entry="atoll", firmware="uefi", **disk)


def test_starts_by_uefi_and_vms_are_still_there(again):
    assert again.ask(READ_BUILD_ID) == build_id()
    again.until("systemctl is-active atolld", 240)
    assert re.search(r"^untrusted\s+Halted\s+AppVM\s+red", again.ask("qvm-ls"), re.MULTILINE)
    again.ask("qvm-start untrusted", VM_START)
    again.until("qvm-run -p untrusted true", VM_START)
    assert again.ask("qvm-run -p untrusted 'cat ~/synced'") == "synced\n"


def test_machine_powers_off_by_itself(again):
    again.remote.power_off()
    assert again.wait_off(300), again.console_tail()
