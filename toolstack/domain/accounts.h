/* accounts.h - who uses how much: memory of the machine, grants of the domains */
#pragma once
#include "toolstack/domain/control.h"

/* Grants of one domain that others have mapped now. */
struct grant_account {
    uint32_t mapped; /* mappings, as the hypervisor counts them */
    uint32_t read_only,
        written; /* entries of the domain's table that are in use for reading only, and for writing too */
};

/* 0 or a negative errno. The two sources are not looked at in the same moment. */
[[nodiscard]] int accounts_grants(struct control *c, domid_t domid, struct grant_account *out);

struct memory_account {
    uint64_t ram_kib, free_kib, dom0_kib, others_kib, hypervisor_kib;
};

/* 0 or a negative errno. */
[[nodiscard]] int accounts_memory(struct control *c, struct memory_account *out);
