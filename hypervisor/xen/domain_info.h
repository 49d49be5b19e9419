/* domain_info.h - what domctl and sysctl both tell about a domain */
#pragma once
#include <hv/domain.h>

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *out);
