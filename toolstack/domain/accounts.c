/* accounts.c - see accounts.h */
#include "toolstack/domain/accounts.h"

#include <errno.h>
#include <sys/mman.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "common/xen/page.h"

enum { LISTED_AT_ONCE = 64 };

/* The flags are the domain's own memory, in which the hypervisor marks what is in use: a domain that lies here deceives
 * a reader of these numbers, nobody else. */
static void count_entries(const grant_entry_v1_t *table, size_t entries, struct grant_account *out)
{
    for (size_t i = 0; i < entries; i++) {
        uint16_t untrusted_flags = __atomic_load_n(&table[i].flags, __ATOMIC_RELAXED);

        if (untrusted_flags & GTF_writing)
            out->written++;
        else if (untrusted_flags & GTF_reading)
            out->read_only++;
    }
}

int accounts_grants(struct control *c, domid_t domid, struct grant_account *out)
{
    struct domain_counts counts;
    int rc = control_counts(c, domid, &counts);

    if (rc)
        return rc;
    *out = (struct grant_account){.mapped = counts.mapped_grants};
    if (!counts.grant_frames)
        return 0;
    void *table = privcmd_map_resource(c->privcmd, domid, XENMEM_resource_grant_table, 0, 0, counts.grant_frames);
    if (!table)
        return -errno;
    count_entries(table, counts.grant_frames * (XEN_PAGE / sizeof(grant_entry_v1_t)), out);
    munmap(table, counts.grant_frames * (size_t)XEN_PAGE);
    return 0;
}

int accounts_memory(struct control *c, struct memory_account *out)
{
    struct domain_info infos[LISTED_AT_ONCE];
    int count, rc;

    *out = (struct memory_account){};
    rc = control_machine_memory(c, &out->ram_kib, &out->free_kib);
    for (domid_t first = 0; rc == 0 && (count = control_list(c, first, infos, LISTED_AT_ONCE)) != 0;
         first = (domid_t)(infos[count - 1].domid + 1)) {
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++)
            *(infos[i].domid ? &out->others_kib : &out->dom0_kib) += infos[i].memory_kib;
    }
    out->hypervisor_kib = out->ram_kib - out->free_kib - out->dom0_kib - out->others_kib;
    return rc;
}
