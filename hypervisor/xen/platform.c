/* platform.c - the control domain's dealings with the machine: clock and boot display */
#include <hv/hypercall.h>
#include <hv/timer.h>

#define NS_PER_SEC 1000000000ul

/* The caller says what time it was at a system time; we keep the wall clock at system time 0. */
static long set_time(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    if (nsecs >= NS_PER_SEC || secs > INT64_MAX / NS_PER_SEC)
        return -XEN_EINVAL;
    uint64_t ns = secs * NS_PER_SEC + nsecs;
    if (system_time > ns)
        return -XEN_EINVAL;
    ns -= system_time;
    wallclock_set(ns / NS_PER_SEC, (uint32_t)(ns % NS_PER_SEC));
    return 0;
}

/* The answer is the number of valid bytes. */
static long give_console(struct vcpu *v, guest_ptr_t arg)
{
    struct dom0_vga_console_info info = {0};
    size_t bytes = machine_vga_console(&info);

    if (!bytes)
        return -XEN_ENODEV;
    if (copy_to_guest(v, guest_ptr_add(arg, offsetof(struct xen_platform_op, u)), &info, sizeof(info)))
        return -XEN_EFAULT;
    return (long)bytes;
}

long do_platform_op(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_platform_op untrusted;

    if (copy_from_guest(v, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.interface_version != XENPF_INTERFACE_VERSION)
        return -XEN_EACCES;
    switch (untrusted.cmd) {
    case XENPF_settime64:
        if (untrusted.u.settime64.mbz)
            return -XEN_EINVAL;
        return set_time(untrusted.u.settime64.secs, untrusted.u.settime64.nsecs, untrusted.u.settime64.system_time);
    case XENPF_settime32:
        return set_time(untrusted.u.settime32.secs, untrusted.u.settime32.nsecs, untrusted.u.settime32.system_time);
    case XENPF_get_dom0_console: return give_console(v, arg);
    case XENPF_set_processor_pminfo:
        return 0;                /* idle and frequency states are not managed yet; the driver only reports */
    default: return -XEN_ENOSYS; /* EFI: dom0 then runs without runtime services */
    }
}
