# shellcheck shell=sh disable=SC2034
# options.sh: how the hypervisor and dom0's kernel are started, by GRUB and by ./run alike.
hypervisor_options='dom0_mem=1024M dom0_max_vcpus=2 console=com1 com1=115200,8n1'
dom0_options='root=PARTLABEL=atoll-root-a data=PARTLABEL=atoll-data ro quiet loglevel=4 systemd.show_status=1 systemd.gpt_auto=0 rd.udev.log_level=3'
