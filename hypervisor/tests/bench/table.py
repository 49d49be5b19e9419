#!/usr/bin/env python3
"""table.py HYPERVISOR GUEST: runs the bench guest under instruction counting and prints a table of what operations cost.

Beside ours stand the figures of Xen 4.20 in the same emulator (docs of the project: measured once, they do not change)."""
import re
import subprocess
import sys
from pathlib import Path

XEN = {"null-hypercall": 5487, "cpuid": 5350, "rdmsr": 5264, "evtchn-send-self": 9408, "sched-yield": 7836, "hvm-get-param": 13362}


def main():
    hypervisor, guest = sys.argv[1:3]
    runner = Path(__file__).resolve().parent.parent / "guest" / "run.py"
    result = subprocess.run([runner, "--icount", "--timeout", "120", *sys.argv[3:], hypervisor, guest, "bench"],
                            stdout=subprocess.PIPE, text=True)
    ours = {name: int(value) for name, value in re.findall(r"ATOLL-BENCH (\S+) (\d+)", result.stdout)}
    if result.returncode or set(ours) != set(XEN):
        print(result.stdout)
        return "the bench guest did not finish"
    print(f"{'instructions per operation':28}{'Atoll':>8}{'Xen 4.20':>10}{'ratio':>8}")
    for name, xen in XEN.items():
        print(f"{name:28}{ours[name]:8}{xen:10}{ours[name] / xen:8.2f}")
    return 0


sys.exit(main())
