/*
 * ioapic.c - the I/O APICs of a domain.
 * One lock per domain guards pins and index registers. It is a leaf: messages to vLAPICs and calls to the machine's
 * lines (host_gsi_*) are made after it is released, from what was decided under it.
 */
#include "ioapic.h"
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/lock.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/xen.h>

/* What is to be done once the lock is released. */
struct actions {
    struct irq_message send;
    bool send_valid;
    enum host_action { HOST_NOTHING, HOST_BIND, HOST_MASK, HOST_EOI } host;
    uint32_t gsi;
    bool level, active_low;
};

static void carry_out(struct domain *d, const struct actions *a)
{
    switch (a->host) {
    case HOST_NOTHING: break;
    case HOST_BIND: host_gsi_bind(d, a->gsi, a->level, a->active_low); break;
    case HOST_MASK: host_gsi_mask(d, a->gsi); break;
    case HOST_EOI: host_gsi_eoi(d, a->gsi); break;
    }
    if (a->send_valid)
        vlapic_deliver(d, &a->send);
}

/* Lines of the control domain are those of the machine; other domains have only lines that we raise. */
static bool lines_are_real(const struct domain *d)
{
    return d->is_control;
}

static void decide_send(uint64_t entry, struct actions *a)
{
    uint32_t dest = (uint32_t)(entry >> 56);
    bool logical = entry & RTE_LOGICAL;

    a->send_valid = true;
    a->send = (struct irq_message){
        .dest = dest == 0xff && !logical ? 0xffffffffu : dest,
        .logical = logical,
        .delivery = entry >> 8 & 7,
        .vector = (uint8_t)entry,
        .level = entry & RTE_LEVEL,
    };
}

/* A level-triggered pin whose line is up and that waits for no EOI interrupts now. */
static void sample_level(struct vioapic_unit *u, uint32_t pin, struct actions *a)
{
    uint64_t *entry = &u->entry[pin];

    if (!(*entry & RTE_LEVEL) || (*entry & (RTE_MASKED | RTE_REMOTE_IRR)) || !(u->lines[pin / 64] >> (pin % 64) & 1))
        return;
    *entry |= RTE_REMOTE_IRR;
    decide_send(*entry, a);
}

static void set_line(struct vioapic_unit *u, uint32_t pin, bool up)
{
    if (up)
        u->lines[pin / 64] |= 1ul << (pin % 64);
    else
        u->lines[pin / 64] &= ~(1ul << (pin % 64));
}

int vioapic_create(struct domain *d)
{
    d->vioapic = heap_alloc(sizeof(*d->vioapic));
    return d->vioapic ? 0 : -XEN_ENOMEM;
}

int vioapic_add(struct domain *d, uint8_t id, uint64_t address, uint32_t gsi_base, uint32_t pins)
{
    struct vioapic *io = d->vioapic;
    struct vioapic_unit *u;

    if (io->units == VIOAPIC_MAX_UNITS || pins == 0 || pins > VIOAPIC_MAX_PINS)
        return -XEN_EINVAL;
    u = heap_alloc(sizeof(*u));
    if (!u)
        return -XEN_ENOMEM;
    *u = (struct vioapic_unit){.id = id, .address = address & ~PAGE_MASK, .gsi_base = gsi_base, .pins = pins};
    for (uint32_t i = 0; i < pins; i++)
        u->entry[i] = RTE_MASKED;
    io->unit[io->units] = u;
    store_release(io->units, io->units + 1);
    return 0;
}

void vioapic_destroy(struct domain *d)
{
    struct vioapic *io = d->vioapic;

    if (!io)
        return;
    for (unsigned int i = 0; i < io->units; i++)
        heap_free(io->unit[i], sizeof(*io->unit[i]));
    heap_free(io, sizeof(*io));
    d->vioapic = NULL;
}

static struct vioapic_unit *unit_at(const struct domain *d, gpa_t gpa)
{
    struct vioapic *io = d->vioapic;

    for (unsigned int i = 0; io && i < load_acquire(io->units); i++)
        if (io->unit[i]->address == (gpa.v & ~PAGE_MASK))
            return io->unit[i];
    return NULL;
}

static struct vioapic_unit *unit_of_gsi(const struct domain *d, uint32_t gsi)
{
    struct vioapic *io = d->vioapic;

    for (unsigned int i = 0; io && i < load_acquire(io->units); i++)
        if (gsi >= io->unit[i]->gsi_base && gsi - io->unit[i]->gsi_base < io->unit[i]->pins)
            return io->unit[i];
    return NULL;
}

bool vioapic_covers(struct domain *d, gpa_t gpa)
{
    return unit_at(d, gpa) != NULL;
}

static uint32_t read_window(const struct vioapic_unit *u)
{
    uint32_t n = u->index - 0x10, pin = n / 2;

    switch (u->index) {
    case 0x00:
    case 0x02: return (uint32_t)(u->id & 0xf) << 24;
    case 0x01: return VIOAPIC_VERSION | (u->pins - 1) << 16;
    default:
        if (u->index < 0x10 || pin >= u->pins)
            return 0xffffffffu;
        return (uint32_t)(u->entry[pin] >> (n % 2 * 32));
    }
}

uint32_t vioapic_read(struct domain *d, gpa_t gpa)
{
    struct vioapic_unit *u = unit_at(d, gpa);
    uint32_t value = 0xffffffffu;

    if (!u)
        return value;
    spin_lock(&d->vioapic->lock);
    switch (gpa.v & PAGE_MASK) {
    case VIOAPIC_INDEX: value = u->index; break;
    case VIOAPIC_WINDOW: value = read_window(u); break;
    }
    spin_unlock(&d->vioapic->lock);
    return value;
}

/* The guest's unmasking is what asks for the machine's line; a change of trigger or polarity asks again. */
static void decide_host(const struct domain *d, const struct vioapic_unit *u, uint32_t pin, uint64_t old,
                        struct actions *a)
{
    const uint64_t kind = RTE_LEVEL | RTE_ACTIVE_LOW;
    uint64_t now = u->entry[pin];

    if (!lines_are_real(d))
        return;
    a->gsi = u->gsi_base + pin;
    if (!(now & RTE_MASKED) && ((old & RTE_MASKED) || ((old ^ now) & kind))) {
        a->host = HOST_BIND;
        a->level = now & RTE_LEVEL;
        a->active_low = now & RTE_ACTIVE_LOW;
    } else if ((now & RTE_MASKED) && !(old & RTE_MASKED)) {
        a->host = HOST_MASK;
    }
}

static void write_entry(struct domain *d, struct vioapic_unit *u, uint32_t n, uint32_t value, struct actions *a)
{
    uint32_t pin = n / 2, shift = n % 2 * 32;
    uint64_t old, mask = (uint64_t)0xffffffffu << shift & RTE_WRITABLE;

    if (pin >= u->pins)
        return;
    pin = (uint32_t)index_nospec(pin, VIOAPIC_MAX_PINS);
    old = u->entry[pin];
    u->entry[pin] = (old & ~mask) | ((uint64_t)value << shift & mask);
    /* An edge has no remote IRR; Linux makes a pin an edge for a moment to clear a stuck one. */
    if (!(u->entry[pin] & RTE_LEVEL))
        u->entry[pin] &= ~RTE_REMOTE_IRR;
    decide_host(d, u, pin, old, a);
    /* A bound line that is up will interrupt again by itself: what is remembered of it is stale, and would be delivered
     * twice. */
    if (a->host == HOST_BIND && !(u->entry[pin] & RTE_REMOTE_IRR))
        set_line(u, pin, false);
    sample_level(u, pin, a);
}

/* Ends the service of one pin, if the vector is its. */
static void eoi_pin(struct domain *d, struct vioapic_unit *u, uint32_t pin, uint8_t vector, struct actions *a)
{
    uint64_t *entry = &u->entry[pin];

    if ((uint8_t)*entry != vector || !(*entry & RTE_REMOTE_IRR))
        return;
    *entry &= ~RTE_REMOTE_IRR;
    if (lines_are_real(d)) {
        /* We do not see the machine's line fall: if it is still up it interrupts again once it is unmasked. A pin that
         * the guest has masked meanwhile stays masked; its unmasking binds it again. */
        set_line(u, pin, false);
        a->gsi = u->gsi_base + pin;
        a->host = *entry & RTE_MASKED ? HOST_NOTHING : HOST_EOI;
    }
    sample_level(u, pin, a);
}

static void eoi_unit(struct domain *d, struct vioapic_unit *u, uint8_t vector)
{
    for (uint32_t pin = 0; pin < u->pins; pin++) {
        /* A look without the lock: only this vCPU's own EOI ends what this vCPU has in service. */
        if ((uint8_t)read_once(u->entry[pin]) != vector || !(read_once(u->entry[pin]) & RTE_REMOTE_IRR))
            continue;
        struct actions a = {0};
        spin_lock(&d->vioapic->lock);
        eoi_pin(d, u, pin, vector, &a);
        spin_unlock(&d->vioapic->lock);
        carry_out(d, &a);
    }
}

void vioapic_eoi(struct domain *d, uint8_t vector)
{
    struct vioapic *io = d->vioapic;

    for (unsigned int i = 0; io && i < load_acquire(io->units); i++)
        eoi_unit(d, io->unit[i], vector);
}

void vioapic_write(struct domain *d, gpa_t gpa, uint32_t value)
{
    struct vioapic_unit *u = unit_at(d, gpa);
    struct actions a = {0};

    if (!u)
        return;
    if ((gpa.v & PAGE_MASK) == VIOAPIC_EOI) {
        eoi_unit(d, u, (uint8_t)value);
        return;
    }
    spin_lock(&d->vioapic->lock);
    if ((gpa.v & PAGE_MASK) == VIOAPIC_INDEX)
        u->index = (uint8_t)value;
    else if ((gpa.v & PAGE_MASK) == VIOAPIC_WINDOW && u->index == 0)
        u->id = value >> 24 & 0xf;
    else if ((gpa.v & PAGE_MASK) == VIOAPIC_WINDOW && u->index >= 0x10)
        write_entry(d, u, u->index - 0x10u, value, &a);
    spin_unlock(&d->vioapic->lock);
    carry_out(d, &a);
}

void vioapic_set_gsi(struct domain *d, uint32_t gsi, bool asserted)
{
    struct vioapic_unit *u = unit_of_gsi(d, gsi);
    struct actions a = {0};
    uint32_t pin;

    if (!u)
        return;
    pin = (uint32_t)index_nospec(gsi - u->gsi_base, VIOAPIC_MAX_PINS);
    spin_lock(&d->vioapic->lock);
    if (u->entry[pin] & RTE_LEVEL) {
        set_line(u, pin, asserted);
        sample_level(u, pin, &a);
    } else if (asserted && !(u->entry[pin] & RTE_MASKED)) {
        decide_send(u->entry[pin], &a);
    }
    spin_unlock(&d->vioapic->lock);
    carry_out(d, &a);
}
