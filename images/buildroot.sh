#!/bin/sh
# buildroot.sh [--remake]: makes the Debian 13 build root from images/buildroot.packages, or brings it up to date.
#
# Everything is compiled, packed and run inside it, so the result does not depend on the host's release. A stamp holds
# the hash of the package list: with the same list this script does nothing; packages that were added are installed
# into the existing root; --remake starts from nothing.
set -eu
me=buildroot.sh
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=images/host.sh
. "$here/host.sh"

root=$(buildroot_dir)
list=$here/buildroot.packages
stamp=$root/.atoll-packages
hash=$(sha256sum <"$list" | cut -d' ' -f1)
packages=$(sed -e 's/#.*//' "$list" | tr -s ' \n' ' ')

remake=no
case ${1:-} in
--remake) remake=yes ;;
'') ;;
*) die "unknown option '$1'; usage: images/buildroot.sh [--remake]" ;;
esac

[ "$remake" = yes ] || [ "$(cat "$stamp" 2>/dev/null)" != "$hash" ] || exit 0

require_debian
mkdir -p "$(dirname "$root")"
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "needs root: run it as root, or install sudo and give this user the right to use it"

# Two builds at once would unpack into each other.
exec 9>"$(dirname "$root")/.buildroot.lock"
flock -n 9 || { say "waiting for another build root being made"; flock 9; }
[ "$remake" = yes ] || [ "$(cat "$stamp" 2>/dev/null)" != "$hash" ] || exit 0

mirror=$(host_mirror)
if [ -z "$mirror" ]; then
    as_root apt-get update -q # a host that has never fetched its lists does not tell its mirrors
    mirror=$(host_mirror)
fi
[ -n "$mirror" ] || die "apt knows no mirror of Debian's main archive; add one to /etc/apt/sources.list and run 'apt-get update'"

offline="could not fetch packages from the mirror in /etc/apt; check the network and try again"

# shellcheck disable=SC2086 # a list of words
extend() {
    say "installing what was added to images/buildroot.packages"
    as_root "$here/enter.sh" sh -eu -c '
        export DEBIAN_FRONTEND=noninteractive
        dpkg --configure -a
        apt-get update -q
        apt-get install -q -y --no-install-recommends "$@"' sh $packages || die "$offline"
}

# shellcheck disable=SC2086 # a list of words
make_new() {
    need_space "$(dirname "$root")" 5000
    if ! command -v mmdebstrap >/dev/null; then
        say "installing mmdebstrap"
        as_root sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends mmdebstrap' ||
            die "could not install mmdebstrap; check the network, or install it by hand: apt-get install mmdebstrap"
    fi
    say "making the build root in $root (once; about 2 GiB)"
    as_root rm -rf "$root.new"
    include=$(echo $packages | tr ' ' ,)
    as_root mmdebstrap --variant=minbase --include="$include" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        trixie "$root.new" "deb $mirror trixie main" || {
        as_root rm -rf "$root.new"
        die "$offline"
    }
    # Atomic for whoever looks: the old root is there, or the new one.
    as_root rm -rf "$root.old"
    [ ! -d "$root" ] || as_root mv "$root" "$root.old"
    as_root mv "$root.new" "$root"
    as_root rm -rf "$root.old"
}

if [ "$remake" = yes ] || [ ! -x "$root/usr/bin/meson" ]; then
    make_new
else
    extend
fi
echo "$hash" | as_root tee "$stamp" >/dev/null
say "the build root is ready"
