#!/usr/bin/env python3
"""compile_dsdt.py IASL DSDT.ASL OUTPUT.H: compiles ACPI source into a C array, dsdt_aml_code[]."""
import pathlib
import subprocess
import sys
import tempfile

iasl, source, output = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([iasl, "-we", "-p", f"{folder}/dsdt", source], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    aml = pathlib.Path(folder, "dsdt.aml").read_bytes()
lines = [", ".join(f"0x{byte:02x}" for byte in aml[i:i + 16]) for i in range(0, len(aml), 16)]
pathlib.Path(output).write_text("#pragma once\n#include <stdint.h>\nstatic const uint8_t dsdt_aml_code[] = {\n    "
                                + ",\n    ".join(lines) + "};\n")
