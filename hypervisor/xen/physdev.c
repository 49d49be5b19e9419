/*
 * physdev.c - what dom0's kernel reports about devices.
 * dom0 drives its devices through its own vIOAPIC and vPCI, which watch what it does: these calls carry nothing that is
 * not known already, and are accepted so that its drivers do not complain. Resetting devices (pciback) is refused:
 * assignment is the toolstack's.
 */
#include <hv/hypercall.h>

long do_physdev_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    struct physdev_pci_device_add untrusted; /* the largest; without its optional array */

    switch (cmd) {
    case PHYSDEVOP_pci_mmcfg_reserved: return copy_from_guest(v, &untrusted, arg, sizeof(uint64_t)) ? -XEN_EFAULT : 0;
    case PHYSDEVOP_pci_device_add: return copy_from_guest(v, &untrusted, arg, sizeof(untrusted)) ? -XEN_EFAULT : 0;
    case PHYSDEVOP_pci_device_remove:
        return copy_from_guest(v, &untrusted, arg, sizeof(struct physdev_pci_device)) ? -XEN_EFAULT : 0;
    case PHYSDEVOP_setup_gsi:
        return copy_from_guest(v, &untrusted, arg, sizeof(struct physdev_setup_gsi)) ? -XEN_EFAULT : 0;
    default: return -XEN_ENOSYS;
    }
}
