#!/usr/bin/env python3
"""run.py [OPTIONS] HYPERVISOR GUEST NAME: runs a test guest as the first domain of the hypervisor in QEMU and judges its console.

Good is a line "ATOLL-TEST NAME: pass" (or, with --expect, a line that matches each expression given), after which the
machine has to go off by itself. Everything the console said is printed when it is not good, or with --verbose."""
import argparse
import itertools
import re
import selectors
import socket
import subprocess
import sys
import threading
import time


def options():
    p = argparse.ArgumentParser()
    p.add_argument("hypervisor")
    p.add_argument("guest")
    p.add_argument("name")
    p.add_argument("--machine", default="q35")
    p.add_argument("--cpu", default="EPYC,+svm,+npt,-rdtscp")
    p.add_argument("--cpus", type=int, default=1, help="processors of the machine")
    p.add_argument("--memory", default="1024", help="MiB of the machine")
    p.add_argument("--icount", action="store_true", help="count instructions: one CPU, repeatable")
    p.add_argument("--append", default="", help="more options for the hypervisor")
    p.add_argument("--options", default="dom0_mem=256M console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all")
    p.add_argument("--cmdline", default="", help="the guest's command line")
    p.add_argument("--expect", action="append", default=[], help="expression that a line must match, instead of the pass line")
    p.add_argument("--qemu", action="append", default=[], help="more arguments for QEMU")
    p.add_argument("--result-only", action="store_true", help="stop at the result: the machine need not go off (for other hypervisors)")
    p.add_argument("--kicks", action="store_true", help="stop and continue the emulated CPUs all the time: races inside the emulator")
    p.add_argument("--timeout", type=float, default=60)
    p.add_argument("--verbose", action="store_true")
    return p.parse_args()


def command(o):
    accel = ["-accel", "tcg", "-icount", "shift=0,sleep=off"] if o.icount else ["-accel", "tcg,thread=multi"]
    return ["qemu-system-x86_64", "-machine", o.machine, *accel, "-cpu", o.cpu, "-smp", str(o.cpus), "-m", o.memory,
            "-display", "none", "-vga", "none", "-nic", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
            "-kernel", o.hypervisor, "-initrd", f"{o.guest} {o.cmdline}".strip(), "-append", f"{o.options} {o.append}".strip(),
            *[word for q in o.qemu for word in q.split()]]


def kick(qmp):
    """Until the machine is gone: each `stop` makes every emulated CPU leave its loop, wherever it is."""
    with qmp, qmp.makefile("rw", encoding="utf-8") as stream:
        try:
            stream.readline()
            for command_name in itertools.chain(["qmp_capabilities"], itertools.cycle(["stop", "cont"])):
                stream.write(f'{{"execute":"{command_name}"}}\n')
                stream.flush()
                while (line := stream.readline()) and "return" not in line:
                    pass
                if not line:
                    return
                time.sleep(0.002 if command_name == "cont" else 0)
        except OSError:
            pass


def run(o):
    """The console's text, and whether the machine went off by itself in time."""
    ours, qemus = socket.socketpair()
    words = command(o)
    if o.kicks:
        words += ["-chardev", f"socket,id=qmp,fd={qemus.fileno()}", "-mon", "chardev=qmp,mode=control"]
        threading.Thread(target=kick, args=(ours,), daemon=True).start()
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          pass_fds=[qemus.fileno()]) as qemu:
        qemus.close()
        end = time.monotonic() + o.timeout
        chunks = []
        try:
            with selectors.DefaultSelector() as wait:
                wait.register(qemu.stdout, selectors.EVENT_READ)
                while (left := end - time.monotonic()) > 0:
                    if not wait.select(left):
                        break
                    chunk = qemu.stdout.read1(65536)
                    if not chunk:
                        return b"".join(chunks), qemu.wait(max(end - time.monotonic(), 1)) == 0
                    chunks.append(chunk)
                    if o.result_only and re.search(rb"ATOLL-TEST .*\n", b"".join(chunks)):
                        return b"".join(chunks), True
        except subprocess.TimeoutExpired:
            pass
        finally:
            qemu.kill()
        return b"".join(chunks), False


def judge(o, text, off):
    if m := re.search(rf"ATOLL-TEST {re.escape(o.name)}: fail.*", text):
        return m.group(0)
    wanted = o.expect or [rf"ATOLL-TEST {re.escape(o.name)}: pass"]
    for expression in wanted:
        if not re.search(expression, text, re.MULTILINE):
            return f"{o.name}: no line matches '{expression}'"
    if not off:
        return f"{o.name}: the machine did not go off within {o.timeout:g} s"
    return None


def main():
    o = options()
    raw, off = run(o)
    text = raw.decode("utf-8", "replace").replace("\r", "")
    wrong = judge(o, text, off)
    if wrong or o.verbose:
        print(text)
    for line in re.findall(r"^.*ATOLL-(?:TEST|BENCH).*$", text, re.MULTILINE):
        print(line)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
