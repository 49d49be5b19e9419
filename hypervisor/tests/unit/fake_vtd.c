/* fake_vtd.c - see fake_vtd.h */
#include <string.h>
#include "core/memory.h"
#include "fake_vtd.h"
#include "iommu/vtd.h"
#include <hv/irq.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/options.h>
#include <hv/timer.h>
#include <hv/xen.h>

struct fake_vtd fake_vtd[FAKE_UNITS];
void (*fake_before_forgetting)(void);
struct options options = {.iommu = true};
struct host_features host = {.x2apic = true};

#define REMEMBERED 4096u
static struct remembered {
    bool used, present;
    unsigned int unit;
    uint16_t id, domain;
    uint64_t page, machine;
    unsigned int rights;
} memory[REMEMBERED];

/* ---- the machine around the units ---- */

static uint64_t now;

uint64_t time_now(void)
{
    return now += 1000000;
}
void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    t->fire = fire;
}
void timer_set(struct timer *t, uint64_t deadline)
{
}
int irq_request(void (*handler)(void))
{
    return 0x40;
}
volatile void *host_mmio_map(maddr_t address, size_t bytes)
{
    return (volatile void *)address.v;
}

static void scope(struct dmar_scopes *list, struct dmar_scope s)
{
    if (!list->count)
        list->first = machine.dmar.scopes;
    machine.dmar.scope[machine.dmar.scopes++] = s;
    list->count++;
}

void fake_vtd_reset(unsigned int units)
{
    struct dmar *d = &machine.dmar;

    memset(fake_vtd, 0, sizeof(fake_vtd));
    memset(memory, 0, sizeof(memory));
    memset(d, 0, sizeof(*d));
    d->found = d->can_remap_interrupts = true;
    d->units = (uint16_t)units;
    machine.ioapic_count = 1;
    for (unsigned int i = 0; i < units; i++) {
        fake_vtd[i].cap = FAKE_CAP;
        fake_vtd[i].ecap = FAKE_ECAP;
        d->unit[i] = (struct dmar_unit){.registers = 0xfed90000 + i * PAGE_SIZE, .bytes = PAGE_SIZE, .rest = i == 0};
    }
    scope(&d->unit[0].scopes, (struct dmar_scope){.type = DMAR_IOAPIC, .steps = 1, .devfn[0] = 0xff});
    if (units > 1) {
        scope(&d->unit[1].scopes, (struct dmar_scope){.type = DMAR_ENDPOINT, .steps = 1, .devfn[0] = 2 << 3});
        scope(&d->unit[1].scopes, (struct dmar_scope){.type = DMAR_BRIDGE, .steps = 1, .devfn[0] = 5 << 3});
    }
}

/* ---- registers ---- */

static struct fake_vtd *fake_of(const struct vtd_unit *u)
{
    return &fake_vtd[((uint64_t)u->registers - 0xfed90000) / PAGE_SIZE];
}

static uint64_t *words(uint64_t address)
{
    check(address < MEMORY_BYTES && !(address & 7));
    return (uint64_t *)(void *)memory_at(MFN(0)) + address / 8;
}

uint32_t vtd_read32(const struct vtd_unit *u, unsigned int reg)
{
    return reg == REG_STATUS ? fake_of(u)->status : 0;
}

uint64_t vtd_read64(const struct vtd_unit *u, unsigned int reg)
{
    struct fake_vtd *f = fake_of(u);

    switch (reg) {
    case REG_ROOT: return f->root;
    case REG_CAP: return f->cap;
    case REG_ECAP: return f->ecap;
    default: return 0;
    }
}

static uint64_t set_root, set_irt;

void vtd_write32(const struct vtd_unit *u, unsigned int reg, uint32_t value)
{
    struct fake_vtd *f = fake_of(u);
    const uint32_t levels = GLOBAL_TRANSLATE | GLOBAL_QUEUE | GLOBAL_REMAP | GLOBAL_COMPAT;

    if (reg != REG_COMMAND)
        return;
    check(!(value & GLOBAL_TRANSLATE) || f->status & GLOBAL_SET_ROOT); /* not without a root table */
    check(!(value & GLOBAL_REMAP) || f->status & GLOBAL_SET_IRT);
    check(!(value & GLOBAL_SET_ROOT && value & f->status & GLOBAL_TRANSLATE && (f->root ^ set_root) & 0xc00));
    f->gaps += f->status & ~value & GLOBAL_TRANSLATE ? 1 : 0;
    f->status = (f->status & ~levels) | (value & levels);
    if (value & GLOBAL_SET_ROOT) {
        f->root = set_root;
        f->status |= GLOBAL_SET_ROOT;
    }
    if (value & GLOBAL_SET_IRT) {
        f->irt = set_irt;
        f->status |= GLOBAL_SET_IRT;
    }
}

static void forget(const struct fake_vtd *f, bool all, uint16_t domain)
{
    if (fake_before_forgetting)
        fake_before_forgetting();
    for (unsigned int i = 0; i < REMEMBERED; i++)
        if (memory[i].unit == (unsigned int)(f - fake_vtd) && (all || memory[i].domain == domain))
            memory[i].used = false;
}

static void carry_out(struct fake_vtd *f, uint64_t low, uint64_t high)
{
    uint16_t domain = (uint16_t)(low >> 16);

    switch (low & 15) {
    case 1:
        check((low >> 4 & 3) == 1 || (low >> 4 & 3) == 3);
        f->context_flushes++;
        break;
    case 2:
        check((low >> 4 & 3) == 1 || (low >> 4 & 3) == 2);
        check(high == 0);
        f->flushes++;
        forget(f, (low >> 4 & 3) == 1, domain);
        break;
    case 4: f->irq_flushes++; break;
    case 5:
        check(low & BIT(5));
        *((uint32_t *)words(high & ~7ul) + (high >> 2 & 1)) = (uint32_t)(low >> 32);
        break;
    default: memory_check(false, "a known descriptor", __FILE__, __LINE__);
    }
}

void vtd_write64(const struct vtd_unit *u, unsigned int reg, uint64_t value)
{
    struct fake_vtd *f = fake_of(u);

    switch (reg) {
    case REG_ROOT: set_root = value; break;
    case REG_IRT: set_irt = value; break;
    case REG_QUEUE:
        f->queue = value;
        f->head = 0;
        break;
    case REG_QUEUE_TAIL:
        if (!(f->status & GLOBAL_QUEUE) || f->stuck)
            return;
        check(!(value & 15) && value < PAGE_SIZE);
        for (; f->head != value; f->head = (f->head + 16) % PAGE_SIZE)
            carry_out(f, words(f->queue + f->head)[0], words(f->queue + f->head)[1]);
        break;
    }
}

/* ---- translation ---- */

static enum fake_result walk(const struct fake_vtd *f, uint16_t id, uint64_t address, struct remembered *out)
{
    if (!(f->status & GLOBAL_TRANSLATE))
        return FAKE_OFF;
    const uint64_t *root = words(f->root + (id >> 8) * 16u);
    if (!(root[0] & 1))
        return FAKE_NO_CONTEXT;
    check(!(root[0] & 0xffe) && !root[1]);
    const uint64_t *context = words((root[0] & ~PAGE_MASK) + (id & 0xffu) * 16);
    if (!(context[0] & 1))
        return FAKE_NO_CONTEXT;
    unsigned int width = context[1] & 7, levels = width + 2;
    check(!(context[0] & 0xffe) && f->cap >> 8 & BIT(width)); /* type 0, a depth that it knows */
    out->domain = (uint16_t)(context[1] >> 8);
    check(out->domain != 0 && out->domain < 1u << (4 + 2 * (f->cap & 7)));
    if (address >> MIN(12 + 9 * levels, (f->cap >> 16 & 63) + 1))
        return FAKE_REFUSED;
    uint64_t table = context[0] & ~PAGE_MASK;
    unsigned int rights = 3;
    for (unsigned int level = levels - 1;; level--) {
        uint64_t e = words(table)[address >> (12 + 9 * level) & 511];
        rights &= (unsigned int)(e & 3);
        if (!rights)
            return FAKE_REFUSED;
        check(!(e & (0xfff & ~0x83ul)) && !(e >> 52));
        bool large = e & BIT(7);
        check(!large || (level && f->cap >> (33 + level) & 1));
        table = e & ~PAGE_MASK;
        if (!level || large) {
            uint64_t offset = address & ((1ul << (12 + 9 * level)) - 1);
            check(!(table & ((1ul << (12 + 9 * level)) - 1)));
            out->machine = (table + offset) & ~PAGE_MASK;
            out->rights = rights;
            return FAKE_DONE;
        }
    }
}

enum fake_result fake_walk(unsigned int n, uint16_t id, uint64_t address, bool write, uint64_t *where)
{
    struct remembered r = {0};
    enum fake_result result = walk(&fake_vtd[n], id, address, &r);

    if (result == FAKE_DONE && !(r.rights & (write ? 2 : 1)))
        return FAKE_REFUSED;
    *where = r.machine | (address & PAGE_MASK);
    return result;
}

enum fake_result fake_dma(unsigned int n, uint16_t id, uint64_t address, bool write, uint64_t *where)
{
    struct remembered *r = NULL;
    const struct fake_vtd *f = &fake_vtd[n];

    for (unsigned int i = 0; i < REMEMBERED && !r; i++)
        if (memory[i].used && memory[i].unit == n && memory[i].id == id && memory[i].page == address >> PAGE_SHIFT)
            r = &memory[i];
    if (!r) {
        struct remembered found = {.used = true, .unit = n, .id = id, .page = address >> PAGE_SHIFT};
        enum fake_result result = walk(f, id, address, &found);
        found.present = result == FAKE_DONE;
        if (result != FAKE_DONE && !(f->cap & BIT(7) && result == FAKE_REFUSED))
            return result;
        for (unsigned int i = 0; i < REMEMBERED && !r; i++)
            if (!memory[i].used)
                r = &memory[i];
        check(r != NULL);
        *r = found;
    }
    *where = r->machine | (address & PAGE_MASK);
    return r->present && r->rights & (write ? 2 : 1) ? FAKE_DONE : FAKE_REFUSED;
}

void fake_each_remembered(void (*look)(mfn_t mfn))
{
    for (unsigned int i = 0; i < REMEMBERED; i++)
        if (memory[i].used && memory[i].present)
            look(MFN(memory[i].machine >> PAGE_SHIFT));
}

bool fake_interrupt(unsigned int n, uint16_t id, uint64_t address, uint32_t data, uint8_t *vector, uint32_t *apic,
                    bool *level)
{
    const struct fake_vtd *f = &fake_vtd[n];

    if (!(f->status & GLOBAL_REMAP) || address >> 20 != 0xfee || !(address & BIT(4)))
        return false;
    uint64_t index = (address >> 5 & 0x7fff) | (address >> 2 & 1) << 15, entries = 2ul << (f->irt & 15);
    check(!(address & BIT(3)) && data == 0);
    if (index >= entries)
        return false;
    const uint64_t *e = words((f->irt & ~PAGE_MASK) + index * 16);
    if (!(e[0] & 1))
        return false;
    check(!(e[0] & 0xff00f000ul) && !(e[1] >> 20) && !(e[1] >> 16 & 3));
    uint64_t sid = e[1] & 0xffff;
    if ((e[1] >> 18) == 1 ? sid != id : (id >> 8) < (sid >> 8) || (id >> 8) > (sid & 0xff))
        return false;
    *vector = (uint8_t)(e[0] >> 16);
    *apic = f->irt & BIT(11) ? (uint32_t)(e[0] >> 32) : (uint32_t)(e[0] >> 40 & 0xff);
    *level = e[0] & BIT(4);
    return true;
}
