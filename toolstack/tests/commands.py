#!/usr/bin/env python3
"""commands.py ATOLLD-FAKE QVM: the qvm-* commands against atolld with pretended domains, as a user sees them."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

ATOLLD, QVM = (os.path.abspath(path) for path in sys.argv[1:3])
COMMANDS = "check clone create features kill ls pause prefs remove shutdown start unpause".split()


class Machine(unittest.TestCase):
    memory = "4096"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        base = pathlib.Path(self.folder.name)
        self.state, self.run_dir, self.bin = base / "state", base / "run", base / "bin"
        for folder in (self.state / "templates/debian-13", self.state / "kernels/6.12.9", self.run_dir, self.bin):
            folder.mkdir(parents=True)
        for command in COMMANDS:
            (self.bin / f"qvm-{command}").symlink_to(QVM)
        with open(self.state / "templates/debian-13/root.img", "wb") as root:
            root.write(b"template")
            root.truncate(1 << 20)
        for name in ("vmlinux", "initrd"):
            (self.state / "kernels/6.12.9" / name).write_bytes(b"x")
        self.daemon = None
        self.addCleanup(self.stop)
        self.start()

    def start(self):
        ready, notify = self.run_dir / "notify", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.unlink(missing_ok=True)
        notify.bind(str(ready))
        notify.settimeout(20)
        self.daemon = subprocess.Popen([ATOLLD, "--state", self.state, "--run", self.run_dir, "--programs", ""],
                                       env=dict(os.environ, NOTIFY_SOCKET=str(ready), ATOLL_FAKE_MEMORY=self.memory))
        self.assertIn(b"READY=1", notify.recv(100))
        notify.close()

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            self.assertEqual(self.daemon.wait(20), 0, "atolld ended badly (a sanitizer's report is above)")
            self.daemon = None

    def qvm(self, command, *args, status=0, stdin=""):
        done = subprocess.run([self.bin / f"qvm-{command}", *args], input=stdin, capture_output=True, text=True,
                              timeout=30, env=dict(os.environ, ATOLL_SOCKET=str(self.run_dir / "atolld.sock")))
        self.assertEqual(done.returncode, status, f"qvm-{command} {args}: {done.stdout}{done.stderr}")
        self.err = done.stderr
        return done.stdout

    def raw(self, data):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.run_dir / "qubesd.sock"))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(4096), b""))

    def volume(self, vm, name):
        return self.state / "vms" / self.qvm("prefs", vm, "uuid").strip() / name


class Lives(Machine):
    def test_from_creation_to_removal(self):
        self.qvm("create", "--label", "red", "untrusted")
        self.assertTrue(self.volume("untrusted", "private.img").exists())
        self.qvm("start", "untrusted")
        self.assertEqual(self.volume("untrusted", "root-cow.img").read_bytes()[:8], b"template")
        self.assertIn("untrusted|Running|AppVM|red|debian-13|-\n", self.qvm("ls", "--raw-data"))
        self.qvm("shutdown", "--wait", "untrusted")
        self.assertIn("untrusted|Halted|", self.qvm("ls", "--raw-data"))
        self.assertFalse(self.volume("untrusted", "root-cow.img").exists())
        self.assertFalse(self.volume("untrusted", "volatile.img").exists())
        folder = self.volume("untrusted", "")
        self.qvm("remove", "-f", "untrusted")
        self.assertFalse(folder.exists())
        self.assertEqual(self.qvm("ls", "--raw-list"), "dom0\ndebian-13\n")

    def test_root_of_app_vm_is_new_at_each_start_and_private_persists(self):
        self.qvm("create", "-l", "blue", "work")
        self.qvm("start", "work")
        self.volume("work", "root-cow.img").write_bytes(b"changed!")
        self.volume("work", "private.img").write_bytes(b"a file")
        self.qvm("shutdown", "--wait", "work")
        self.qvm("start", "work")
        self.assertEqual(self.volume("work", "root-cow.img").read_bytes()[:8], b"template")
        self.assertEqual(self.volume("work", "private.img").read_bytes(), b"a file")

    def test_changes_of_a_template_reach_its_users_only_when_it_is_halted(self):
        root = self.state / "templates/debian-13/root.img"
        self.qvm("create", "-l", "blue", "work")
        self.qvm("start", "debian-13")
        root.with_name("root.img-dirty").write_bytes(b"updated!")
        self.qvm("start", "work")
        self.assertEqual(self.volume("work", "root-cow.img").read_bytes()[:8], b"template")
        self.qvm("shutdown", "--wait", "work", "debian-13")
        self.assertEqual(root.read_bytes(), b"updated!")
        self.qvm("start", "work")
        self.assertEqual(self.volume("work", "root-cow.img").read_bytes(), b"updated!")

    def test_standalone_keeps_its_root(self):
        self.qvm("create", "--standalone", "-l", "green", "alone")
        self.qvm("start", "alone")
        self.volume("alone", "root.img-dirty").write_bytes(b"its own")
        self.qvm("shutdown", "--wait", "alone")
        self.assertEqual(self.volume("alone", "root.img").read_bytes(), b"its own")
        self.assertEqual(self.qvm("ls", "-O", "NAME,CLASS,TEMPLATE", "--raw-data", "alone"), "alone|StandaloneVM|-\n")

    def test_vms_survive_the_daemon(self):
        self.qvm("create", "-l", "purple", "--property", "memory=200", "vault")
        self.qvm("features", "vault", "x-note", "two words")
        uuid = self.qvm("prefs", "vault", "uuid")
        self.stop()
        self.start()
        self.assertEqual(self.qvm("prefs", "vault", "uuid"), uuid)
        self.assertEqual(self.qvm("prefs", "vault", "memory"), "200\n")
        self.assertEqual(self.qvm("features", "vault", "x-note"), "two words\n")
        self.assertIn("vault|Halted|AppVM|purple|", self.qvm("ls", "--raw-data"))

    def test_stubborn_guest_is_ended_after_the_timeout(self):
        self.qvm("create", "-l", "red", "--property", "kernelopts=fake=stubborn", "stubborn")
        self.qvm("start", "stubborn")
        self.qvm("shutdown", "--wait", "--timeout", "1", "stubborn")
        self.assertIn("'stubborn' did not power off in time", self.err)
        self.qvm("check", "-q", "--running", "stubborn", status=1)

    def test_crashed_guest_is_cleaned_up(self):
        self.qvm("create", "-l", "red", "--property", "kernelopts=fake=crash", "fragile")
        self.qvm("start", "fragile")
        self.qvm("shutdown", "--wait", "fragile")
        self.assertIn("fragile|Halted|", self.qvm("ls", "--raw-data"))
        self.assertFalse(self.volume("fragile", "root-cow.img").exists())

    def test_failed_start_leaves_nothing(self):
        self.qvm("create", "-l", "red", "--property", "kernelopts=fake=broken", "broken")
        self.qvm("start", "broken", status=1)
        self.assertIn("qvm-start: 'broken' cannot be started: the pretended hypervisor refused.", self.err)
        self.assertFalse(self.volume("broken", "root-cow.img").exists())
        self.qvm("prefs", "-D", "broken", "kernelopts")
        self.qvm("start", "broken")

    def test_kill_pause_and_unpause(self):
        self.qvm("create", "-l", "gray", "a")
        self.qvm("start", "a")
        self.qvm("pause", "a")
        self.qvm("check", "-q", "--paused", "a")
        self.qvm("pause", "a", status=1)
        self.qvm("unpause", "a")
        self.qvm("check", "-q", "--running", "a")
        events = subprocess.Popen([self.bin / "qvm-shutdown", "--wait", "--timeout", "20", "a"],
                                  env=dict(os.environ, ATOLL_SOCKET=str(self.run_dir / "atolld.sock")))
        self.assertEqual(events.wait(20), 0)
        self.qvm("start", "a")
        self.qvm("kill", "a")
        self.qvm("shutdown", "--wait", "a")
        self.qvm("check", "-q", "--running", "a", status=1)
        self.qvm("kill", "a", status=1)
        self.assertIn("is not running", self.err)

    def test_start_of_a_vm_that_is_starting_or_stopping_waits(self):
        self.qvm("create", "-l", "gray", "--property", "kernelopts=fake=slow", "slow")
        env = dict(os.environ, ATOLL_SOCKET=str(self.run_dir / "atolld.sock"))
        starts = [subprocess.Popen([self.bin / "qvm-start", "slow"], env=env) for _ in range(3)]
        self.assertEqual([start.wait(20) for start in starts].count(0), 3)
        self.qvm("kill", "slow")
        self.qvm("start", "slow")
        self.assertIn("slow|Running|", self.qvm("ls", "--raw-data"))

    def test_clone_has_its_own_copies(self):
        self.qvm("create", "-l", "orange", "--property", "vcpus=3", "a")
        self.volume("a", "private.img").write_bytes(b"data of a")
        self.qvm("clone", "a", "b")
        self.assertEqual(self.volume("b", "private.img").read_bytes(), b"data of a")
        self.assertEqual(self.qvm("prefs", "b", "vcpus"), "3\n")
        self.assertNotEqual(self.qvm("prefs", "a", "uuid"), self.qvm("prefs", "b", "uuid"))


class Refusals(Machine):
    def test_names(self):
        self.qvm("create", "-l", "red", "Work Stuff", status=1)
        self.assertEqual(self.err, "qvm-create: 'Work Stuff' is not a valid name: letters, digits, '-' and '_' only, "
                                   "starting with a letter, at most 31 characters.\n")
        for name in ("1st", "a" * 32, "a/b", "../x", "dom0", "a\nb", "w\u00f6rk", "-l"):
            self.qvm("create", "-l", "red", "--", name, status=1)
        self.qvm("create", "-l", "red", "a" * 31)
        self.qvm("create", "-l", "red", "a" * 31, status=1)
        self.assertIn("there is already a VM named", self.err)
        self.assertEqual(self.qvm("ls", "--raw-list"), "dom0\n" + "a" * 31 + "\ndebian-13\n")

    def test_labels_and_templates(self):
        self.qvm("create", "work", status=2)
        self.assertIn("a VM needs a colour", self.err)
        self.qvm("create", "-l", "pink", "work", status=1)
        self.assertIn("'pink' is not a label", self.err)
        self.qvm("create", "-l", "red", "-t", "nothing", "work", status=1)
        self.assertIn("'nothing' is not a template", self.err)
        self.qvm("create", "-l", "red", "--property", "memory=lots", "work", status=1)
        self.assertEqual(self.qvm("ls", "--raw-list"), "dom0\ndebian-13\n")

    def test_missing_vms(self):
        for command in ("start", "shutdown", "kill", "pause", "unpause"):
            self.qvm(command, "nothing", status=1)
            self.assertEqual(self.err, f"qvm-{command}: there is no VM named 'nothing'; see: qvm-ls\n")
        self.qvm("remove", "-f", "nothing", status=1)
        self.qvm("prefs", "nothing", status=1)
        self.assertEqual(self.err, "qvm-prefs: there is no VM named 'nothing'.\n")
        self.qvm("ls", "nothing", status=1)

    def test_running_vms_are_not_removed_nor_changed(self):
        self.qvm("create", "-l", "red", "work")
        self.qvm("start", "work")
        self.qvm("start", "work", status=1)
        self.assertEqual(self.err, "qvm-start: 'work' is already running.\n")
        self.qvm("start", "--skip-if-running", "work")
        self.qvm("remove", "-f", "work", status=1)
        self.assertIn("qvm-shutdown --wait work", self.err)
        self.qvm("prefs", "work", "memory", "500", status=1)
        self.assertIn("can only be changed while 'work' is halted", self.err)
        self.qvm("prefs", "work", "label", "green")

    def test_template_in_use_and_the_question(self):
        self.qvm("create", "-l", "red", "work")
        self.qvm("remove", "-f", "debian-13", status=1)
        self.assertIn("'debian-13' is the template of 'work'", self.err)
        self.qvm("remove", "work", status=1, stdin="n\n")
        self.qvm("remove", "work", stdin="y\n")

    def test_dom0_is_not_touched(self):
        for command in ("kill", "pause", "shutdown"):
            self.qvm(command, "dom0", status=1)
        self.qvm("remove", "-f", "dom0", status=1)
        self.qvm("prefs", "dom0", "label", "red", status=1)

    def test_wrong_usage(self):
        for command in COMMANDS:
            self.qvm(command, "--nonsense", status=2)
            self.assertTrue(self.qvm(command, "--help").startswith(f"Usage: qvm-{command}"))
        for command in ("start", "kill", "create", "remove", "shutdown", "check"):
            self.qvm(command, status=2)

    def test_no_daemon(self):
        self.stop()
        self.qvm("ls", status=1)
        self.assertIn("atolld cannot be reached", self.err)


class LittleMemory(Machine):
    memory = "1000"

    def test_too_little_memory_names_the_largest(self):
        for name, memory in (("personal", "600"), ("small", "100"), ("work", "400")):
            self.qvm("create", "-l", "red", "--property", f"memory={memory}", name)
        self.qvm("start", "personal", "small")
        self.qvm("start", "work", status=1)
        self.assertEqual(self.err, "qvm-start: 'work' needs 400 MiB, 300 MiB are free; the largest holders are "
                                   "'personal' (600 MiB) and 'small' (100 MiB).\n"
                                   "           Shut one down, or lower its memory with: qvm-prefs work memory 250\n")
        self.qvm("prefs", "work", "memory", "250")
        self.qvm("start", "work")


class Listing(Machine):
    def test_formats(self):
        self.qvm("create", "-l", "yellow", "work")
        lines = self.qvm("ls").splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "STATE", "CLASS", "LABEL", "TEMPLATE", "NETVM"])
        self.assertEqual(lines[1].split(), ["dom0", "Running", "AdminVM", "black", "-", "-"])
        self.assertEqual([line.index(cell) for line, cell in zip(lines[:4], ("STATE", "Running", "Halted", "Halted"))],
                         [lines[0].index("STATE")] * 4)
        self.qvm("start", "work")
        rows = json.loads(self.qvm("ls", "--json", "-O", "name,state,xid,memory"))
        self.assertEqual(rows[2], {"name": "work", "state": "Running", "xid": "1", "memory": "400"})
        self.assertEqual(self.qvm("ls", "--raw-list", "--running"), "dom0\nwork\n")
        self.assertEqual(self.qvm("ls", "--raw-list", "--class", "AppVM", "--label", "yellow"), "work\n")
        self.assertEqual(self.qvm("ls", "--raw-list", "--sort", "NAME", "--reverse"), "work\ndom0\ndebian-13\n")
        self.assertIn("INITIALMEM", self.qvm("ls", "-o", "prefs"))

    def test_prefs_list(self):
        self.qvm("create", "-l", "yellow", "work")
        self.qvm("prefs", "work", "vcpus", "4")
        lines = {line.split()[0]: line.split()[1:] for line in self.qvm("prefs", "work").splitlines()}
        self.assertEqual(lines["memory"], ["D", "400"])
        self.assertEqual(lines["vcpus"], ["-", "4"])
        self.assertEqual(lines["kernel"], ["D", "6.12.9"])
        self.assertNotIn("memory", self.qvm("prefs", "--hide-default", "work"))
        self.qvm("prefs", "-D", "work", "vcpus")
        self.assertEqual(self.qvm("prefs", "work", "vcpus"), "2\n")
        for name, value in (("vcpus", "0"), ("memory", "1"), ("autostart", "maybe"), ("uuid", "x"), ("kernel", "../x"),
                            ("template", "work"), ("nothing", "1")):
            self.qvm("prefs", "work", name, value, status=1)
        self.qvm("prefs", "work", "name", "play")
        self.assertIn("play", self.qvm("ls", "--raw-list"))

    def test_check_statuses(self):
        self.qvm("create", "-l", "yellow", "work")
        self.assertEqual(self.qvm("check", "work"), "work exists\n")
        self.qvm("check", "nothing", status=1)
        self.qvm("check", "work", "nothing", status=3)
        self.qvm("check", "--template", "debian-13")
        self.qvm("check", "--template", "work", status=1)


class Interface(Machine):
    """What Qubes' own clients send, and what nobody should."""

    def test_framing(self):
        self.assertTrue(self.raw(b"admin.vm.List dom0 name dom0\0").startswith(b"0\0dom0 class=AdminVM state=Running "))
        self.assertEqual(self.raw(b"admin.vm.property.Get+name dom0 name debian-13\0"),
                         b"0\0default=False type=str debian-13")
        self.assertTrue(self.raw(b"admin.vm.property.Get+x dom0 name debian-13\0")
                        .startswith(b"2\0QubesNoSuchPropertyError\0\0"))
        self.assertTrue(self.raw(b"admin.vm.CurrentState dom0 name debian-13\0").endswith(b"power_state=Halted"))
        self.assertEqual(self.raw(b"admin.label.Get+red dom0 name dom0\0"), b"0\x000xcc0000")
        self.assertEqual(self.raw(b"admin.vm.Create.AppVM+debian-13 dom0 name dom0\0name=work label=red"), b"0\0")

    def test_broken_calls(self):
        for bad in (b"", b"\0", b"admin.vm.List", b"admin.vm.List dom0 name\0", b"a b c d e\0", b"x" * 70000,
                    b"admin.vm.Create.AppVM dom0 name dom0\0name=\xff\xfe label=red",
                    b"admin.vm.Create.AppVM dom0 name dom0\0name=a label=red pool=b",
                    b"admin.vm.Create.AppVM+debian-13 dom0 name dom0\0name=a%sb%n label=red",
                    b"admin.vm.property.Set+kernelopts dom0 name debian-13\0a\nb",
                    b"admin.vm.property.Set+kernelopts dom0 name debian-13\0a\0b", b"nothing dom0 name dom0\0"):
            answer = b""
            try:
                answer = self.raw(bad)
            except (ConnectionResetError, BrokenPipeError):
                pass
            self.assertFalse(answer.startswith(b"0"), bad)
        self.assertTrue(self.raw(b"admin.vm.List dom0 name dom0\0").startswith(b"0\0"))

    def test_events_and_feed(self):
        feed = socket.socket(socket.AF_UNIX)
        feed.settimeout(20)
        feed.connect(str(self.run_dir / "atoll/vms.sock"))
        lines = feed.makefile("rb")
        with socket.socket(socket.AF_UNIX) as events:
            events.settimeout(20)
            events.connect(str(self.run_dir / "atolld.sock"))
            events.sendall(b"admin.Events dom0 name dom0\0")
            events.shutdown(socket.SHUT_WR)
            stream = events.makefile("rb")
            first = stream.read(len(b"1\0\0connection-established\0\0"))
            self.assertEqual(first, b"1\0\0connection-established\0\0")
            self.qvm("create", "-l", "red", "work")
            self.qvm("start", "work")
            expected = (b"1\0\0domain-add\0vm\0work\0\0" b"1\0work\0domain-pre-start\0\0" b"1\0work\0domain-start\0\0")
            self.assertEqual(stream.read(len(expected)), expected)
        self.assertEqual(json.loads(lines.readline()),
                         {"event": "vm-started", "domid": 1, "name": "work", "label": "cc0000"})
        with socket.socket(socket.AF_UNIX) as late:
            late.settimeout(20)
            late.connect(str(self.run_dir / "atoll/vms.sock"))
            self.assertEqual(json.loads(late.makefile("rb").readline())["event"], "vm-started")
        self.qvm("prefs", "work", "label", "blue")
        self.assertEqual(json.loads(lines.readline()),
                         {"event": "vm-changed", "domid": 1, "name": "work", "label": "3465a4"})
        self.qvm("shutdown", "--wait", "work")
        self.assertEqual(json.loads(lines.readline())["event"], "vm-stopped")
        feed.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
