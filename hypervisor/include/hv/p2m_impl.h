/* p2m_impl.h - what mm/p2m.c, mm/npt.c and the vendors share; others use p2m.h */
#pragma once
#include <hv/lock.h>
#include <hv/p2m.h>
#include <hv/types.h>

struct p2m {
    spinlock_t lock;
    uint64_t *root;      /* heap page: the nested table's top level */
    uint64_t generation; /* changes with every flush */
    uint64_t max_gfn;
    uint64_t tables; /* below the root */
};

#define P2M_GFN_BITS 28u /* 1 TiB of guest-physical space */

/* The encoding (mm/npt.c): typed entry to nested page table entry and back. */
uint64_t npt_encode(struct p2m_entry e);
struct p2m_entry npt_decode(uint64_t pte, unsigned int order);
bool npt_is_leaf(uint64_t pte, unsigned int level); /* level 0 is the last */
bool npt_is_table(uint64_t pte, unsigned int level);
/* What the table at `root` says of one page. */
struct p2m_entry npt_walk(const uint64_t *root, gfn_t gfn);
uint64_t npt_table(mfn_t table);
mfn_t npt_mfn(uint64_t pte);

[[nodiscard]] int p2m_create(struct domain *d);
/* Empties and frees; bounded per call, -XEN_ERESTART when more is left. */
[[nodiscard]] int p2m_teardown(struct domain *d);
void p2m_destroy(struct domain *d);
