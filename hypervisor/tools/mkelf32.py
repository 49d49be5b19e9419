#!/usr/bin/env python3
"""mkelf32.py FLAT ELF64 OUTPUT: wraps the flat memory image into an ELF32 file with one loadable segment.

Multiboot loaders want ELF32 (QEMU refuses ELF64), the code is 64 bit and linked to the top of the address space.
Load address, memory size and entry come from symbols of the linked ELF64 file."""
import struct
import subprocess
import sys


def symbols(path):
    out = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return {f[2]: int(f[0], 16) for f in (line.split() for line in out.splitlines()) if len(f) == 3}


def main():
    flat, elf, output = sys.argv[1:]
    data = open(flat, "rb").read()
    sym = symbols(elf)
    load, end, entry = (sym[n] & 0x7FFFFFFF for n in ("image_start", "image_end", "start32"))
    offset = 4096
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 3, 1, entry, 52, 84, 0, 52, 32, 1, 40, 1, 0)
    segment = struct.pack("<IIIIIIII", 1, offset, load, load, len(data), end - load, 7, 4096)
    sections = bytes(40)  # GRUB refuses a file without section headers: one empty one stands behind the segment's
    with open(output, "wb") as f:
        f.write((header + segment + sections).ljust(offset, b"\0") + data)


main()
