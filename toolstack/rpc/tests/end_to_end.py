"""qrexec from qvm-run to a process and back, over the socket twin of vchan: daemon and agent are the real programs.

usage: end_to_end.py BUILD_DIR
Every wait has a deadline; a hang is a failure.
"""
import contextlib
import getpass
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "."
USER = getpass.getuser()
DEADLINE = 20


def program(name):
    for folder in ("toolstack/rpc", "guest-agent/rpc", "policy"):
        path = os.path.join(BUILD, folder, name + "-twin")
        if os.path.exists(path):
            return path
    raise FileNotFoundError(name)


def content(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("timed out: " + what)
        time.sleep(0.01)


class Machine:
    """A folder where domains meet; agents and daemons by VM."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rpc-")
        self.processes = []
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        os.mkdir(os.path.join(self.folder, "services"))

    def environment(self, domain):
        return dict(
            os.environ,
            VCHAN_DOMAIN=str(domain),
            VCHAN_SOCKET_DIR=self.folder,
            QREXEC_DIR=self.folder,
            QREXEC_CLIENT=program("qrexec-client"),
            QREXEC_AGENT_SOCKET=self.path("agent.%d" % domain),
            QREXEC_SERVICE_PATH=self.path("services"),
            QREXEC_POLICY_DIRS=self.path("policy.d"),
            PATH=self.bin + ":" + os.environ["PATH"],
            ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
        )

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, domain, *argv, **options):
        process = subprocess.Popen(argv, env=self.environment(domain), **options)
        self.processes.append(process)
        return process

    def agent(self, domain):
        return self.start(domain, program("qrexec-agent"))

    def daemon(self, domain, name, *options):
        return self.start(0, program("qrexec-daemon"), "-u", USER, *options, str(domain), name)

    def vm(self, domain, name):
        agent, daemon = self.agent(domain), self.daemon(domain, name)
        wait_until(lambda: os.path.exists(self.path("qrexec." + name)), "daemon of " + name)
        return agent, daemon

    def run(self, *argv, domain=0, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        return subprocess.run(argv, env=self.environment(domain), capture_output=True, timeout=DEADLINE, **options)

    def qvm_run(self, *argv, **options):
        return self.run(program("qvm-run"), *argv, **options)

    def script(self, path, text):
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(self.path(path), 0o755)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            process.wait(DEADLINE)
        subprocess.run(["rm", "-rf", self.folder], check=True)


class Case(unittest.TestCase):
    def setUp(self):
        self.m = Machine()
        self.addCleanup(self.m.close)

    def ended_well(self, process):
        self.assertEqual(process.wait(DEADLINE), 0)


class OneVm(Case):
    def setUp(self):
        super().setUp()
        self.agent, self.daemon = self.m.vm(7, "work")

    def tearDown(self):
        # Nothing that a test did may have ended them, and they leave no memory behind.
        for process in (self.daemon, self.agent):
            self.assertIsNone(process.poll())
            process.terminate()
            self.assertEqual(process.wait(DEADLINE), 0)

    def test_output_and_exit_code(self):
        r = self.m.qvm_run("-p", "work", "echo out; echo err >&2; exit 3")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (3, b"out\n", b"err\n"))

    def test_input_is_passed_and_ends(self):
        r = self.m.qvm_run("-p", "work", "tr a-z A-Z", input=b"some text")
        self.assertEqual((r.returncode, r.stdout), (0, b"SOME TEXT"))

    def test_without_pass_io_nothing_is_printed(self):
        r = self.m.qvm_run("-q", "--no-gui", "work", "echo x; exit 4")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (4, b"", b""))

    def test_program_with_windows_is_started_and_not_waited_for(self):
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo, 0o666)
            os.chmod(folder, 0o755)
            r = self.m.qvm_run("-q", "work", "read line < %s; echo got $line > %s" % (fifo, fifo))
            self.assertEqual((r.returncode, r.stdout), (0, b""))
            with open(fifo, "w") as f:  # it still runs: somebody reads
                f.write("word\n")
            with open(fifo) as f:
                self.assertEqual(f.read(), "got word\n")

    def test_death_by_signal(self):
        self.assertEqual(self.m.qvm_run("-p", "work", "kill -9 $$").returncode, 137)

    def test_login_environment(self):
        r = self.m.qvm_run("-p", "work", "echo $0 $WAYLAND_DISPLAY $XDG_RUNTIME_DIR $USER $PWD")
        self.assertTrue(r.stdout.startswith(b"-"), r.stdout)
        self.assertIn(b"wayland-0 /run/user/%d %s" % (os.getuid(), USER.encode()), r.stdout)

    def test_words_are_not_for_a_shell(self):
        self.m.script("services/qubes.VMExec", 'exec "%s" "$1"\n' % program("qubes.VMExec"))
        words = ["a b", "*", "$HOME", "-x", "--", "ä", "'\"\\", ""]
        r = self.m.qvm_run("-p", "work", "--", "printf", "<%s>", *words)
        self.assertEqual(r.stdout.decode(), "".join("<%s>" % w for w in words))
        self.assertEqual(self.m.qvm_run("-p", "work", "--", "/no/such/program").returncode, 127)

    def test_megabytes_both_ways(self):
        data = os.urandom(1 << 20) * 6
        r = self.m.qvm_run("-p", "work", "cat", input=data)
        self.assertEqual(hashlib.sha256(r.stdout).digest(), hashlib.sha256(data).digest())
        r = self.m.qvm_run("-p", "work", "head -c 5000000 /dev/zero >&2; sha256sum", input=data)
        self.assertEqual(r.stdout.split()[0].decode(), hashlib.sha256(data).hexdigest())
        self.assertEqual(len(r.stderr), 5000000)

    def test_slow_reader_stops_the_writer(self):
        """Only the channel's and the pipes' buffers fill up; the rest waits in the VM."""
        counter = self.m.path("counter")
        p = self.m.start(0, program("qvm-run"), "-p", "work",
                         "for i in $(seq 1000); do head -c 10000 /dev/zero; echo $i > %s; done" % counter,
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        count = lambda: int("0" + content(counter).strip()) if os.path.exists(counter) else 0
        wait_until(lambda: count() > 5, "the first pieces")
        stable = [0, time.monotonic()]

        def stopped():
            n = count()
            if n != stable[0]:
                stable[:] = [n, time.monotonic()]
            return time.monotonic() - stable[1] > 0.5
        wait_until(stopped, "the writer to stop")
        self.assertLess(count(), 60)
        self.assertEqual(len(p.stdout.read()), 10000000)
        p.stdout.close()
        self.assertEqual(p.wait(DEADLINE), 0)

    def test_many_calls_at_a_time(self):
        results = [None] * 24

        def one(i):
            results[i] = self.m.qvm_run("-p", "work", "cat; exit %d" % i, input=b"%d" % i * 30000)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(results))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for i, r in enumerate(results):
            self.assertEqual((r.returncode, r.stdout), (i, b"%d" % i * 30000))

    def test_ports_are_used_again(self):
        """More calls than there are ports."""
        client = program("qrexec-client")
        for i in range(300):
            r = self.m.run(client, "-d", "work", USER + ":nogui:exit %d" % (i % 7))
            self.assertEqual(r.returncode, i % 7, r.stderr)

    def test_reader_that_leaves_ends_the_call(self):
        r = self.m.run("sh", "-c", "%s -p work yes | head -n 1; echo $?" % program("qvm-run"))
        self.assertEqual(r.stdout, b"y\n0\n")
        self.assertEqual(r.stderr, b"")

    def test_killed_client_ends_the_process(self):
        pid = self.m.path("pid")
        p = self.m.start(0, program("qvm-run"), "-p", "work", "echo $$ > %s.new; mv %s.new %s; exec cat" % (pid, pid, pid),
                         stdin=subprocess.PIPE)
        wait_until(lambda: os.path.exists(pid), "the command")
        remote = int(content(pid))
        p.kill()
        p.wait()
        p.stdin.close()
        wait_until(lambda: not os.path.exists("/proc/%d" % remote), "the end of the remote process")

    def test_process_that_closes_its_output_still_has_an_exit_code(self):
        self.assertEqual(self.m.qvm_run("-p", "work", "exec >&- 2>&- <&-; exit 5", input=b"x" * 200000).returncode, 5)

    def test_large_input_that_nobody_reads(self):
        self.assertEqual(self.m.qvm_run("-p", "work", "exit 6", input=b"x" * 3000000).returncode, 6)

    def test_localcmd(self):
        r = self.m.qvm_run("--localcmd", "echo question; exec >&-; cat >&2", "work", "cat; echo answer")
        self.assertEqual((r.returncode, r.stderr), (0, b"question\nanswer\n"))

    def test_just_exec(self):
        done = self.m.path("done")
        r = self.m.run(program("qrexec-client"), "-e", "-d", "work", "DEFAULT:nogui:echo yes > " + done)
        self.assertEqual(r.returncode, 0)
        wait_until(lambda: os.path.exists(done) and os.path.getsize(done), "the command")

    def test_unknown_user_and_service(self):
        r = self.m.qvm_run("-p", "-u", "nobody-here", "work", "true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"there is no user 'nobody-here' here", r.stderr)
        r = self.m.qvm_run("-p", "--service", "work", "no.Such+arg")
        self.assertEqual(r.returncode, 127)

    def test_service_gets_its_facts(self):
        self.m.script("services/test.Facts", "echo $1 $QREXEC_SERVICE_ARGUMENT $QREXEC_SERVICE_FULL_NAME $QREXEC_REMOTE_DOMAIN\n")
        r = self.m.qvm_run("-p", "--service", "work", "test.Facts+a+b")
        self.assertEqual(r.stdout, b"a+b a+b test.Facts+a+b dom0\n")

    def test_terminal_output_is_filtered(self):
        def on_terminal(*options):
            master, slave = os.openpty()
            p = self.m.start(0, program("qvm-run"), "-p", *options, "work", r"printf 'a\033[2Jb\303\244\n'",
                             stdout=slave, stdin=subprocess.DEVNULL)
            os.close(slave)
            text = b""
            with contextlib.suppress(OSError):
                while chunk := os.read(master, 1000):
                    text += chunk
            os.close(master)
            self.assertEqual(p.wait(DEADLINE), 0)
            return text
        self.assertEqual(on_terminal(), "\033[0;31ma_[2Jbä\r\n\033[0;0m".encode())
        self.assertEqual(on_terminal("--no-color-output"), "a_[2Jbä\r\n".encode())
        self.assertEqual(on_terminal("--no-color-output", "--no-filter-escape-chars"), "a\033[2Jbä\r\n".encode())

    def test_all(self):
        more = self.m.vm(8, "other")
        r = self.m.qvm_run("-p", "--all", "echo here; exit 2")
        self.assertEqual((r.returncode, r.stdout), (2, b"here\nhere\n"))
        del more


class Starting(Case):
    def test_missing_vm_is_one_sentence(self):
        self.m.script("bin/qvm-check", 'echo "$2 does not exist"; exit 1\n')
        r = self.m.qvm_run("-p", "nothere", "true")
        self.assertEqual((r.returncode, r.stdout), (1, b""))
        self.assertEqual(r.stderr.count(b"\n"), 1)
        self.assertIn(b"there is no VM 'nothere'", r.stderr)
        r = self.m.qvm_run("-p", "../evil", "true")
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stderr.count(b"\n"), 1)

    def check_knows(self):
        """A qvm-check that knows every VM; those with a file of that name run."""
        self.m.script("bin/qvm-check", '[ -e %s/running."$2" ] && echo "$2 is running" || { echo "$2 is not running"; exit 1; }\n' % self.m.folder)

    def test_halted_vm_is_started(self):
        self.check_knows()
        self.m.script("bin/qvm-start", 'echo "$@" > %s; exec touch %s' % (self.m.path("asked"), self.m.path("go")))
        r = self.m.qvm_run("-n", "-p", "work", "true")
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"does not run", r.stderr)
        self.assertFalse(os.path.exists(self.m.path("asked")))
        self.m.script("bin/qvm-start", "touch %s %s\n" % (self.m.path("go"), self.m.path("running.work")))
        result = []
        t = threading.Thread(target=lambda: result.append(self.m.qvm_run("-p", "work", "echo up")))
        t.start()
        wait_until(lambda: os.path.exists(self.m.path("go")), "qvm-start")
        self.m.vm(7, "work")
        t.join()
        self.assertEqual((result[0].returncode, result[0].stdout), (0, b"up\n"))

    def test_unreachable_toolstack_speaks_for_itself(self):
        self.m.script("bin/qvm-check", "echo 'the keeper of the VMs does not run' >&2; exit 1\n")
        r = self.m.qvm_run("-p", "work", "true")
        self.assertEqual((r.returncode, r.stderr), (1, b"the keeper of the VMs does not run\n"))

    def test_vm_that_stops_while_starting(self):
        self.check_knows()
        self.m.script("bin/qvm-start", "exit 0\n")
        r = self.m.qvm_run("-p", "work", "true")
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"stopped while it was starting", r.stderr)

    def test_failed_start_has_only_its_own_words(self):
        self.check_knows()
        self.m.script("bin/qvm-start", "echo 'not enough memory' >&2; exit 1\n")
        r = self.m.qvm_run("-p", "work", "true")
        self.assertEqual((r.returncode, r.stderr), (1, b"not enough memory\n"))

    def test_daemon_gives_up_without_an_agent(self):
        p = self.m.daemon(7, "work", "-t", "1")
        self.assertEqual(p.wait(DEADLINE), 1)
        self.assertFalse(os.path.exists(self.m.path("qrexec.work")))

    def test_agent_may_come_late_and_daemon_may_come_again(self):
        daemon = self.m.daemon(7, "work")
        agent = self.m.agent(7)
        for _ in range(3):
            wait_until(lambda: os.path.exists(self.m.path("qrexec.work")), "the daemon")
            self.assertEqual(self.m.qvm_run("-p", "work", "echo ok").stdout, b"ok\n")
            daemon.terminate()
            self.ended_well(daemon)
            self.assertFalse(os.path.exists(self.m.path("qrexec.work")))
            daemon = self.m.daemon(7, "work")
        self.assertIsNone(agent.poll())


class Deaths(Case):
    def running_call(self, command="echo started; exec sleep 1000"):
        p = self.m.start(0, program("qvm-run"), "-p", "work", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"started\n")
        return p

    def finish(self, p):
        _, err = p.communicate(timeout=DEADLINE)
        return p.returncode, err

    def test_vm_that_dies_ends_daemon_and_calls(self):
        """The agent and all its children are killed at once, as when a domain is destroyed."""
        agent = self.m.start(7, program("qrexec-agent"), start_new_session=True)
        daemon = self.m.daemon(7, "work")
        wait_until(lambda: os.path.exists(self.m.path("qrexec.work")), "the daemon")
        call = self.running_call()
        os.killpg(agent.pid, signal.SIGKILL)
        code, err = self.finish(call)
        self.assertEqual(code, 125)
        self.assertIn(b"the connection to the VM broke", err)
        self.ended_well(daemon)
        self.assertFalse(os.path.exists(self.m.path("qrexec.work")))

    def test_call_survives_its_daemon(self):
        agent, daemon = self.m.vm(7, "work")
        call = self.running_call("echo started; read x; echo $x; exit 9")
        daemon.kill()
        daemon.wait()
        call.stdin.write(b"still here\n")
        call.stdin.flush()
        self.assertEqual(call.stdout.readline(), b"still here\n")
        self.assertEqual(self.finish(call)[0], 9)
        self.assertIsNone(agent.poll())

    def test_crash_of_the_agent_alone_is_noticed(self):
        """A running call must not hide it: the daemon ends, and a new agent and daemon serve the VM; the call goes on."""
        agent, daemon = self.m.vm(7, "work")
        call = self.running_call("echo started; read x; echo $x; exit 9")
        agent.kill()
        agent.wait()
        self.ended_well(daemon)
        self.m.vm(7, "work")
        self.assertEqual(self.m.qvm_run("-p", "work", "echo next").stdout, b"next\n")
        call.stdin.write(b"still here\n")
        call.stdin.flush()
        self.assertEqual(call.stdout.readline(), b"still here\n")
        self.assertEqual(self.finish(call)[0], 9)

    def test_killed_call_process_is_reported(self):
        agent, daemon = self.m.vm(7, "work")
        call = self.running_call()
        children = content("/proc/%d/task/%d/children" % (agent.pid, agent.pid)).split()
        self.assertEqual(len(children), 1)
        os.kill(int(children[0]), signal.SIGKILL)
        self.assertEqual(self.finish(call)[0], 125)
        self.assertEqual(self.m.qvm_run("-p", "work", "echo next").stdout, b"next\n")
        self.assertIsNone(daemon.poll())


class HostileVm(Case):
    """An agent that writes what it likes into the ring; the twin's memory is a file that this test can write too."""

    def agent_that_says(self, domain, message):
        """A server on the control port made by hand: page with orders 12/12, live byte, and the message as already written."""
        base = self.m.path("vchan.%d.0.512" % domain)
        page = bytearray(4096 * 3)
        struct.pack_into("<IIIIHHBBBB", page, 0, 0, 0, 0, len(message), 12, 12, 2, 1, 1, 0)
        page[8192:8192 + len(message)] = message
        with open(base + ".ring", "wb") as file:
            file.write(page)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(base + ".sock.new")
        listener.listen(1)
        os.rename(base + ".sock.new", base + ".sock")
        self.addCleanup(listener.close)

    HELLO = struct.pack("<III", 0x300, 4, 3)

    def daemon_after(self, message):
        self.agent_that_says(7, message)
        daemon = self.m.start(0, program("qrexec-daemon"), "-t", "5", "7", "evil", stderr=subprocess.PIPE)
        _, err = daemon.communicate(timeout=DEADLINE)
        self.assertNotIn(b"Sanitizer", err)
        self.assertEqual(daemon.returncode, 1, err)
        return err

    def test_garbage_ends_that_vm_only(self):
        good = self.m.vm(8, "good")
        for message in (b"\xff" * 64, self.HELLO + b"\xff" * 64, self.HELLO + struct.pack("<II", 0x212, 0xFFFFFFFF),
                        self.HELLO + struct.pack("<II", 0x212, 96 + 2) + b"a" * 98, self.HELLO + self.HELLO,
                        self.HELLO + struct.pack("<II", 0x200, 16) + b"\0" * 8 + b"root:id\0", struct.pack("<III", 0x300, 4, 1)):
            self.daemon_after(message)
            self.assertFalse(os.path.exists(self.m.path("qrexec.evil")))
        self.assertEqual(self.m.qvm_run("-p", "good", "echo fine").stdout, b"fine\n")
        del good

    def test_foreign_ports_in_terminated_are_ignored(self):
        terminated = b"".join(struct.pack("<IIII", 0x211, 8, 0, port) for port in (0, 512, 513, 769, 0xFFFFFFFF))
        self.daemon_after(self.HELLO + terminated + b"\xff" * 8)

    def test_log_lines_are_clean(self):
        request = b"\0" * 64 + b"SOCKET1".ljust(32, b"\0") + b"a\033]0;x\nb\0"
        message = self.HELLO + struct.pack("<II", 0x212, len(request)) + request + b"\xff" * 8
        err = self.daemon_after(message)
        self.assertIn(b"'a_]0;x_b'", err)
        self.assertNotIn(b"\033", err)


class BetweenVms(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.m.path("policy.d"))
        self.m.script("bin/qvm-ls", "printf 'dom0|AdminVM\\nwork|AppVM\\nvault|AppVM\\nhalted|AppVM\\n'\n")
        self.m.script("bin/qvm-start", '[ "$2" != halted ]\n')
        self.m.script("services/test.Add", 'read a b; echo "$((a + b)) for $QREXEC_REMOTE_DOMAIN ($1)"; exit 5\n')
        self.m.script("services/test.Cat", "cat\n")
        self.policy("test.Add * work vault allow\ntest.Add * work @adminvm allow\ntest.Cat * work @default allow target=vault\n"
                    "test.Add * work halted allow\n")
        self.daemon = self.m.start(0, program("policy-daemon"))
        wait_until(lambda: os.path.exists(self.m.path("policy.sock")), "the policy daemon")
        self.m.vm(7, "work")
        self.m.vm(8, "vault")

    def policy(self, text):
        with open(self.m.path("policy.d/30-user.policy"), "w", encoding="ascii") as file:
            file.write(text)

    def call(self, *argv, domain=7, **options):
        return self.m.run(program("qrexec-client-vm"), *argv, domain=domain, **options)

    def test_allowed_service_in_another_vm(self):
        r = self.call("vault", "test.Add+x", input=b"3 4\n")
        self.assertEqual((r.returncode, r.stdout), (5, b"7 for work (x)\n"), r.stderr)

    def test_service_of_dom0(self):
        r = self.call("dom0", "test.Add", input=b"1 1\n")
        self.assertEqual((r.returncode, r.stdout), (5, b"2 for work ()\n"), r.stderr)

    def test_policy_chooses_the_target_and_data_flows(self):
        data = os.urandom(2000000)
        r = self.call("@default", "test.Cat", input=data)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(hashlib.sha256(r.stdout).digest(), hashlib.sha256(data).digest())

    def test_denied(self):
        for target, service, domain in (("vault", "test.Cat", 7), ("work", "test.Add", 8), ("work", "test.Add", 7),
                                        ("nowhere", "test.Add", 7), ("@dispvm", "test.Add", 7), ("vault", "no.Such", 7)):
            r = self.call(target, service, domain=domain)
            self.assertEqual((r.returncode, r.stdout), (126, b""), (target, service))
            self.assertIn(b"request refused", r.stderr)

    def test_invalid_policy_denies_everything(self):
        self.policy("test.Add * work vault allow\nnonsense\n")
        self.assertEqual(self.call("vault", "test.Add", input=b"1 1\n").returncode, 126)

    def test_no_policy_daemon_denies_everything(self):
        self.daemon.terminate()
        self.daemon.wait(DEADLINE)
        self.assertEqual(self.call("vault", "test.Add", input=b"1 1\n").returncode, 126)

    def test_target_that_cannot_start_is_refused(self):
        self.assertEqual(self.call("halted", "test.Add", input=b"1 1\n").returncode, 126)

    def test_service_that_is_not_there(self):
        self.policy("* * work vault allow\n")
        self.assertEqual(self.call("vault", "test.Nothing").returncode, 127)

    def test_local_program_talks_to_the_service(self):
        r = self.call("vault", "test.Add", "sh", "-c", "echo 20 22; exec >&-; cat >&2")
        self.assertEqual((r.returncode, r.stderr), (5, b"42 for work ()\n"))

    def test_end_of_output_does_not_wait_for_other_calls(self):
        """A call that goes on must not hold the descriptors of one that was asked for at the same time."""
        self.policy("* * work vault allow\n")
        slow = self.m.start(7, program("qrexec-client-vm"), "vault", "test.Cat", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(5):
            r = self.call("vault", "test.Add", input=b"1 2\n")
            self.assertEqual((r.returncode, r.stdout), (5, b"3 for work ()\n"))
        slow.stdin.close()
        self.assertEqual(slow.wait(DEADLINE), 0)

    def test_killed_caller_ends_the_service(self):
        pid = self.m.path("pid")
        self.m.script("services/test.Cat", "echo $$ > %s.new; mv %s.new %s; exec cat\n" % (pid, pid, pid))
        p = self.m.start(7, program("qrexec-client-vm"), "@default", "test.Cat", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(pid), "the service")
        p.kill()
        p.wait()
        wait_until(lambda: not os.path.exists("/proc/%d" % int(content(pid))), "the end of the service")
        p.stdin.close()

    def test_many_requests_at_a_time(self):
        results = [None] * 12

        def one(i):
            results[i] = self.call("vault", "test.Add", input=b"%d 1\n" % i)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(results))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for i, r in enumerate(results):
            self.assertEqual((r.returncode, r.stdout), (5, b"%d for work ()\n" % (i + 1)), r.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
