"""Software or hardware virtualization for the emulated PC."""
import os
import pathlib
import subprocess

# What QEMU's software CPU can do of AMD-V; RDTSCP is off because its intercept is reported wrongly there.
SOFTWARE_CPU = "EPYC,+svm,+npt,-rdtscp"


def nested_kvm_works():
    """A /dev/kvm alone means nothing: a throw-away machine with nested AMD-V has to start."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    nested = pathlib.Path("/sys/module/kvm_amd/parameters/nested")
    if not nested.exists() or nested.read_text().strip() not in ("1", "Y"):
        return False
    try:
        done = subprocess.run(["qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-cpu", "host,+svm,+npt,enforce",
                               "-m", "64", "-display", "none", "-nodefaults", "-S", "-monitor", "stdio"],
                              input=b"quit\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20,
                              check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def choose(wanted):
    if wanted == "auto":
        return "kvm" if nested_kvm_works() else "tcg"
    return wanted


def arguments(kind, cpus, memory, iommu):
    # Remapping of interrupts needs the I/O APIC in QEMU, which is a matter of KVM only.
    machine = "q35,kernel-irqchip=split" if iommu and kind == "kvm" else "q35"
    common = ["-machine", machine, "-smp", str(cpus), "-m", str(memory)]
    if iommu:
        common += ["-device", "intel-iommu,intremap=on"]
    if kind == "kvm":
        return common + ["-accel", "kvm", "-cpu", "host,+svm,+npt"]
    # One thread for all processors: with one each, QEMU loses virtualization flags of CPU 0 (docs/emulators.md).
    return common + ["-accel", "tcg,thread=single", "-cpu", SOFTWARE_CPU]
