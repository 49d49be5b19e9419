#!/bin/sh
# enter.sh COMMAND [ARG...]: runs a command inside the Debian 13 build root, in the current folder.
# The checkout is visible there under its own path, so paths in messages and debug information fit both sides.
set -eu
me=enter.sh
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=images/host.sh
. "$here/host.sh"
top=$(dirname "$here")
root=$(buildroot_dir)
[ -x "$root/usr/bin/meson" ] || die "no build root in $root; make it with: images/buildroot.sh"
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "needs root: run it as root, or install sudo and give this user the right to use it"
    exec sudo ATOLL_CACHE="$(cache_dir)" ATOLL_BUILDROOT="$root" DISPLAY="${DISPLAY:-}" XAUTHORITY="${XAUTHORITY:-}" \
        WAYLAND_DISPLAY="${WAYLAND_DISPLAY:-}" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-}" "$0" "$@"
fi
ATOLL_TOP=$top ATOLL_ROOT=$root ATOLL_PWD=$PWD ATOLL_PARTS=$(cache_dir)/images
export ATOLL_TOP ATOLL_ROOT ATOLL_PWD ATOLL_PARTS
mkdir -p "$ATOLL_PARTS"
# A mount namespace of its own: nothing is left mounted, however this ends. /cache is where image parts are kept.
# A display of the host is passed on for QEMU's window: its sockets live in /tmp/.X11-unix and XDG_RUNTIME_DIR.
# In a chroot whose root is no mount point the propagation cannot be changed; there it is private already.
propagation=private
unshare -m --propagation private true 2>/dev/null || propagation=unchanged
# shellcheck disable=SC2016 # expanded by the inner shells
exec unshare -m --propagation "$propagation" sh -eu -c '
    bind() {
        mkdir -p "$ATOLL_ROOT$2"
        mount --bind "$1" "$ATOLL_ROOT$2"
    }
    mount --bind "$ATOLL_ROOT" "$ATOLL_ROOT"
    mount -t proc proc "$ATOLL_ROOT/proc"
    mount --rbind /dev "$ATOLL_ROOT/dev"
    mount -t sysfs sys "$ATOLL_ROOT/sys"
    bind "$ATOLL_PARTS" /cache
    bind "$ATOLL_TOP" "$ATOLL_TOP"
    [ ! -d /tmp/.X11-unix ] || bind /tmp/.X11-unix /tmp/.X11-unix
    [ ! -d "${XDG_RUNTIME_DIR:-/none}" ] || bind "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR"
    if [ -n "${XAUTHORITY:-}" ] && [ -f "$XAUTHORITY" ]; then
        bind "$(dirname "$XAUTHORITY")" "$(dirname "$XAUTHORITY")"
    fi
    exec chroot "$ATOLL_ROOT" /usr/bin/env HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin \
        sh -c "cd \"\$1\" 2>/dev/null || cd \"\$ATOLL_TOP\"; shift; exec \"\$@\"" sh "$ATOLL_PWD" "$@"
' sh "$@"
