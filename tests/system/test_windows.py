"""Windows of two VMs on dom0's screen, and what they cost: granted pages and words over the channel, both counted."""
import collections
import re
import time

from screen import BLUE, RED, WHITE, box_of, count, focus, inner_of, open_terminal, text_pixels

Account = collections.namedtuple("Account", "mapped read_only written surfaces buffers pages bytes_in")


def report(desktop, vm):
    """What the compositor and the VM's helper count: surfaces, buffers, pages in them, bytes that came from the VM."""
    line = desktop.ask(f"""
        new="journalctl -u atoll-gui -o cat --cursor-file=/run/report.cursor"
        for turn in 1 2; do # the helper's numbers come with the second
            $new >/dev/null
            pkill -USR1 -x atoll-gui
            until line=$($new | grep 'VM {vm}: .* surfaces'); do sleep 0.1; done
        done
        echo "$line\"""")
    found = re.search(r": (\d+) surfaces, (\d+) buffers of (\d+) pages; .* (\d+) bytes in", line)
    return [int(number) for number in found.groups()]


def pages_mapped(desktop, access, process):
    """Granted pages that dom0's kernel has mapped for these processes with this access."""
    maps = desktop.ask(f"cat /proc/{process}/maps 2>/dev/null | grep '{access}.*/dev/xen/gntdev' || true")
    return sum(int(end, 16) - int(start, 16) for start, end in re.findall(r"^(\w+)-(\w+) ", maps, re.M)) // 4096


def accounts(desktop, vms):
    """Account of each VM, as soon as nothing moves: the hypervisor's count of mapped grants, those of them that the VM's
    grant table shows in use (windows are mapped read-only; disks, channels, console and store are not), what the
    compositor counts, and what dom0's kernel has mapped for the compositor: all must agree."""
    deadline = time.monotonic() + 120
    while True:
        found = {}
        for vm in vms:
            grants = desktop.ask(f"/usr/lib/atoll/atoll-domain grants $(qvm-prefs {vm} xid)")
            found[vm] = Account(*(int(n) for n in re.findall(r"\d+", grants)), *report(desktop, vm))
        kernel = pages_mapped(desktop, "r--s", "$(pidof atoll-gui)")
        if kernel == sum(a.read_only for a in found.values()) and all(
                a.mapped == a.read_only + a.written and a.read_only == a.pages for a in found.values()):
            return found
        assert time.monotonic() < deadline, f"the counts do not agree: {found}; the kernel has mapped {kernel} pages"


def test_windows_stand_in_the_frames_of_their_vms(two_vms):
    two_vms.until("systemctl is-active atoll-gui", 200)
    before = two_vms.screen()
    assert count(before, RED) < 100 and count(before, BLUE) < 100
    two_vms.ask("for vm in untrusted work; do qvm-run $vm foot </dev/null >/dev/null 2>&1 & done", 120)
    two_vms.until_screen(lambda p: count(p, RED) > 1000 and count(p, BLUE) > 1000, 300)


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




def buffer_pages(box):
    """Pages of one buffer of a window in a frame with this outline: the agent rounds both sides up to 64 pixels."""
    left, top, right, bottom = inner_of(box)
    width, height = (-(-size // 64) * 64 for size in (right - left, bottom - top))
    return width * height * 4 // 4096


def test_hypervisor_counts_the_grants_that_windows_show(two_vms):
    """No window, two, one, one that fills the screen, and back."""
    vms = ["untrusted", "work"]
    two_vms.ask("qvm-run -p untrusted 'pkill -x foot; true'")
    two_vms.until_screen(lambda p: count(p, RED) < 100, 60)
    before = accounts(two_vms, vms)
    none = before["untrusted"]
    assert none.surfaces == none.buffers == none.read_only == 0
    # The rest: what programs of dom0 have mapped for channels, consoles and the store, and blkback with its rings.
    channels = pages_mapped(two_vms, "rw-s", "[0-9]*")
    assert channels > 0 and sum(a.written for a in before.values()) - channels >= 3 * len(vms)

    open_terminal(two_vms, "untrusted", RED)
    normal = buffer_pages(box_of(two_vms.screen(), RED))
    two_vms.ask("qvm-run untrusted foot", 120)

    def settled(windows, pages):
        deadline = time.monotonic() + 120
        while True:
            now = accounts(two_vms, vms)["untrusted"]
            if now.surfaces == windows <= now.buffers <= 3 * windows and now.read_only == now.buffers * pages:
                return now
            assert time.monotonic() < deadline, f"not {windows} windows with buffers of {pages} pages: {now}"

    settled(2, normal)
    two_vms.ask("qvm-run -p untrusted 'pkill -n -x foot'")
    settled(1, normal)
    focus(two_vms, RED)
    two_vms.key("meta_l", "f")
    full = two_vms.until_screen(lambda p: (lambda box: box if box == (0, 0, *p.size) else None)(box_of(p, RED)), 60)
    assert buffer_pages(full) > 2 * normal
    settled(1, buffer_pages(full))
    two_vms.key("meta_l", "f")
    two_vms.until_screen(lambda p: box_of(p, RED) != full, 60)
    settled(1, normal)


def test_repaint_of_a_full_window_moves_no_pixels(two_vms, figure):
    """White for black in a terminal that fills the screen: four megabytes of pixels, less than 64 KiB over the channel."""
    open_terminal(two_vms, "untrusted", RED)
    focus(two_vms, RED)
    two_vms.key("meta_l", "f")
    two_vms.until_screen(lambda p: box_of(p, RED) == (0, 0, *p.size) and count(p, WHITE) < 10000, 60)
    before = accounts(two_vms, ["untrusted", "work"])["untrusted"]
    two_vms.ask("qvm-run -p untrusted 'for terminal in /dev/pts/[0-9]*; do printf \"\\033[?5h\" > $terminal; done'")
    two_vms.until_screen(lambda p: count(p, WHITE) > 900000, 60)
    after = accounts(two_vms, ["untrusted", "work"])["untrusted"]
    moved = after.bytes_in - before.bytes_in
    figure("bytes over the channel for the repaint of a window that fills the screen", f"{moved}")
    assert 0 < moved < 64 * 1024, (before, after)
    two_vms.key("meta_l", "f")
    two_vms.until_screen(lambda p: box_of(p, RED) != (0, 0, *p.size), 60)
