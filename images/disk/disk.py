"""disk.py IMAGE ESP ROOT DATA BOOT_IMG CORE_IMG: puts partitions and GRUB's BIOS boot code into a disk image.

With '-' for DATA an image that exists keeps its data partition, and with it the VMs that were made in it.

No loop devices, no mounts: the table is written by sfdisk, contents are copied without their holes, and GRUB's two
block lists are filled in here, as grub-bios-setup would.
"""
import os
import struct
import subprocess
import sys

MIB = 1 << 20
SECTOR = 512
# name, GPT type, size in MiB; their numbers are the gptN of grub.cfg
PARTITIONS = [
    ("atoll-bios", "21686148-6449-6E6F-744E-656564454649", 1),
    ("atoll-esp", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", 128),
    ("atoll-root-a", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", 2048),
    ("atoll-root-b", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", 2048),
    ("atoll-data", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", 12288),
]


def starts():
    """The first byte of each partition, by name, and the size of the whole disk."""
    at, out = MIB, {}
    for name, _, size in PARTITIONS:
        out[name] = at
        at += size * MIB
    return out, at + MIB


def write_table(image):
    offsets, _ = starts()
    lines = ["label: gpt", "unit: sectors"]
    for name, kind, size in PARTITIONS:
        lines.append(f"start={offsets[name] // SECTOR}, size={size * MIB // SECTOR}, type={kind}, name={name}")
    subprocess.run(["sfdisk", "--quiet", image], input="\n".join(lines) + "\n", text=True, check=True)


def copy_data(target, offset, path):
    """Copies a file to an offset, leaving holes as holes."""
    with open(path, "rb") as source:
        end, at = os.fstat(source.fileno()).st_size, 0
        while at < end:
            try:
                begin = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return
            at = os.lseek(source.fileno(), begin, os.SEEK_HOLE)
            while begin < at:
                data = os.pread(source.fileno(), min(at - begin, 4 * MIB), begin)
                if any(data):
                    os.pwrite(target, data, offset + begin)
                begin += len(data)


def fill(target, name, path):
    """Makes a partition from a file; nothing of what was there before stays."""
    offset, size = starts()[0][name], next(p[2] for p in PARTITIONS if p[0] == name)
    subprocess.run(["fallocate", "--punch-hole", "--offset", str(offset), "--length", f"{size}MiB",
                    f"/proc/self/fd/{target}"], pass_fds=[target], check=True)
    copy_data(target, offset, path)


def install_bios_boot(target, boot_path, core_path):
    """boot.img goes into the first sector and names the first sector of core.img, which names the rest of itself."""
    start = starts()[0]["atoll-bios"]
    with open(boot_path, "rb") as file:
        boot = bytearray(file.read())
    with open(core_path, "rb") as file:
        core = bytearray(file.read())
    if len(core) > PARTITIONS[0][2] * MIB:
        raise SystemExit("disk.py: GRUB's core image does not fit into its partition")

    struct.pack_into("<Q", boot, 0x5C, start // SECTOR)
    boot[0x66:0x68] = b"\x90\x90"  # on a hard disk the BIOS's drive number is right: skip the floppy check
    first, _sectors, _segment = struct.unpack_from("<QHH", core, SECTOR - 12)
    struct.pack_into("<Q", core, SECTOR - 12, start // SECTOR + 1)
    if first not in (1, 2):
        raise SystemExit("disk.py: GRUB's core image does not look as expected")
    os.pwrite(target, bytes(boot[:440]), 0)
    os.pwrite(target, bytes(core), start)


def main():
    image, esp, root, data, boot, core = sys.argv[1:]
    if data != "-":
        with open(image, "wb") as file:
            file.truncate(starts()[1])
        write_table(image)
    target = os.open(image, os.O_RDWR)
    fill(target, "atoll-esp", esp)
    fill(target, "atoll-root-a", root)
    if data != "-":
        fill(target, "atoll-data", data)
    install_bios_boot(target, boot, core)
    os.fsync(target)
    os.close(target)


if __name__ == "__main__":
    main()
