/* lapic_ipi.c - interrupt messages: who is addressed, and what each kind does */
#include "lapic.h"

enum delivery { FIXED, LOWEST, SMI, RESERVED, NMI, INIT, STARTUP, EXTINT };

static bool matches_logical(const struct vlapic *l, uint32_t dest)
{
    uint32_t ldr, dfr;

    if (lapic_is_x2(l)) {
        ldr = lapic_x2_ldr(vcpu_apic_id(l->vcpu->id));
        return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
    }
    if (dest > 0xff)
        return false;
    ldr = read_once(l->ldr) >> 24;
    dfr = read_once(l->dfr) >> 28;
    if (dfr == 0xf) /* flat: one bit per CPU */
        return dest & ldr;
    return (dest >> 4 == 0xf || dest >> 4 == ldr >> 4) && (dest & ldr & 0xf);
}

bool lapic_matches(const struct vlapic *l, uint32_t dest, bool logical)
{
    if (!lapic_hw_enabled(l))
        return false;
    if (dest == DEST_BROADCAST)
        return true;
    return logical ? matches_logical(l, dest) : dest == vcpu_apic_id(l->vcpu->id);
}

static void deliver_one(struct vcpu *v, const struct irq_message *msg)
{
    switch (msg->delivery) {
    case FIXED:
    case LOWEST: vlapic_set_irq(v, msg->vector, msg->level); break;
    case NMI: vcpu_nmi_signal(v); break;
    case INIT: vcpu_init_signal(v); break;
    case STARTUP: vcpu_startup_signal(v, msg->vector); break;
    default: break; /* no SMM, no 8259 to answer an ExtINT */
    }
}

/* The addressed vCPU whose task priority is lowest; the first of several. */
static struct vcpu *lowest_priority(struct domain *d, const struct irq_message *msg)
{
    struct vcpu *best = NULL;
    uint32_t best_tpr = 0;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];
        if (!v || !lapic_matches(v->lapic, msg->dest, msg->logical) || !lapic_sw_enabled(v->lapic))
            continue;
        uint32_t tpr = read_once(v->lapic->tpr) & 0xf0;
        if (!best || tpr < best_tpr) {
            best = v;
            best_tpr = tpr;
        }
    }
    return best;
}

void vlapic_deliver(struct domain *d, const struct irq_message *msg)
{
    if (msg->delivery == LOWEST) {
        struct vcpu *v = lowest_priority(d, msg);
        if (v)
            deliver_one(v, msg);
        return;
    }
    /* With physical ids 2 * vCPU the common case needs no search. */
    if (!msg->logical && msg->dest != DEST_BROADCAST) {
        size_t id = msg->dest / 2;
        if (id < d->max_vcpus) {
            struct vcpu *v = d->vcpus[index_nospec(id, d->max_vcpus)];
            if (v && lapic_matches(v->lapic, msg->dest, false))
                deliver_one(v, msg);
        }
        return;
    }
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];
        if (v && lapic_matches(v->lapic, msg->dest, msg->logical))
            deliver_one(v, msg);
    }
}

void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data)
{
    uint32_t dest = (uint32_t)(address >> 12) & 0xff;
    bool logical = address & (1u << 2), redirect = address & (1u << 3);
    struct irq_message msg = {
        .dest = dest == 0xff && !logical ? DEST_BROADCAST : dest,
        .logical = logical,
        .delivery = data >> 8 & 7,
        .vector = (uint8_t)data,
        .level = false, /* MSIs are edges whatever the data says: there is no line to sample again */
    };

    if ((address & 0xfffffffffff00000ul) != APIC_BASE_ADDRESS)
        return;
    if (redirect && logical && msg.delivery == FIXED)
        msg.delivery = LOWEST;
    if (msg.delivery == STARTUP)
        return; /* reserved in messages of devices */
    vlapic_deliver(d, &msg);
}

void lapic_self_ipi(struct vlapic *l, uint8_t vector)
{
    if (vector < 16)
        lapic_error(l, ESR_SEND_ILLEGAL);
    else
        vlapic_set_irq(l->vcpu, vector, false);
}

static void send_shorthand(struct vlapic *l, unsigned int shorthand, const struct irq_message *msg)
{
    struct domain *d = l->vcpu->domain;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];
        if (v && lapic_hw_enabled(v->lapic) && (shorthand == 2 || v != l->vcpu))
            deliver_one(v, msg);
    }
}

void lapic_send(struct vlapic *l, uint64_t icr)
{
    unsigned int shorthand = icr >> 18 & 3;
    struct irq_message msg = {
        .dest = (uint32_t)(icr >> 32),
        .logical = icr & (1u << 11),
        .delivery = icr >> 8 & 7,
        .vector = (uint8_t)icr,
        .level = false, /* an IPI is always an edge */
    };

    l->icr = icr & ~(1ul << 12);
    if (msg.delivery == INIT && !(icr & (1u << 14)))
        return; /* de-assert: only synchronised arbitration ids, long ago */
    if (msg.delivery <= LOWEST && msg.vector < 16) {
        lapic_error(l, ESR_SEND_ILLEGAL);
        return;
    }
    if (shorthand == 0)
        vlapic_deliver(l->vcpu->domain, &msg);
    else if (shorthand == 1) /* self: only fixed interrupts can be sent so (SDM vol. 3, table 11-3) */
        msg.delivery <= LOWEST ? deliver_one(l->vcpu, &msg) : (void)0;
    else
        send_shorthand(l, shorthand, &msg);
}
