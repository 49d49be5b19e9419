/* evtchn.c - see evtchn.h */
#include "common/xen/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xen/sys/evtchn.h>

static int result(int r)
{
    return r < 0 ? -errno : r;
}

int evtchn_open(void)
{
    return result(open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK));
}

int evtchn_bind_unbound(int fd, domid_t remote)
{
    struct ioctl_evtchn_bind_unbound_port bind = {.remote_domain = remote};

    return result(ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind));
}

int evtchn_bind_interdomain(int fd, domid_t remote, port_t remote_port)
{
    struct ioctl_evtchn_bind_interdomain bind = {.remote_domain = remote, .remote_port = remote_port};

    return result(ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind));
}

int evtchn_bind_virq(int fd, unsigned int virq)
{
    struct ioctl_evtchn_bind_virq bind = {.virq = virq};

    return result(ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &bind));
}

int evtchn_unbind(int fd, port_t port)
{
    struct ioctl_evtchn_unbind unbind = {.port = port};

    return result(ioctl(fd, IOCTL_EVTCHN_UNBIND, &unbind));
}

int evtchn_notify(int fd, port_t port)
{
    struct ioctl_evtchn_notify notify = {.port = port};

    return result(ioctl(fd, IOCTL_EVTCHN_NOTIFY, &notify));
}

int evtchn_pending(int fd)
{
    port_t port;
    ssize_t n;

    do
        n = read(fd, &port, sizeof(port));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(port) ? (int)port : -EIO;
}

int evtchn_unmask(int fd, port_t port)
{
    ssize_t n = write(fd, &port, sizeof(port));

    if (n < 0)
        return -errno;
    return n == sizeof(port) ? 0 : -EIO;
}
