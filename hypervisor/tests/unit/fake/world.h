/*
 * world.h - a machine for tests of xen/ on the host: counted frames, domains with an address space, vCPUs that note
 * what is done to them.
 *
 * Machine memory is one array; a freed page is poisoned, so that the address sanitizer sees who still uses it.
 * Guest-virtual addresses are guest-physical ones. Each thread is a CPU: world_enter() says which vCPU it runs.
 */
#pragma once
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/p2m.h>
#include <hv/vcpu.h>

#define WORLD_FRAMES  4096u
#define WORLD_GFNS    1024u    /* of each domain */
#define WORLD_RAM     64u      /* gfns 0 to 63 are RAM at first; a direct domain has the frames of these numbers */
#define WORLD_ARG     0x1000ul /* guest address where hc() puts its argument: gfns 1 and 2 */
#define WORLD_SCRATCH 0x3000ul /* where tests put lists */

struct world {
    uint64_t now;           /* system time, ns */
    uint64_t tsc, tsc_step; /* each look at the TSC lets it go on */
    uint64_t wall_sec;
    uint32_t wall_nsec;
    size_t fail_heap_after; /* this many more heap allocations succeed; SIZE_MAX: all */
    char log[65536];        /* raw log, as far as it fits */
    size_t log_bytes;
    uint64_t log_dropped; /* bytes that fell out at the front */
    char console_in[64];
    size_t vga_bytes;     /* what machine_vga_console() has */
    uint64_t unreadable;  /* a guest page that cannot be accessed, ~0: none */
    uint64_t flushes;     /* p2m flushes */
    int machine_shutdown; /* reason of the control domain's shutdown, -1: none */
};
extern struct world world;

/* What happened to a vCPU; ids as in its domain. */
struct vcpu_notes {
    uint32_t kicks, upcalls, wakes, blocks, yields, nmis, onlines, offlines, skipped, updates;
    unsigned int cpl;
    bool compat, work;
};
struct vcpu_notes *notes(struct vcpu *v);

void world_setup(void);
/* Destroys what is left, and checks that every frame and every structure is given back. */
void world_teardown(void);
/* A domain with WORLD_RAM pages; the caller holds a reference (and world_teardown() takes care of the rest). Id 0 is
 * the control domain, direct. */
struct domain *world_domain(domid_t id, unsigned int vcpus);
/* One that `limits` describes. */
struct domain *world_domain_limited(domid_t id, const struct domain_limits *limits);
void world_enter(struct vcpu *v);

/* Counts. */
uint32_t frame_count(mfn_t mfn);
uint64_t heap_in_use(void); /* objects and pages */
/* The bytes of a guest page, as the guest sees it. */
void *guest_page(struct domain *d, uint64_t gfn);
void *guest_at(struct domain *d, uint64_t gpa);

/* A hypercall with up to five arguments; again until it is not to be restarted. */
long hc(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b, uint64_t c);
/* With an argument structure: copied to WORLD_ARG before and back after. */
long hc_arg(struct vcpu *v, uint64_t nr, uint64_t cmd, void *arg, size_t bytes);
/* Runs `v` one hypercall step; true if it wants to be restarted. */
bool hc_step(struct vcpu *v);

/* Every frame's count equals the references that exist; every domain's too; grant states equal the mappings. Returns
 * NULL or what is wrong. */
const char *world_audit(void);
/* Fires the timers that are due. */
void world_run_timers(void);
