"""What is there when something runs out."""
import pytest

from conftest import VM_START
from test_atoll import FILL_ALMOST, FILL_DISK, FREE_DISK


@pytest.mark.long
def test_vm_on_a_full_disk_keeps_what_it_had(two_vms):
    """dom0's disk is full: the VM is told that it cannot write, and what it had written before is there afterwards."""
    two_vms.ask("qvm-run -p untrusted 'echo precious > ~/precious; sync'")
    two_vms.ask(f"{FILL_ALMOST}; {FILL_DISK}")
    try:
        result = two_vms.script("qvm-run -p untrusted 'dd if=/dev/zero of=~/large bs=64k count=400 conv=fsync'")
        assert result.status != 0 and "error" in result.err
        two_vms.ask("qvm-ls && qvm-shutdown --wait --timeout 30 untrusted", 120)
    finally:
        two_vms.ask(FREE_DISK)
    two_vms.ask("qvm-start untrusted", VM_START)
    two_vms.until("qvm-run -p untrusted true", VM_START)
    assert two_vms.ask("qvm-run -p untrusted 'rm -f ~/large; cat ~/precious'") == "precious\n"
