"""The way from power-on to commands in VMs, through GRUB on the disk image, with two processors."""
import re
import time

from buildid import READ_BUILD_ID, build_id
from conftest import VM_START
from screen import RED, count

# Large pieces first, without writing them: what is left has no room for anything.
FILL = "for size in {}; do n=0; while fallocate -l $size /var/lib/atoll/fill.$size.$n; do n=$((n+1)); done; done; true"
FILL_ALMOST, FILL_DISK = FILL.format("1G 64M"), FILL.format("4M 256K 16K 4K")
FREE_DISK = "rm -f /var/lib/atoll/fill.*"


def test_dom0_runs_on_our_hypervisor(atoll):
    assert atoll.ask("cat /sys/hypervisor/type").strip() == "xen"
    assert atoll.ask(READ_BUILD_ID) == build_id()


def test_boot_self_check_passes(atoll):
    assert "none writable and executable, no RAM of others" in atoll.console()


def test_devices_are_confined(atoll):
    assert "IOMMU: VT-d, 1 unit" in atoll.console()


def test_dom0_has_two_processors_and_the_screen(atoll):
    assert atoll.ask("nproc").strip() == "2"
    atoll.until("test -e /dev/dri/card0")


def test_services_of_dom0_are_up(atoll):
    atoll.until("systemctl is-active xenstored atolld atoll-consoled", 240)


def test_wrong_names_and_missing_vms_are_refused_in_one_sentence(atoll):
    for command in ("qvm-create --label red 'Work Stuff'", "qvm-create --label no-such-colour x1", "qvm-start nobody",
                    "qvm-run -p nobody true", "qvm-shutdown nobody", "qvm-kill nobody"):
        result = atoll.script(command)
        assert result.status != 0, command
        assert len(result.err.strip().splitlines()) == 1, f"{command}: {result.err}"


def test_too_little_memory_is_refused_in_one_sentence(atoll):
    result = atoll.script("qvm-create --label red huge && qvm-prefs huge maxmem 0; qvm-prefs huge memory 60000 && "
                          "qvm-start huge")
    assert result.status != 0
    assert "MiB" in result.err and len(result.err) < 400, result.err
    atoll.ask("qvm-remove -f huge")


def test_full_disk_is_refused_in_one_sentence_and_costs_nothing(atoll):
    what_there_is = "qvm-ls; ls /var/lib/atoll/vms /var/lib/atoll/templates"
    atoll.ask("qvm-create --label blue early")
    before = atoll.ask(what_there_is)
    atoll.ask(FILL_ALMOST)
    try:
        assert "disk is full" in atoll.script("qvm-start early").err
        atoll.ask(FILL_DISK)
        for command in ("qvm-create --label red late", "qvm-start early", "qvm-clone early late"):
            result = atoll.script(command)
            assert result.status == 1, f"{command}: {result}"
            assert len(result.err.strip().splitlines()) == 1 and "disk is full" in result.err, f"{command}: {result.err}"
        assert atoll.ask(what_there_is) == before
    finally:
        atoll.ask(FREE_DISK)
    atoll.ask("qvm-create --label red late && qvm-remove -f late && qvm-remove -f early")


def test_memory_is_accounted_for(atoll, figure):
    """With no VM: all memory is dom0's, free, or the hypervisor's own, and that is not much."""
    kib = {name: int(value) for name, value in
           (line.split() for line in atoll.ask("/usr/lib/atoll/atoll-domain memory").splitlines()[1:])}
    assert kib["ram"] > 4000 * 1024 and kib["others"] == 0
    assert 1024 < kib["hypervisor"] <= 16 * 1024 + kib["ram"] // 100
    used = atoll.ask("free -k | awk '/^Mem:/ { print $2 - $7 }'")
    figure("memory of the hypervisor", f"{kib['hypervisor'] / 1024:.1f} MiB of {kib['ram'] // 1024} MiB")
    figure("memory of dom0", f"{kib['dom0'] // 1024} MiB, {int(used) // 1024} MiB of it in use")


def test_command_runs_in_a_vm(untrusted):
    out = untrusted.ask("qvm-run -p untrusted 'uname -sn; cat /sys/hypervisor/type'; "
                        f"qvm-run -p -u root untrusted \"{READ_BUILD_ID}\"")
    assert out.split() == ["Linux", "untrusted", "xen", build_id()]


def test_status_and_input_of_a_command_pass_through(untrusted):
    assert untrusted.script("qvm-run -p untrusted 'exit 7'").status == 7
    assert untrusted.ask("echo over | qvm-run -p untrusted 'tr a-z A-Z'") == "OVER\n"


def test_large_output_of_a_command_is_whole(untrusted):
    assert untrusted.ask("qvm-run -p untrusted 'head -c 3000000 /dev/zero' | wc -c", 300).strip() == "3000000"


def test_vm_is_listed(untrusted):
    assert re.search(r"^untrusted\s+Running\s+AppVM\s+red\s+debian-13", untrusted.ask("qvm-ls"), re.MULTILINE)


def test_only_the_root_of_a_vm_is_thrown_away(untrusted, figure):
    """What the VM writes to its root goes with it; what it writes to its home stays."""
    untrusted.ask("qvm-run -p untrusted 'echo kept > ~/kept; sudo touch /usr/gone; sync'")
    untrusted.ask("qvm-shutdown --wait untrusted", 200)
    assert re.search(r"^untrusted\s+Halted", untrusted.ask("qvm-ls"), re.MULTILINE)
    began = time.monotonic()
    untrusted.ask("qvm-start untrusted && qvm-run untrusted foot", VM_START)
    untrusted.until_screen(lambda p: count(p, RED) > 1000, 120)
    figure("qvm-start to a terminal of the VM on the screen", f"{time.monotonic() - began:.0f} s")
    assert untrusted.ask("qvm-run -p untrusted 'pkill -x foot; cat ~/kept'") == "kept\n"
    untrusted.until_screen(lambda p: count(p, RED) < 100, 60)
    assert untrusted.script("qvm-run -p untrusted 'test -e /usr/gone'").status == 1


def test_second_vm_has_two_processors(two_vms):
    assert two_vms.ask("qvm-run -p work nproc").strip() == "2"
    assert two_vms.ask("qvm-run -p untrusted hostname; qvm-run -p work hostname").split() == ["untrusted", "work"]
