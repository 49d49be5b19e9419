"""VMs that mean harm: tiny guests, agents that break the rules, busy loops. Another VM keeps its window and answers."""
import base64
import gzip
import re
import subprocess

import pytest

import paths
from screen import BLUE, LABEL, RED, box_of, count, focus, inner_of, open_terminal

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


# What hostile-agent (guest-agent/gui/tests) says, and what dom0's log says to it.
BREACHES = {"noise": "unknown type", "length": "ended: length", "version": "protocol version",
            "references": "pages that cannot be mapped", "surface": "unknown surface"}

GUI_LOG = "journalctl -u gui-broker -u atoll-gui -o cat --cursor-file=/run/hostile.cursor"


@pytest.fixture(scope="module")
def hostile(two_vms, tmp_path_factory):
    """In the VM with the red label no agent runs, and /run/hostile-agent is there; in the other one is a terminal."""
    program = tmp_path_factory.mktemp("hostile") / "hostile-agent"
    subprocess.run(["strip", "-o", program, paths.BUILD / "guest-agent/gui/hostile-agent"], check=True)
    image = base64.b64encode(gzip.compress(program.read_bytes())).decode()
    open_terminal(two_vms, "work", BLUE)
    open_terminal(two_vms, "untrusted", RED)
    two_vms.ask(f"""echo {image} | base64 -d | gunzip > /tmp/hostile-agent
        qvm-run -p -u root untrusted 'cat > /run/hostile-agent; chmod 755 /run/hostile-agent' < /tmp/hostile-agent""")
    focus(two_vms, RED)
    two_vms.move(3000, 3000)  # the pointer out of the way
    two_vms.genuine = label(two_vms.until_screen(lambda p: p if count(p, RED) > 1000 else None, 30))
    two_vms.ask("qvm-run -p -u root untrusted 'systemctl stop atoll-gui-agent'")
    two_vms.until_screen(lambda p: count(p, RED) < 100, 60)
    yield two_vms
    two_vms.ask("qvm-run -p -u root untrusted 'pkill -x hostile-agent; systemctl start atoll-gui-agent'")


def label(picture):
    """The label with the VM's name in the red frame."""
    left, top = box_of(picture, RED)[:2]
    x, y, width, height = LABEL
    return picture.crop((left + x, top + y, left + x + 2 * width, top + y + height))


@pytest.mark.parametrize("breach", BREACHES)
def test_breach_of_the_window_protocol_ends_that_vms_connection_only(hostile, breach):
    hostile.ask(f"{GUI_LOG} >/dev/null")
    assert hostile.ask(f"qvm-run -p -u root untrusted '/run/hostile-agent breach {breach}'", 60) == "error 1\n"
    hostile.until(f"log=$log$({GUI_LOG}); echo \"$log\" > /run/hostile.log; echo \"$log\" | grep 'gui-helper.*ended'", 30)
    log = hostile.ask("cat /run/hostile.log")
    assert len([line for line in log.splitlines() if BREACHES[breach] in line]) == 1, log
    assert count(hostile.screen(), BLUE) > 1000
    assert hostile.ask("qvm-run -p work 'echo alive'") == "alive\n"
    assert hostile.ask("qvm-run -p untrusted 'echo alive'") == "alive\n"


def test_false_frame_and_name_stand_in_the_frame_of_their_vm(hostile):
    """A window all in the other VM's colour, with its name as the title, in an agent that is not ours."""
    hostile.ask("qvm-run -p -u root untrusted '/run/hostile-agent window 400 300 3465a4 work >/dev/null 2>&1 </dev/null &'")
    hostile.until_screen(lambda p: count(p, RED) > 1000, 60)
    focus(hostile, RED)
    picture = hostile.until_screen(lambda p: p if label(p).tobytes() == hostile.genuine.tobytes() else None, 30)
    left, top, right, bottom = inner_of(box_of(picture, RED))
    assert (right - left, bottom - top) == (400, 300)
    assert picture.crop((left, top, right, bottom)).getcolors() == [(400 * 300, BLUE)]


def test_spinning_vm_leaves_others_their_share(two_vms):
    """Four busy loops on the two processors of one VM: a command in the other one takes longer, but not for ever."""
    two_vms.ask("qvm-run --no-gui work 'for i in 1 2 3 4; do (while :; do :; done) >/dev/null 2>&1 </dev/null & done' && qvm-run -p work true", 200)
    assert int(two_vms.ask("qvm-run -p work 'pgrep -c -r R -x bash'", 200)) >= 4  # they do run
    assert two_vms.ask("qvm-run -p untrusted 'echo alive'", 100) == "alive\n"
    two_vms.ask("qvm-run -p work 'pkill -x bash; true' || true", 100)
