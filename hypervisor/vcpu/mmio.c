/* mmio.c - which emulated device answers at a guest-physical address */
#include <hv/domain.h>
#include <hv/emulate.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>

#define LAPIC_PAGE     0xfee00000ul
#define MSI_WINDOW_END 0xfef00000ul

static bool in_lapic_page(gpa_t gpa)
{
    return (gpa.v & ~PAGE_MASK) == LAPIC_PAGE;
}

bool mmio_is_trapped(struct vcpu *v, gpa_t gpa)
{
    /* The machine's own LAPIC and message window are there: never to be passed through, whatever mode the guest's LAPIC
     * is in. */
    if (gpa.v >= LAPIC_PAGE && gpa.v < MSI_WINDOW_END)
        return true;
    return vioapic_covers(v->domain, gpa) || (v->domain->vpci && vpci_covers(v->domain, gpa));
}

/* LAPIC and I/O APICs have 32-bit registers only: smaller reads see their part, the second half of an 8-byte read is 0.
 */
static uint64_t part_of_register(uint32_t value, gpa_t gpa, unsigned int bytes)
{
    uint64_t part = value >> (8 * (gpa.v & 3));

    return bytes >= 4 ? part : part & ((1ul << (8 * bytes)) - 1);
}

uint64_t mmio_read(struct vcpu *v, gpa_t gpa, unsigned int bytes)
{
    gpa_t aligned = GPA(gpa.v & ~3ul);

    if (in_lapic_page(gpa) && vlapic_in_xapic_mode(v))
        return part_of_register(vlapic_mmio_read(v, (uint32_t)(aligned.v & PAGE_MASK)), gpa, bytes);
    if (vioapic_covers(v->domain, gpa))
        return part_of_register(vioapic_read(v->domain, aligned), gpa, bytes);
    if (v->domain->vpci && vpci_covers(v->domain, gpa))
        return vpci_mmio_read(v, gpa, bytes);
    return bytes == 8 ? ~0ul : (1ul << (8 * bytes)) - 1;
}

void mmio_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value)
{
    if (in_lapic_page(gpa) && vlapic_in_xapic_mode(v)) {
        if (!(gpa.v & 3) && bytes >= 4)
            vlapic_mmio_write(v, (uint32_t)(gpa.v & PAGE_MASK), (uint32_t)value);
    } else if (vioapic_covers(v->domain, gpa)) {
        if (!(gpa.v & 3)) /* the index register may be written as a byte */
            vioapic_write(v->domain, gpa, (uint32_t)value);
    } else if (v->domain->vpci && vpci_covers(v->domain, gpa)) {
        vpci_mmio_write(v, gpa, bytes, value);
    }
}
