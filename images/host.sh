# shellcheck shell=sh disable=SC2154
# host.sh: what the scripts that run on the developer's own system share (sourced, plain sh).

say() {
    echo "$me: $*" >&2
}

die() {
    say "$*"
    exit 1
}

cache_dir() {
    echo "${ATOLL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atoll}"
}

buildroot_dir() {
    echo "${ATOLL_BUILDROOT:-$(cache_dir)/buildroot}"
}

# Runs a command as root: directly, or by sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root: run it as root, or install sudo and give this user the right to use it"
    fi
}

require_debian() {
    [ "$(uname -m)" = x86_64 ] || die "needs an x86-64 machine, this one is $(uname -m)"
    # shellcheck source=/dev/null
    id=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")
    case $id in
    "debian 12" | "debian 13") ;;
    *) die "needs Debian 12 or 13 as the host, this is '${id:-unknown}'" ;;
    esac
}

# The mirror that this host's own apt uses for its main archive, so that no address stands in the tree.
host_mirror() {
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v r="$codename" '($1 == r || $1 == "stable") && $2 == "main" { print $3; exit }'
}

# need_space DIR MEBIBYTES: the file system that will hold DIR has that much left.
need_space() {
    free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$2" ] || die "needs $2 MiB free in $1, there are $free; free some, or set ATOLL_CACHE to a larger disk"
}
