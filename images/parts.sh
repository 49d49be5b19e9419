# shellcheck shell=sh disable=SC2154
# parts.sh: the slow parts of the images, kept in /cache under a hash of what they are made of (sourced, plain sh).
# Each maker prints the folder it made or found.

mirror() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "main" { print $2; exit }'
}

offline="could not fetch packages; check the network and try again"

# words FILE: its lines without comments, as one line
words() {
    sed -e 's/#.*//' "$1" | tr -s ' \n' ' ' | sed -e 's/^ //' -e 's/ $//'
}

# key FILE...: a short hash of their contents
key() {
    cat "$@" | sha256sum | cut -c1-16
}

# prune PREFIX: keeps the three newest of a kind (several checkouts may share the cache)
prune() {
    # shellcheck disable=SC2012 # our own names
    ls -dt /cache/"$1"-* 2>/dev/null | tail -n +4 | while read -r old; do rm -rf "$old"; done
}

# The kernel package, unpacked: vmlinuz, vmlinux, modules, release.
kernel_part() {
    dir=/cache/kernel-$(key "$images/kernel/package" "$images/kernel/unpack-vmlinux" "$images/kernel/boot-modules")
    if [ ! -d "$dir" ]; then
        say "fetching Debian's kernel"
        rm -rf "$dir.new"
        mkdir -p "$dir.new/deb"
        package=$(words "$images/kernel/package")
        {
            apt-get update -q &&
                versioned=$(apt-cache depends "$package" | awk '$1 == "Depends:" { print $2; exit }') &&
                (cd "$dir.new/deb" && apt-get download -q "$versioned")
        } >&2 || die "$offline"
        dpkg -x "$dir.new"/deb/*.deb "$dir.new/tree" >&2
        release=$(basename "$dir.new"/tree/usr/lib/modules/* 2>/dev/null || true)
        [ "$release" != '*' ] || release=$(basename "$dir.new"/tree/lib/modules/*)
        [ -d "$dir.new/tree/usr/lib/modules" ] || { mkdir -p "$dir.new/tree/usr/lib" && mv "$dir.new/tree/lib/modules" "$dir.new/tree/usr/lib/modules"; }
        mkdir -p "$dir.new/modules/usr/lib/modules"
        mv "$dir.new/tree/usr/lib/modules/$release" "$dir.new/modules/usr/lib/modules/"
        mv "$dir.new/tree/boot/vmlinuz-$release" "$dir.new/vmlinuz"
        mv "$dir.new/tree/boot/config-$release" "$dir.new/config"
        "$images/kernel/unpack-vmlinux" "$dir.new/vmlinuz" "$dir.new/vmlinux" >&2
        echo "$release" >"$dir.new/release"
        rm -rf "$dir.new/deb" "$dir.new/tree"
        ln -s usr/lib "$dir.new/modules/lib"
        depmod -b "$dir.new/modules" "$release" >&2
        unpack_modules "$dir.new/modules" "$release" >&2
        mv "$dir.new" "$dir"
        prune kernel
    fi
    echo "$dir"
}

# module_files TREE RELEASE NAME...: the files of these modules and of all they need, each once
module_files() {
    tree=$1
    release=$2
    shift 2
    for name in "$@"; do
        modprobe -d "$tree" -S "$release" --show-depends "$name" || die "the kernel has no module '$name'"
    done | awk '$1 == "insmod" { print $2 }' | awk '!seen[$0]++'
}

# Modules that every boot loads are kept unpacked: unpacking them anew each time costs seconds on an emulated processor.
unpack_modules() {
    # shellcheck disable=SC2046 # a list of words
    module_files "$1" "$2" $(words "$images/kernel/boot-modules") | while read -r file; do
        case $file in *.xz) xz -d "$file" ;; esac
    done
    depmod -b "$1" "$2"
}

# base_root NAME: Debian 13 with the packages of images/NAME/packages, set up by images/NAME/configure.
base_root() {
    dir=/cache/$1-$(key "$images/$1/packages" "$images/$1/configure" "$images/common/configure" "$images/common/excluded")
    if [ ! -d "$dir" ]; then
        say "making the base of the $1 image (once)"
        rm -rf "$dir.new"
        mkdir -p "$dir.new"
        # shellcheck disable=SC2046,SC2086 # lists of words
        mmdebstrap --quiet --variant=minbase --include="$(words "$images/$1/packages" | tr ' ' ,)" \
            $(words "$images/common/excluded" | tr ' ' '\n' | sed 's/^/--dpkgopt=path-exclude=/') \
            --aptopt='Apt::Install-Recommends "false"' \
            --customize-hook="cp $images/common/configure \"\$1/tmp/common\"" \
            --customize-hook="cp $images/$1/configure \"\$1/tmp/configure\"" \
            --customize-hook='chroot "$1" sh -eu /tmp/common' \
            --customize-hook='chroot "$1" sh -eu /tmp/configure' \
            --customize-hook='rm -f "$1/tmp/common" "$1/tmp/configure"' \
            trixie "$dir.new/root" "deb $(mirror) trixie main" >&2 || die "$offline"
        mv "$dir.new" "$dir"
        prune "$1"
    fi
    echo "$dir"
}
