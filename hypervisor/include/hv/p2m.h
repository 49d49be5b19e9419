/*
 * p2m.h - guest-physical to machine mapping of a domain: one typed entry per gfn, one fault path.
 * Nested tables (NPT, EPT) are encodings of it (mm/npt.c). Changes take the domain's p2m lock; a frame taken out is
 * given back only after the CPUs that may hold its translation have flushed it.
 */
#pragma once
#include <hv/types.h>

struct domain;
struct vcpu;

enum p2m_type {
    P2M_HOLE, /* nothing there: reads give all ones, writes are dropped */
    P2M_RAM,  /* RAM of this domain (or a hypervisor page shown to it: shared_info, grant table) */
    P2M_RAM_RO,
    P2M_GRANT_RW, /* a page granted by another domain */
    P2M_GRANT_RO,
    P2M_FOREIGN, /* another domain's page, by right of the control domain */
    P2M_MMIO,    /* device memory, passed through; not RAM */
    P2M_TYPES
};

struct p2m_entry {
    enum p2m_type type;
    mfn_t mfn;          /* valid unless P2M_HOLE */
    unsigned int order; /* size of the mapping this gfn lies in, log2 of pages (0, 9, 18) */
};

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn);

/*
 * Maps one page. The entry takes over the caller's reference on `mfn` (P2M_MMIO: there is none); what was there before
 * (RAM included) is dropped: unmapped, flushed, its reference given back.
 * Returns 0, -XEN_ENOMEM (table memory; nothing changed, the caller keeps its reference) or -XEN_EINVAL (gfn out of
 * range).
 */
[[nodiscard]] int p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type);
/* The same for 2^order naturally aligned pages of fresh RAM, order 0, 9 or 18; mapped large. -XEN_EEXIST: single pages
 * have been mapped in that range before, map these one by one too. */
[[nodiscard]] int p2m_map_order(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);
/* Makes gfn a hole. Returns 0, -XEN_ENOENT if it was one, -XEN_ENOMEM (a large page could not be split). */
[[nodiscard]] int p2m_unmap(struct domain *d, gfn_t gfn);

/* Batches of changes flush once: between these two calls frames taken out are kept; end() flushes and frees. Nest not.
 * Per vCPU context. */
struct p2m_batch;
void p2m_batch_begin(struct domain *d);
void p2m_batch_end(struct domain *d);

/*
 * The RAM frame behind a gfn of `d` with a reference taken, for access now or for granting on.
 * `write` refuses read-only types. Types accepted: P2M_RAM, P2M_RAM_RO (and, with `any`, the grant and foreign types:
 * accesses of the domain's own kernel to its own address space). Returns 0, -XEN_EINVAL (hole, MMIO) or -XEN_EACCES.
 */
[[nodiscard]] int p2m_get_frame(struct domain *d, gfn_t gfn, bool write, bool any, mfn_t *out);

gfn_t p2m_max_gfn(struct domain *d); /* highest gfn ever mapped */
