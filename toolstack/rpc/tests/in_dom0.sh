#!/bin/sh
# in_dom0.sh VM: calls over real grants. Runs in dom0, for example through ./run --exec; VM is started if it is halted.
set -u
vm=${1:?usage: in_dom0.sh VM}
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME EXPECTED ACTUAL
check() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        echo "FAILED: $1: expected '$2', got '$3'"
        failed=1
    fi
}

qvm-run -p "$vm" 'echo out; echo err >&2; exit 7' >"$work/out" 2>"$work/err"
check "exit code" 7 $?
check "standard output" out "$(cat "$work/out")"
check "standard error" err "$(cat "$work/err")"

head -c 3000000 /dev/urandom >"$work/data"
sum=$(sha256sum <"$work/data")
check "data to the VM" "$sum" "$(qvm-run -p "$vm" sha256sum <"$work/data")"
check "data there and back" "$sum" "$(qvm-run -p "$vm" cat <"$work/data" | sha256sum)"

# shellcheck disable=SC2016 # nobody shall expand them
check "words that no shell sees" '<$HOME><a b><*>' "$(qvm-run -p "$vm" -- printf '<%s>' '$HOME' 'a b' '*')"
check "another user" root "$(qvm-run -p -u root "$vm" 'id -un')"

for i in 1 2 3 4 5 6 7 8; do
    qvm-run -p "$vm" cat <"$work/data" | sha256sum >"$work/parallel.$i" &
done
wait
check "eight calls at a time" "$(for i in 1 2 3 4 5 6 7 8; do echo "$sum"; done)" "$(cat "$work"/parallel.*)"

i=0
while [ "$i" -lt 40 ]; do
    qvm-run -q --no-gui "$vm" 'exit 9'
    [ $? = 9 ] || break
    i=$((i + 1))
done
check "forty calls in a row" 40 "$i"

qvm-run -p nothere true >"$work/out" 2>"$work/err"
check "a missing VM: exit code" 1 $?
check "a missing VM: one sentence" 1 "$(wc -l <"$work/err")"
exit "$failed"
