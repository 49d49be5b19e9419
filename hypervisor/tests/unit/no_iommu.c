/* no_iommu.c - a machine without an IOMMU, for tests of other things: no domain has DMA tables */
#include <stdlib.h>
#include <hv/iommu.h>

int iommu_domain_destroy(struct domain *d)
{
    return 0;
}

int iommu_follow(struct iommu_domain *t, const struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                 enum p2m_type type)
{
    abort();
}

void iommu_flush_domain(struct iommu_domain *t)
{
    abort();
}
