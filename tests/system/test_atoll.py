"""The way from power-on to windows of two VMs, through GRUB on the disk image, with two processors."""
import base64
import gzip
import re
import subprocess

import pytest

import paths
from conftest import started

RED, BLUE = (0xcc, 0x00, 0x00), (0x34, 0x65, 0xa4)
VM_START = 400  # seconds for a VM to come up on a busy emulator


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk that keeps what these machines write to it, on top of the image, which stays as it is."""
    path = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", paths.IMAGE, path], check=True)
    return {"image": path, "image_format": "qcow2", "persist": True}


@pytest.fixture(scope="module")
def atoll(disk):
    yield from started("atoll", entry="atoll", **disk)


@pytest.fixture(scope="module")
def untrusted(atoll):
    """A running VM with a red label."""
    atoll.ask("qvm-create --label red untrusted && qvm-start untrusted", VM_START)
    atoll.until("qvm-run -p untrusted true", VM_START)
    return atoll


@pytest.fixture(scope="module")
def two_vms(untrusted):
    """A second one beside it, with a blue label and two processors."""
    untrusted.ask("qvm-create --label blue work && qvm-prefs work vcpus 2 && qvm-start work", VM_START)
    untrusted.until("qvm-run -p work true", VM_START)
    return untrusted


def count(picture, colour):
    """How many pixels of the picture have exactly this colour."""
    return sum(n for n, found in picture.getcolors(1 << 24) if found == colour)


# The kernel shows the bytes as they are, up to the first zero.
READ_BUILD_ID = "od -An -v -tx1 /sys/hypervisor/properties/buildid | tr -d ' \\n'"


def build_id():
    """What READ_BUILD_ID prints on the hypervisor that was built last."""
    notes = subprocess.run(["readelf", "-n", paths.BUILD / "hypervisor" / "atoll.elf"], capture_output=True, text=True,
                           check=True).stdout
    number = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", notes)[1])
    return number.split(b"\0")[0].hex()


def test_dom0_runs_on_our_hypervisor(atoll):
    assert atoll.ask("cat /sys/hypervisor/type").strip() == "xen"
    assert atoll.ask(READ_BUILD_ID) == build_id()


def test_boot_self_check_passes(atoll):
    assert "none writable and executable, no RAM of others" in atoll.console()


def test_hypervisor_says_that_the_iommu_is_off(atoll):
    assert "IOMMU: OFF" in atoll.console()


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


def test_only_the_root_of_a_vm_is_thrown_away(untrusted):
    """What the VM writes to its root goes with it; what it writes to its home stays."""
    untrusted.ask("qvm-run -p untrusted 'echo kept > ~/kept; sudo touch /usr/gone; sync'")
    untrusted.ask("qvm-shutdown --wait untrusted", 200)
    assert re.search(r"^untrusted\s+Halted", untrusted.ask("qvm-ls"), re.MULTILINE)
    untrusted.ask("qvm-start untrusted", VM_START)
    untrusted.until("qvm-run -p untrusted true", VM_START)
    assert untrusted.ask("qvm-run -p untrusted 'cat ~/kept'") == "kept\n"
    assert untrusted.script("qvm-run -p untrusted 'test -e /usr/gone'").status == 1


def test_second_vm_has_two_processors(two_vms):
    assert two_vms.ask("qvm-run -p work nproc").strip() == "2"
    assert two_vms.ask("qvm-run -p untrusted hostname; qvm-run -p work hostname").split() == ["untrusted", "work"]


def test_windows_stand_in_the_frames_of_their_vms(two_vms):
    two_vms.until("systemctl is-active atoll-gui", 200)
    before = two_vms.screen()
    assert count(before, RED) < 100 and count(before, BLUE) < 100
    two_vms.ask("for vm in untrusted work; do qvm-run $vm foot </dev/null >/dev/null 2>&1 & done", 120)
    two_vms.until_screen(lambda p: count(p, RED) > 1000 and count(p, BLUE) > 1000, 300)


def focused(picture, colour):
    """Whether the window in this colour has the focus: the label with the VM's name is white then, else grey."""
    mask = [(x, y) for y in range(0, picture.height, 2) for x in range(0, picture.width, 2)
            if picture.getpixel((x, y)) == colour]
    if not mask:
        return False
    left, top = min(x for x, _ in mask), min(y for _, y in mask)
    label = picture.crop((left + 5, top + 6, left + 35, top + 24))
    return count(label, (255, 255, 255)) > 250  # less the name's letters and perhaps the pointer


def focus(desktop, colour):
    """Goes through the windows with Super+Tab, each step comes to the front, until the one in this colour is there."""
    for _ in range(8):
        if focused(desktop.screen(), colour):
            return
        before = desktop.screen().tobytes()
        desktop.key("meta_l", "tab")
        desktop.until_screen(lambda p: p.tobytes() != before, 60)
    desktop.until_screen(lambda p: focused(p, colour), 10)


def text_pixels(picture, colour):
    """How many pixels of the first line in the terminal with this frame are bright: its text."""
    mask = [(x, y) for y in range(0, picture.height, 2) for x in range(0, picture.width, 2)
            if picture.getpixel((x, y)) == colour]
    left, top = min(x for x, _ in mask), min(y for _, y in mask)
    line = picture.crop((left + 5, top + 26, left + 600, top + 42))
    return sum(n for n, found in line.getcolors(1 << 24) if min(found) > 180)


def test_typed_text_appears_in_the_vm(two_vms):
    focus(two_vms, BLUE)
    two_vms.until_screen(lambda p: text_pixels(p, BLUE) > 60, 120)  # the prompt
    prompt = text_pixels(two_vms.screen(), BLUE)
    command = "echo typed-$((6*7)) > /tmp/typed"
    for _ in range(4):  # a busy emulator may lose keys: then the line is given up and typed again
        two_vms.type(command)
        two_vms.until_screen(lambda p: text_pixels(p, BLUE) > prompt + 100, 60)
        two_vms.type("\n")
        if two_vms.becomes("test \"$(qvm-run -p work 'cat /tmp/typed')\" = typed-42", 20):
            break
        two_vms.key("ctrl", "c")
        two_vms.type("clear\n")
    two_vms.screen().save(two_vms.run_dir / "typed.png")
    assert two_vms.ask("qvm-run -p work 'cat /tmp/typed'") == "typed-42\n"
    assert two_vms.script("qvm-run -p untrusted 'test -e /tmp/typed'").status == 1


HOSTILE = {  # tiny guests of hypervisor/tests/guest, and what the hypervisor's console says of them in the end
    "pointers": r"\(d%d\) ATOLL-TEST pointers: pass",
    "msrs": r"\(d%d\) ATOLL-TEST msrs: pass",
    "ports": r"\(d%d\) ATOLL-TEST ports: pass",
    "triple": r"d%d killed: triple fault at rip=",
}


@pytest.mark.long
@pytest.mark.parametrize("guest", HOSTILE)
def test_hostile_guest_ends_alone(two_vms, guest):
    """Bad pointers, sweeps over MSRs and ports, a triple fault: in a VM of its own, while another one keeps answering."""
    image = base64.b64encode(gzip.compress((paths.BUILD / "hypervisor/tests/guest" / f"guest-{guest}").read_bytes())).decode()
    two_vms.ask(f"echo {image} | base64 -d | gunzip > /tmp/guest")
    domain = int(two_vms.ask(f"/usr/lib/atoll/atoll-domain create --kernel /tmp/guest --memory 192 --vcpus 1 "
                             f"--name hostile-{guest} --no-store").split()[-1])
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'") == "alive\n"
    two_vms.until(f"/usr/lib/atoll/atoll-domain list | grep -E '^{domain} .* shutdown'", 120)
    assert re.search(HOSTILE[guest] % domain, two_vms.console())
    two_vms.ask(f"/usr/lib/atoll/atoll-domain destroy {domain}")
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'") == "alive\n"


def test_spinning_vm_leaves_others_their_share(two_vms):
    """Four busy loops on the two processors of one VM: a command in the other one takes longer, but not for ever."""
    two_vms.ask("qvm-run --no-gui work 'for i in 1 2 3 4; do (while :; do :; done) >/dev/null 2>&1 </dev/null & done' && qvm-run -p work true", 200)
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'", 100) == "alive\n"
    two_vms.ask("qvm-run -p work 'pkill -x bash; true' || true", 100)


def test_killed_vm_takes_its_windows_along(two_vms):
    two_vms.ask("qvm-kill work", 60)
    two_vms.until_screen(lambda p: count(p, BLUE) < 100, 60)
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'") == "alive\n"


def test_machine_powers_off_by_itself(atoll):
    atoll.remote.power_off()
    assert atoll.wait_off(300), atoll.console_tail()


def test_starts_by_uefi_and_vms_are_still_there(disk):
    for machine in started("atoll-uefi", entry="atoll", firmware="uefi", **disk):
        assert machine.ask(READ_BUILD_ID) == build_id()
        machine.until("systemctl is-active atolld", 240)
        assert re.search(r"^untrusted\s+Halted\s+AppVM\s+red", machine.ask("qvm-ls"), re.MULTILINE)
        machine.ask("qvm-start untrusted", VM_START)
        machine.until("qvm-run -p untrusted true", VM_START)
        assert machine.ask("qvm-run -p untrusted 'cat ~/kept'") == "kept\n"
