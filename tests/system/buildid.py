"""Which hypervisor runs: the build id that VMs see, and that of the file that was built."""
import re
import subprocess

import paths

# The kernel shows the bytes as they are, up to the first zero.
READ_BUILD_ID = "od -An -v -tx1 /sys/hypervisor/properties/buildid | tr -d ' \\n'"


def build_id():
    """What READ_BUILD_ID prints on the hypervisor that was built last."""
    notes = subprocess.run(["readelf", "-n", paths.BUILD / "hypervisor" / "atoll.elf"], capture_output=True, text=True,
                           check=True).stdout
    number = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", notes)[1])
    return number.split(b"\0")[0].hex()
