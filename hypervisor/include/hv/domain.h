/*
 * domain.h - a virtual machine.
 * Lifetime: domain_get()/domain_put(); the structure goes when it is dead, owns no frame and nobody holds it.
 * control_lock serialises control operations on one domain and is the outermost lock; p2m lock inside it.
 */
#pragma once
#include <hv/list.h>
#include <hv/lock.h>
#include <hv/types.h>
#include <hv/xen.h>

#define MAX_VCPUS   32  /* per domain: what shared_info holds */
#define MAX_DOMAINS 128 /* alive or dying at one time */

struct evtchn_table; /* xen/evtchn.c */
struct grant_table;  /* xen/gnttab.c */
struct iommu_domain; /* iommu/iommu.c */
struct p2m;          /* mm/p2m.c */
struct vioapic;      /* vcpu/ioapic.c */
struct vpci;         /* pci/vpci.c */
struct vcpu;

/* What a guest writes to the console, gathered to lines (xen/console.c); all zero at first. */
struct console_writer {
    spinlock_t lock;
    uint32_t used;
    int32_t credit;    /* characters it may still have written; below 0 by a line at most */
    bool muted;        /* it ran dry */
    uint64_t refilled; /* system time; 0: never yet */
    char line[120];
};

struct domain {
    domid_t id;
    bool is_control;      /* dom0: may build, inspect and map other domains */
    bool is_direct;       /* gfn = mfn, MMIO identity-mapped on demand */
    bool being_destroyed; /* a CPU is in domain_destroy(); atomic */
    bool destroyed;       /* everything is given back; the structure waits for its last reference */
    bool dying; /* being torn down: accepts no new work; set under control_lock, before evtchn_close_all() and p2m
                   teardown */
    int shutdown_code; /* -1 while it runs */
    bool shut_down;
    unsigned int pause_count; /* control pauses; vCPUs run only at 0 */
    uint32_t refs;
    spinlock_t control_lock;

    unsigned int max_vcpus;
    struct vcpu *vcpus[MAX_VCPUS]; /* [0, max_vcpus), published once */

    struct p2m *p2m;
    struct iommu_domain *iommu; /* NULL: no device is its */
    uint64_t max_pages;         /* limit of frames owned */
    uint64_t owned_pages;       /* atomic: frames whose owner this is, mapped or only referenced */

    struct shared_info *shared_info; /* heap_shared_page_alloc(), shown to the guest where it asks */
    bool is_narrow;                  /* with words of 32 bits in it (hv/shared_info.h); changes under control_lock */
    struct evtchn_table *evtchns;
    struct grant_table *grants;
    struct vioapic *vioapic; /* NULL: none */
    struct vpci *vpci;       /* NULL: none */
    uint8_t *iopm, *msrpm;   /* the vendor's permission maps */
    uint64_t *private_ptes;  /* mm/private.c: the page table of the private slot, */
    uint64_t private_entry;  /* and what a CPU's root holds while it shows this domain */

    uint64_t params[HVM_NR_PARAMS];
    bool runstate_update_flag; /* VMASST_TYPE_runstate_update_flag: mark runstate areas while they change */
    uint8_t handle[16];        /* UUID */
    struct console_writer console;
    struct list link; /* all domains, by id */
};

struct domain_limits {
    unsigned int max_vcpus;
    unsigned int max_grant_frames;
    unsigned int max_maptrack_frames;
    unsigned int max_ports;
};

/* A new domain, paused (pause_count 1), without memory, all vCPUs made but down. `id` DOMID_FIRST_RESERVED..: choose
 * one never used since boot. Returns 0, -XEN_EINVAL, -XEN_ENOMEM, -XEN_EEXIST, -XEN_E2BIG. The caller holds a reference
 * on *out. */
[[nodiscard]] int domain_create(domid_t id, const struct domain_limits *limits, const uint8_t handle[16], bool control,
                                struct domain **out);
/* Looks up by id (DOMID_SELF is not resolved here) with a reference; NULL if there is none. Dead ones are found until
 * they are gone. */
struct domain *domain_get(domid_t id);
void domain_ref(struct domain *d);
void domain_put(struct domain *d);
/* The first domain with id >= `from`, with a reference; NULL at the end. */
struct domain *domain_next(domid_t from);

void domain_pause(struct domain *d); /* counts; returns when no vCPU of it is in guest mode any more */
void domain_unpause(struct domain *d);
/* Records the reason, stops all vCPUs, raises VIRQ_DOM_EXC in dom0; dom0's own shutdown acts on the machine. Callable
 * from its own vCPU. */
void domain_shutdown(struct domain *d, int reason);
/* One log line "d3 killed: ..." and shutdown with SHUTDOWN_crash: for anything a guest does that we cannot go on from.
 */
void domain_kill(struct domain *d, const char *fmt, ...) __printf(2, 3);
/* Tears down step by step. Returns 0 when done, -XEN_ERESTART when it wants to be called again (bounded work per call).
 */
[[nodiscard]] int domain_destroy(struct domain *d);

extern struct domain *dom0;
