"""The disk image on a kernel without the hypervisor: what does not depend on the hypervisor is checked here."""
import re

from conftest import started


def test_script_status_and_streams_come_back(bare):
    result = bare.script("echo to-out; echo to-err >&2; exit 7")
    assert (result.status, result.out, result.err) == (7, "to-out\n", "to-err\n")


def test_long_binary_output_is_whole(bare):
    out = bare.ask("head -c 200000 /dev/zero | tr '\\0' 'x' | tee /run/sent | sha256sum; cat /run/sent")
    assert len(out.split("\n", 1)[1]) == 200000


def test_long_script_arrives_whole(bare):
    filler = "".join(f": line {n} of a script that does not fit into one frame\n" for n in range(2000))
    assert bare.ask("set -e\n" + filler + "echo end") == "end\n"


def test_endless_script_is_killed(bare):
    assert bare.script("while :; do sleep 1; done", timeout=3).status == 137
    assert bare.ask("echo still here") == "still here\n"


def test_process_left_behind_does_not_hold_the_script(bare):
    assert bare.ask("sleep 1000 & echo done") == "done\n"
    bare.ask("pkill -x sleep")


def test_root_is_read_only_and_writable_where_needed(bare):
    assert bare.script("touch /usr/x").status != 0
    bare.ask("touch /etc/x /var/x /home/x /root/x /var/lib/atoll/x && rm /var/lib/atoll/x")


def test_data_partition_copies_on_write(bare):
    bare.ask("""set -e; cd /var/lib/atoll
        cp --reflink=always templates/debian-13/root.img copy.img
        cmp -n 65536 copy.img templates/debian-13/root.img; rm copy.img""")


def test_nothing_of_xens_user_space_is_in_dom0(bare):
    """No package from Debian's xen source, and no library of such a name but our own libxenstore, which no package brought."""
    assert bare.ask("dpkg-query -W -f '${source:Package} ${Package}\n' | grep '^xen' || true") == ""
    found = bare.ask("find / -xdev \\( -name 'libxen*.so*' -o -name 'xenstored' -o -name 'xl' \\) -not -path '/usr/lib/modules/*'")
    others = [path for path in found.split() if not re.search(r"/libxenstore\.so(\.4(\.0)?)?$|^/usr/lib/atoll/", path)]
    assert others == []
    assert bare.script("dpkg -S libxenstore.so").status == 1


XEN_PACKAGES = "dpkg-query {} -W -f '${{source:Package}} ${{Package}}\\n' | grep '^xen '"


def test_no_package_of_xen_is_in_an_image(bare):
    assert bare.script(XEN_PACKAGES.format("")).out == ""
    assert bare.ask("mkdir -p /run/t; mount -o loop,ro /var/lib/atoll/templates/debian-13/root.img /run/t\n"
                    + XEN_PACKAGES.format("--admindir=/run/t/var/lib/dpkg") + "\numount /run/t") == ""
    assert "systemd" in bare.ask("dpkg-query -W -f '${source:Package}\\n'")


def test_template_is_a_clean_file_system_with_a_bootable_system(bare):
    bare.ask("""set -e; cd /run; mkdir -p t
        mount -o loop,ro /var/lib/atoll/templates/debian-13/root.img t; trap 'umount t' EXIT
        test -x t/sbin/init; test -d t/lib/modules/$(uname -r); test -x t/usr/bin/foot; test -x t/usr/bin/Xwayland
        ! find t/usr -name 'libxenctrl*' | grep .""")


def test_kernels_for_vms_are_unpacked(bare):
    assert bare.ask("head -c 4 /var/lib/atoll/kernels/$(uname -r)/vmlinux")[1:4] == "ELF"
    bare.ask("test -s /var/lib/atoll/kernels/$(uname -r)/initrd")


def test_kernel_hook_unpacks_a_new_kernel(bare):
    bare.ask("""set -e; cp /boot/vmlinuz-$(uname -r) /run/vmlinuz-test; cd /run
        /usr/lib/atoll/unpack-vmlinux /run/vmlinuz-test /run/vmlinux-test
        cmp /run/vmlinux-test /boot/vmlinux-$(uname -r); rm /run/vmlinux-test
        head -c 1000000 vmlinuz-test > short; ! /usr/lib/atoll/unpack-vmlinux short out; test ! -e out""")


MISSING_LIBRARIES = """for f in $(find {0}/usr/lib/atoll {0}/usr/libexec {0}/usr/lib/qubes {0}/usr/bin/qvm-* {0}/usr/bin/xenstore* \
        -type f -perm /111 2>/dev/null); do
    {1} ldd ${{f#{0}}} 2>&1 | grep 'not found' | sed "s|^|$f|"; done"""


def test_programs_find_their_libraries(bare):
    assert bare.ask(MISSING_LIBRARIES.format("", "")) == ""
    assert bare.ask("mkdir -p /run/t; mount -o loop,ro /var/lib/atoll/templates/debian-13/root.img /run/t\n"
                    + MISSING_LIBRARIES.format("/run/t", "chroot /run/t") + "\numount /run/t") == ""


def test_no_unit_of_ours_fails_to_load(bare):
    assert bare.ask("systemctl list-units --all --state=bad-setting,error --plain --no-legend "
                    "| grep -i -E 'atoll|xenstored|qubes|gui' || true") == ""


def test_desktop_screen_is_there(bare):
    bare.until("test -e /dev/dri/card0")
    assert bare.until_screen(lambda picture: picture.getbbox() is not None)


def test_power_off_is_clean(bare):
    bare.remote.power_off()
    assert bare.wait_off(120), bare.console_tail()


def test_boots_by_uefi():
    for machine in started("bare-uefi", entry="bare", firmware="uefi"):
        machine.ask("test -d /sys/firmware/efi")
