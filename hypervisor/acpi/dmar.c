/*
 * dmar.c - the DMAR table. A table that contradicts itself is not used at all: half an IOMMU is worse than none that is
 * said to be off. ATSR and SATC (devices that may cache translations) are skipped because nobody may here; RHSA (which
 * unit is near which memory) and ANDD (names of ACPI devices) tell nothing that is needed.
 */
#include "tables.h"
#include <hv/log.h>
#include <hv/string.h>

#define FIRST_ENTRY      48u
#define FLAG_INTR_REMAP  BIT(0)
#define DRHD_INCLUDE_ALL BIT(0)
#define UNIT_PAGES_SHIFT 15u /* mask of the size field: log2 of pages */
#define UNIT_MAX_SHIFT   4u

enum { ENTRY_DRHD = 0, ENTRY_RMRR = 1 };

struct entry_head {
    uint16_t type, length;
} __packed;
struct drhd {
    struct entry_head head;
    uint8_t flags, size;
    uint16_t segment;
    uint64_t registers;
} __packed;
struct rmrr {
    struct entry_head head;
    uint16_t reserved, segment;
    uint64_t first, last; /* the last byte */
} __packed;
struct scope_head {
    uint8_t type, length;
    uint16_t reserved;
    uint8_t id, bus;
} __packed;

static const char *parse_scope(struct dmar *d, uint64_t at, const struct scope_head *h, acpi_reader read)
{
    struct dmar_scope *s = &d->scope[d->scopes];
    unsigned int bytes = h->length - (unsigned int)sizeof(*h);
    uint8_t path[2 * DMAR_MAX_PATH] = {};

    if (!bytes || bytes % 2 || bytes > sizeof(path))
        return "its DMAR table names a device by an impossible path";
    if (d->scopes == DMAR_MAX_SCOPES)
        return "its DMAR table names too many devices";
    if (!read(path, at + sizeof(*h), bytes))
        return "its DMAR table is unreadable";
    *s = (struct dmar_scope){.type = h->type, .id = h->id, .bus = h->bus, .steps = (uint8_t)(bytes / 2)};
    for (unsigned int i = 0; i < s->steps; i++) {
        if (path[2 * i] > 31 || path[2 * i + 1] > 7)
            return "its DMAR table names a device by an impossible path";
        s->devfn[i] = (uint8_t)(path[2 * i] << 3 | path[2 * i + 1]);
    }
    d->scopes++;
    return NULL;
}

static const char *parse_scopes(struct dmar *d, uint64_t at, uint64_t end, acpi_reader read, struct dmar_scopes *out)
{
    out->first = d->scopes;
    while (at < end) {
        struct scope_head h;
        if (end - at < sizeof(h) || !read(&h, at, sizeof(h)) || h.length < sizeof(h) || h.length > end - at)
            return "its DMAR table has a list of devices that does not end where it should";
        const char *wrong = h.type == DMAR_NAMESPACE ? NULL : parse_scope(d, at, &h, read);
        if (wrong)
            return wrong;
        at += h.length;
    }
    out->count = (uint16_t)(d->scopes - out->first);
    return NULL;
}

static const char *parse_unit(struct dmar *d, uint64_t at, uint16_t length, acpi_reader read)
{
    struct dmar_unit *u = &d->unit[d->units];
    struct drhd e;

    if (length < sizeof(e) || !read(&e, at, sizeof(e)))
        return "its DMAR table has a remapping unit that is cut off";
    if (d->units == DMAR_MAX_UNITS)
        return "its DMAR table has too many remapping units";
    if (!e.registers || e.registers & PAGE_MASK || e.registers >> 52)
        return "its DMAR table has a remapping unit at an impossible address";
    for (unsigned int i = 0; i < d->units; i++)
        if (d->unit[i].registers == e.registers)
            return "its DMAR table has two remapping units at one address";
    unsigned int shift = MIN(e.size & UNIT_PAGES_SHIFT, UNIT_MAX_SHIFT);
    *u = (struct dmar_unit){.registers = e.registers,
                            .bytes = (uint32_t)PAGE_SIZE << shift,
                            .segment = e.segment,
                            .rest = e.flags & DRHD_INCLUDE_ALL};
    d->units++;
    return parse_scopes(d, at + sizeof(e), at + length, read, &u->scopes);
}

/* One that is damaged is left out: its devices then cannot reach it, which is the safe way to be wrong. */
static const char *parse_region(struct dmar *d, uint64_t at, uint16_t length, acpi_reader read)
{
    struct dmar_region *r = &d->region[d->regions];
    struct rmrr e;

    if (length < sizeof(e) || !read(&e, at, sizeof(e)))
        return "its DMAR table has a reserved region that is cut off";
    if (d->regions == DMAR_MAX_REGIONS || e.first & PAGE_MASK || (e.last & PAGE_MASK) != PAGE_MASK ||
        e.last <= e.first || e.last >> 52) {
        log_warn("acpi: reserved region %#lx-%#lx of the DMAR table is left out", (unsigned long)e.first,
                 (unsigned long)e.last);
        return NULL;
    }
    *r = (struct dmar_region){.start = e.first, .end = e.last + 1, .segment = e.segment};
    d->regions++;
    return parse_scopes(d, at + sizeof(e), at + length, read, &r->scopes);
}

static const char *parse_entries(struct dmar *d, uint64_t at, uint64_t end, acpi_reader read)
{
    while (at < end) {
        struct entry_head h;
        const char *wrong = NULL;
        if (end - at < sizeof(h) || !read(&h, at, sizeof(h)) || h.length < sizeof(h) || h.length > end - at)
            return "its DMAR table has an entry of an impossible length";
        if (h.type == ENTRY_DRHD)
            wrong = parse_unit(d, at, h.length, read);
        else if (h.type == ENTRY_RMRR)
            wrong = parse_region(d, at, h.length, read);
        if (wrong)
            return wrong;
        at += h.length;
    }
    return d->units ? NULL : "its DMAR table has no remapping unit";
}

void acpi_parse_dmar(struct dmar *d, uint64_t at, const struct acpi_header *h, acpi_reader read)
{
    uint8_t fixed[2]; /* host address width, flags */

    memset(d, 0, sizeof(*d));
    d->found = true;
    if (h->length < FIRST_ENTRY || !read(fixed, at + sizeof(*h), sizeof(fixed))) {
        d->unusable = "its DMAR table is cut off";
        return;
    }
    d->can_remap_interrupts = fixed[1] & FLAG_INTR_REMAP;
    d->unusable = parse_entries(d, at + FIRST_ENTRY, at + h->length, read);
}
