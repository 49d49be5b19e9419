#!/usr/bin/env python3
"""table.py HYPERVISOR GUEST [OPTIONS OF run.py]: runs the bench guest under instruction counting and prints what operations cost.

Instruction counting makes the figures repeatable, so they have bounds: above one it is an error. Beside ours stand the figures of
Debian 13's Xen 4.20 with the same guest in the same emulator (docs/performance.md says how they were measured)."""
import re
import subprocess
import sys
from pathlib import Path

# name: (bound, Xen 4.20); None: no bound, not measured
ROWS = {
    "rdtsc": (20, 5433),
    "null-hypercall": (350, 5487),
    "cpuid": (400, 5350),
    "cpuid-features": (None, 5507),
    "rdmsr": (450, 5264),
    "wrmsr-x2apic": (None, None),
    "port-in": (None, 1353),
    "sched-yield": (600, 7836),
    "yield-to-other-and-back": (None, 19754),
    "evtchn-send-self": (800, 9408),
    "event-to-self": (None, 33953),
    "hvm-get-param": (None, 13362),
    "set-singleshot-timer": (None, 10056),
    "grant-map-unmap": (None, 28560),
    "grant-copy-64": (None, None),
    "grant-copy-4096": (None, None),
    "ioapic-read": (None, 13985),
    "xapic-read": (None, 14145),
}


def main():
    hypervisor, guest = sys.argv[1:3]
    runner = Path(__file__).resolve().parent.parent / "guest" / "run.py"
    result = subprocess.run([runner, "--icount", "--timeout", "120", "--append", "dom0_max_vcpus=2", *sys.argv[3:],
                             hypervisor, guest, "bench"], stdout=subprocess.PIPE, text=True)
    ours = {name: int(value) for name, value in re.findall(r"ATOLL-BENCH (\S+) (\d+)", result.stdout)}
    if result.returncode or set(ours) != set(ROWS):
        print(result.stdout)
        return f"the bench guest did not finish, or not all of its rows are known here: {sorted(set(ours) ^ set(ROWS))}"
    print(f"figure: {'instructions per operation':28}{'Atoll':>8}{'bound':>8}{'Xen 4.20':>10}")
    for name, (bound, xen) in ROWS.items():
        print(f"figure: {name:28}{ours[name]:8}{bound or '':>8}{xen or '':>10}")
    above = [f"{name} takes {ours[name]} instructions, {bound} at most" for name, (bound, _) in ROWS.items() if bound and ours[name] > bound]
    return "; ".join(above) or 0


sys.exit(main())
