/* access.c - see access.h */
#include "access.h"

long target_domain(struct vcpu *v, domid_t untrusted_id, struct domain **out)
{
    *out = hypercall_domain(v, untrusted_id);
    if (!*out)
        return -XEN_ESRCH;
    if (*out == v->domain || v->domain->is_control)
        return 0;
    domain_put(*out);
    return -XEN_EPERM;
}

long remote_domain(struct vcpu *v, domid_t untrusted_id, struct domain **out)
{
    *out = domain_get(untrusted_id);
    if (!*out)
        return -XEN_ESRCH;
    if (*out != v->domain && v->domain->is_control)
        return 0;
    domain_put(*out);
    return -XEN_EPERM;
}
