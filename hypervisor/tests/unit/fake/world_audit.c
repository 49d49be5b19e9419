/* world_audit.c - the ownership model: counts references where they are kept, and compares */
#include <stdio.h>
#include <string.h>
#include "xen/grants.h"
#include "xen/ports.h"
#include "world.h"
#include "world_inside.h"

static char complaint[200];
static uint32_t expected[WORLD_FRAMES];
static struct domain *all[MAX_DOMAINS];
static unsigned int count;

/* References by address spaces and parked pages; and each heap page's own. */
static void count_frames(void)
{
    memset(expected, 0, sizeof(expected));
    for (unsigned int i = 0; i < count; i++) {
        struct domain *d = all[i];
        for (uint64_t gfn = 0; gfn < WORLD_GFNS; gfn++) {
            struct p2m_entry e = p2m_peek(d, gfn);
            if (e.type != P2M_HOLE && e.type != P2M_MMIO)
                expected[e.mfn.v]++;
        }
        for (uint64_t gfn = 0; d->is_direct && !d->destroyed && gfn < WORLD_RAM; gfn++) {
            struct p2m_entry e = p2m_peek(d, gfn);
            if (frame_owner(MFN(gfn)) == d->id && !(e.type == P2M_RAM && e.mfn.v == gfn))
                expected[gfn]++;
        }
    }
    for (uint32_t i = 0; i < WORLD_FRAMES; i++)
        expected[i] += pin_count(MFN(i)) + frame_is_heap(MFN(i));
}

static const char *audit_frames(void)
{
    count_frames();
    for (uint32_t i = 0; i < WORLD_FRAMES; i++) {
        if (frame_count(MFN(i)) == expected[i])
            continue;
        snprintf(complaint, sizeof(complaint), "frame %u of d%u: count %u, references %u", i, frame_owner(MFN(i)),
                 frame_count(MFN(i)), expected[i]);
        return complaint;
    }
    return NULL;
}

/* Mappings of each grant, from all maptracks, as state words; and their number per granter. */
static uint64_t uses[MAX_DOMAINS][4 * GRANTS_PER_FRAME];
static uint32_t mapped[MAX_DOMAINS];

static unsigned int slot_of(const struct domain *d)
{
    unsigned int slot = 0;

    while (all[slot] != d)
        slot++;
    return slot;
}

static void count_mappings(void)
{
    memset(uses, 0, count * sizeof(uses[0]));
    memset(mapped, 0, sizeof(mapped));
    for (unsigned int i = 0; i < count; i++) {
        struct domain *d = all[i];
        for (uint32_t h = 0; h < d->grants->map_page_count * MAPS_PER_PAGE; h++) {
            struct map_entry *m = map_of(d->grants, h);
            if (m->state != MAP_ACTIVE)
                continue;
            mapped[slot_of(m->granter)]++;
            if (m->ref < ARRAY_SIZE(uses[0]))
                uses[slot_of(m->granter)][m->ref] += m->write ? STATE_WRITER : STATE_READER;
        }
    }
}

static const char *audit_grants(struct domain *d)
{
    unsigned int own = slot_of(d);

    if (mapped[own] != gnttab_mapped_count(d)) {
        snprintf(complaint, sizeof(complaint), "d%u: %u grants counted as mapped, %u are", d->id,
                 gnttab_mapped_count(d), mapped[own]);
        return complaint;
    }
    for (uint32_t ref = 0; ref < ARRAY_SIZE(uses[0]); ref++) {
        size_t frame = ref / GRANTS_PER_FRAME;
        struct grant_frame *page = d->grants->frames[frame / FRAMES_PER_PAGE];
        uint64_t *states = page ? page[frame % FRAMES_PER_PAGE].state : NULL;
        uint64_t state = states ? states[ref % GRANTS_PER_FRAME] : 0;
        if (state == uses[own][ref])
            continue;
        snprintf(complaint, sizeof(complaint), "grant %u of d%u: state %lx, mappings %lx", ref, d->id, state,
                 uses[own][ref]);
        return complaint;
    }
    return NULL;
}

/* What connections and mappings hold. */
static uint32_t references_to(struct domain *target)
{
    uint32_t n = mapped[slot_of(target)];

    for (unsigned int i = 0; i < count; i++) {
        struct domain *d = all[i];
        for (evtchn_port_t port = 1; port < d->evtchns->max_ports; port++) {
            struct port *p = port_entry(d, port);
            if (p && p->kind == PORT_INTERDOMAIN && p->peer == target)
                n++;
        }
    }
    return n;
}

static const char *audit_ports(struct domain *d)
{
    for (evtchn_port_t port = 1; port < d->evtchns->max_ports; port++) {
        struct port *p = port_entry(d, port);
        bool used = bit_test(d->evtchns->used, port);
        struct port *other = p && p->kind == PORT_INTERDOMAIN ? port_entry(p->peer, p->peer_port) : NULL;
        bool sound = used == (p && p->kind != PORT_CLOSED) && (!p || p->senders == 0);
        if (p && p->kind == PORT_INTERDOMAIN)
            sound = sound && other && other->kind == PORT_INTERDOMAIN && other->peer == d && other->peer_port == port;
        if (!sound) {
            snprintf(complaint, sizeof(complaint), "port %u of d%u is inconsistent", port, d->id);
            return complaint;
        }
    }
    return NULL;
}

const char *world_audit(void)
{
    count = domains_all(all);
    const char *wrong = audit_frames();

    count_mappings();
    for (unsigned int i = 0; i < count && !wrong; i++) {
        struct domain *d = all[i];
        wrong = audit_ports(d);
        if (!wrong)
            wrong = audit_grants(d);
        /* 1 for its life, 1 for the test that made it (world_domain), none for those made by hypercall */
        uint32_t held = d->refs - references_to(d) - (d->destroyed ? 0 : 1);
        if (!wrong && held > 1) {
            snprintf(complaint, sizeof(complaint), "d%u has %u references too many", d->id, held);
            wrong = complaint;
        }
    }
    return wrong;
}
