#!/bin/sh
# image.sh: makes build/atoll.img. Runs inside the build root, after the programs are compiled.
#
# Slow parts (kernel, base roots) come from the cache, see parts.sh; each file system is made anew only when something
# that goes into it has changed. ATOLL_DEVELOPMENT=no leaves out what lets outsiders in (docs/images.md).
set -eu
me=image.sh
images=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$images")/build
work=$build/image
# shellcheck source=images/host.sh
. "$images/host.sh"
# shellcheck source=images/parts.sh
. "$images/parts.sh"
# shellcheck source=images/disk/options.sh
. "$images/disk/options.sh"
development=${ATOLL_DEVELOPMENT:-yes}
mkdir -p "$work"

# tree_hash DIR...: of the contents, names and modes of all files
tree_hash() {
    find "$@" -not -type d -printf '%p %m %l\n' -type f -exec sha256sum {} + 2>/dev/null | LC_ALL=C sort | sha256sum
}

# unchanged OUTPUT TEXT: true when OUTPUT was made from inputs described by TEXT
unchanged() {
    [ -e "$1" ] && [ "$(cat "$1.inputs" 2>/dev/null)" = "$2" ]
}

# install_programs NAME TAG: what meson installs there, into build/image/stage-NAME
install_programs() {
    rm -rf "$work/stage-$1"
    meson install -C "$build" --no-rebuild --quiet --destdir "$work/stage-$1" --tags "$2,common" >/dev/null ||
        die "installing the programs into the $1 image failed"
    mkdir -p "$work/stage-$1"
    # Shared libraries without a tag of their own have meson's tag 'runtime': whoever is linked to them needs them.
    rm -rf "$work/stage-libraries"
    meson install -C "$build" --no-rebuild --quiet --destdir "$work/stage-libraries" --tags runtime >/dev/null ||
        die "installing the shared libraries into the $1 image failed"
    libraries=usr/lib/x86_64-linux-gnu
    for library in "$work/stage-libraries/$libraries"/lib*.so*; do
        [ ! -e "$library" ] || { mkdir -p "$work/stage-$1/$libraries" && cp -P "$library" "$work/stage-$1/$libraries/"; }
    done
}

# enable_units ROOT STAGE...: every unit of ours that says where it wants to be started from is enabled
enable_units() {
    root=$1
    shift
    find "$@" -path '*/systemd/system/*' -type f \( -name '*.service' -o -name '*.socket' -o -name '*.mount' \
        -o -name '*.path' -o -name '*.timer' \) 2>/dev/null | while read -r unit; do
        if grep -q '^\[Install\]' "$unit"; then
            systemctl -q --root="$root" enable "$(basename "$unit")" || die "cannot enable $(basename "$unit")"
        fi
    done
}

# compose NAME: the whole tree of a root file system in build/image/root-NAME
compose() {
    root=$work/root-$1
    rm -rf "$root"
    cp -a "$base/root" "$root"
    cp -a "$kernel/modules/usr/lib/modules" "$root/usr/lib/modules"
    shift
    for overlay in "$@"; do
        [ ! -d "$overlay" ] || cp -a --no-preserve=ownership "$overlay/." "$root/"
    done
    mkdir -p "$root/usr/lib/atoll"
    if [ -d "$root/usr/lib/sysusers.d" ]; then
        systemd-sysusers --root="$root" || die "creating the system users failed"
    fi
    ldconfig -r "$root"
    enable_units "$root" "$@"
}

# ext4 TREE OUTPUT MEBIBYTES LABEL
ext4() {
    rm -f "$2.part"
    truncate -s "$3M" "$2.part"
    mke2fs -q -t ext4 -L "$4" -m 0 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -d "$1" "$2.part" >&2 ||
        die "the $4 file system is too small for its files"
    mv "$2.part" "$2"
}

make_dom0() {
    say "making dom0's root"
    gcc -std=gnu23 -D_GNU_SOURCE -O2 -Wall -Wextra -Wconversion -Werror -o "$work/exec-agent" "$images"/agent/*.c ||
        die "compiling the exec agent failed"
    base=$dom0_base
    if [ "$development" = yes ]; then
        compose dom0 "$work/stage-dom0" "$images/common/files" "$images/dom0/files" "$images/dom0/development"
        install -m 0755 "$work/exec-agent" "$work/root-dom0/usr/lib/atoll/exec-agent"
    else
        compose dom0 "$work/stage-dom0" "$images/common/files" "$images/dom0/files"
        chroot "$work/root-dom0" passwd -q -l root
    fi
    install -m 0755 "$images/kernel/unpack-vmlinux" "$work/root-dom0/usr/lib/atoll/unpack-vmlinux"
    boot=$work/root-dom0/boot
    mkdir -p "$boot"
    [ ! -e "$build/hypervisor/atoll" ] || cp "$build/hypervisor/atoll" "$boot/atoll"
    cp "$kernel/vmlinux" "$boot/vmlinux-$release"
    cp "$kernel/vmlinuz" "$boot/vmlinuz-$release"
    "$images/initramfs/make" "$images/initramfs/dom0.init" "$images/initramfs/dom0.modules" "$kernel" \
        "$boot/initrd-$release"
    cp "$boot/initrd-$release" "$work/dom0-initrd"
    ext4 "$work/root-dom0" "$work/dom0.ext4" 2048 atoll-root-a
    rm -rf "$work/root-dom0"
}

make_template() {
    say "making the template"
    base=$template_base
    compose template "$work/stage-guest" "$images/common/files" "$images/template/files"
    ext4 "$work/root-template" "$work/template.ext4" 3072 atoll-template
    rm -rf "$work/root-template"
}

make_data() {
    say "making the data partition"
    "$images/initramfs/make" "$images/initramfs/vm.init" "$images/initramfs/vm.modules" "$kernel" "$work/vm-initrd"
    cat >"$work/data.proto" <<T
/
0 0
d--755 0 0
templates d--755 0 0
debian-13 d--755 0 0
root.img ---600 0 0 $work/template.ext4
\$
\$
kernels d--755 0 0
$release d--755 0 0
vmlinux ---644 0 0 $kernel/vmlinux
initrd ---644 0 0 $work/vm-initrd
\$
\$
\$
T
    rm -f "$work/data.xfs.part"
    truncate -s 12288M "$work/data.xfs.part"
    mkfs.xfs -q -L atoll-data -m reflink=1 -p "$work/data.proto" "$work/data.xfs.part" >&2 ||
        die "making the data partition failed"
    mv "$work/data.xfs.part" "$work/data.xfs"
}

make_esp() {
    modules='part_gpt fat ext2 normal multiboot2 linux configfile echo test smbios regexp loadenv serial terminal
        gzio reboot halt ls cat minicmd'
    grub=$work/grub
    rm -rf "$grub"
    mkdir -p "$grub"
    # shellcheck disable=SC2086 # a list of words
    grub-mkimage -O i386-pc -o "$grub/core.img" -p '(,gpt2)/grub' $modules biosdisk vga_text
    # shellcheck disable=SC2086 # a list of words
    grub-mkimage -O x86_64-efi -o "$grub/BOOTX64.EFI" -p /grub $modules efi_gop efi_uga video_bochs
    cp /usr/lib/grub/i386-pc/boot.img "$grub/boot.img"
    sed -e "s|@HYPERVISOR_OPTIONS@|$hypervisor_options|" -e "s|@DOM0_OPTIONS@|$dom0_options|" -e "s|@RELEASE@|$release|" \
        "$images/disk/grub.cfg" >"$grub/grub.cfg"
    grub-editenv "$grub/grubenv" create
    rm -f "$work/esp.vfat"
    truncate -s 128M "$work/esp.vfat"
    mkfs.vfat -F 32 -n ATOLL-ESP "$work/esp.vfat" >/dev/null
    mmd -i "$work/esp.vfat" ::/EFI ::/EFI/BOOT ::/grub
    mcopy -i "$work/esp.vfat" "$grub/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$work/esp.vfat" "$grub/grub.cfg" "$grub/grubenv" ::/grub/
}

# unchanged_data: true when the data partition in the image came from today's template
unchanged_data() {
    [ "$(cat "$build/atoll.img.data" 2>/dev/null)" = "$template_inputs" ]
}

kernel=$(kernel_part)
dom0_base=$(base_root dom0)
template_base=$(base_root template)
release=$(cat "$kernel/release")
install_programs dom0 dom0,runtime # what has no tag of its own is dom0's
install_programs guest guest

recipe=$(cd "$images" && tree_hash agent common disk dom0 initramfs kernel image.sh parts.sh)
template_recipe=$(cd "$images" && tree_hash common initramfs/vm.init initramfs/vm.modules initramfs/make kernel template)
hypervisor=$(sha256sum "$build/hypervisor/atoll" 2>/dev/null || echo none)
dom0_inputs="$recipe $kernel $dom0_base $(tree_hash "$work/stage-dom0") $hypervisor $development"
template_inputs="$template_recipe $kernel $template_base $(tree_hash "$work/stage-guest") $development"
all_inputs="$dom0_inputs $template_inputs"
unchanged "$build/atoll.img" "$all_inputs" && exit 0
# QEMU holds a lock on the disk of a running machine.
[ ! -e "$build/atoll.img" ] || qemu-img info "$build/atoll.img" >/dev/null 2>&1 ||
    die "a running machine uses build/atoll.img; end it first"

need_space "$build" 6000
if ! unchanged "$work/dom0.ext4" "$dom0_inputs"; then
    rm -f "$work/dom0.ext4.inputs"
    make_dom0
    echo "$dom0_inputs" >"$work/dom0.ext4.inputs"
fi
if ! unchanged "$work/data.xfs" "$template_inputs"; then
    rm -f "$work/data.xfs.inputs"
    make_template
    make_data
    echo "$template_inputs" >"$work/data.xfs.inputs"
fi
make_esp
boot_code="$work/grub/boot.img $work/grub/core.img"
# shellcheck disable=SC2086 # a list of words
if unchanged_data && [ -e "$build/atoll.img" ]; then
    say "putting the new dom0 into build/atoll.img; its VMs stay"
    rm -f "$build/atoll.img.inputs"
    python3 -B "$images/disk/disk.py" "$build/atoll.img" "$work/esp.vfat" "$work/dom0.ext4" - $boot_code ||
        die "writing the disk image failed"
else
    [ ! -e "$build/atoll.img" ] || say "the template has changed: build/atoll.img is made anew, without the VMs in it"
    say "assembling build/atoll.img"
    rm -f "$build/atoll.img.new"
    python3 -B "$images/disk/disk.py" "$build/atoll.img.new" "$work/esp.vfat" "$work/dom0.ext4" "$work/data.xfs" \
        $boot_code || die "assembling the disk image failed"
    mv "$build/atoll.img.new" "$build/atoll.img"
    echo "$template_inputs" >"$build/atoll.img.data"
fi
ln -sf "$kernel/vmlinux" "$work/vmlinux"
ln -sf "$kernel/vmlinuz" "$work/vmlinuz"
echo "$all_inputs" >"$build/atoll.img.inputs"
say "build/atoll.img is ready"
