#define __XEN_TOOLS__ /* the control calls are for tools of the very same version: see XEN_DOMCTL_INTERFACE_VERSION */
#include "domain_state.h"
#include "common/xen/privcmd.h"
#include "memory.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <xen/domctl.h>

struct domain_states {
    int fd;
    struct hypercall_buffer buffer;
};

struct domain_states *domain_states_open(void)
{
    struct domain_states *states = must_alloc(sizeof(*states));
    int error;

    states->fd = privcmd_open();
    error = states->fd < 0 ? states->fd : hypercall_buffer_alloc(&states->buffer, sizeof(struct xen_domctl));
    if (!error)
        return states;
    if (states->fd >= 0)
        close(states->fd);
    free(states);
    errno = -error;
    return NULL;
}

void domain_states_close(struct domain_states *states)
{
    hypercall_buffer_free(&states->buffer);
    close(states->fd);
    free(states);
}

enum domain_state domain_state(struct domain_states *states, domid_t domid)
{
    struct xen_domctl *call = states->buffer.address;
    const struct xen_domctl_getdomaininfo *info = &call->u.getdomaininfo;
    long result;

    *call = (struct xen_domctl){
        .cmd = XEN_DOMCTL_getdomaininfo, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domid};
    result = privcmd_hypercall(states->fd, __HYPERVISOR_domctl, (uintptr_t)call, 0, 0, 0, 0);
    if (result == -ESRCH || (result >= 0 && info->domain != domid) || (result >= 0 && info->flags & XEN_DOMINF_dying))
        return DOMAIN_GONE;
    return result >= 0 && info->flags & XEN_DOMINF_shutdown ? DOMAIN_SHUT_DOWN : DOMAIN_ALIVE;
}
