/* world_real.c - the real domain.c, which each test starts afresh */
#include "domain/domain.c"
#include "world_inside.h"

void domains_reset(void)
{
    next_id = 0;
}

unsigned int domains_all(struct domain *all[MAX_DOMAINS])
{
    unsigned int count = 0;

    spin_lock(&list_lock);
    list_for_each (it, &domains)
        all[count++] = container_of(it, struct domain, link);
    spin_unlock(&list_lock);
    return count;
}
