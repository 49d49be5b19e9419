/* walk.c - a guest-virtual address through the guest's own page tables: 4-level, PAE, 2-level, or no paging (SDM vol. 3
 * ch. 4) */
#include <hv/guestcopy.h>
#include <hv/guestview.h>
#include <hv/hostmap.h>
#include <hv/lock.h>
#include <hv/vcpu.h>
#include <hv/x86.h>

struct shape {
    unsigned int levels, bits;
    uint64_t root, address_mask;
};

static struct shape shape_of(const struct vcpu_regs *r)
{
    if (r->efer & EFER_LMA)
        return (struct shape){4, 9, r->cr3 & PTE_ADDR, PTE_ADDR};
    if (r->cr4 & CR4_PAE)
        return (struct shape){3, 9, r->cr3 & 0xffffffe0ul, PTE_ADDR};
    return (struct shape){2, 10, r->cr3 & 0xfffff000ul, 0xfffff000ul};
}

static bool canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* One entry of a table, read once; 0, which is not present, if no RAM is there. */
static uint64_t read_entry(struct domain *d, uint64_t table, uint64_t index, const struct shape *s)
{
    uint64_t at = table + index * (s->bits == 9 ? 8 : 4);
    const char *page = guest_page(d, gpa_to_gfn(GPA(at)), false);

    if (!page)
        return 0;
    page += at & PAGE_MASK;
    return s->bits == 9 ? read_once(*(const uint64_t *)page) : read_once(*(const uint32_t *)page);
}

/* Every level is read at each walk: what the guest changed counts at once, and it need not tell us. */
static int walk(struct domain *d, const struct shape *s, uint64_t va, bool write, gpa_t *out)
{
    uint64_t table = s->root;

    for (unsigned int level = s->levels; level-- > 0;) {
        unsigned int shift = 12 + s->bits * level;
        uint64_t index = va >> shift & ((1ul << s->bits) - 1);
        bool pae_top = s->levels == 3 && level == 2; /* four entries, without a W bit */
        uint64_t untrusted_pte = read_entry(d, table, pae_top ? index & 3 : index, s);
        if (!(untrusted_pte & PTE_P) || (write && !pae_top && !(untrusted_pte & PTE_W)))
            return -XEN_EFAULT;
        if (level == 0 || (level <= 2 && !pae_top && (untrusted_pte & PTE_PS))) {
            uint64_t offset = (1ul << shift) - 1;
            *out = GPA((untrusted_pte & s->address_mask & ~offset) | (va & offset));
            return 0;
        }
        table = untrusted_pte & s->address_mask;
    }
    return -XEN_EFAULT;
}

int guest_walk(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_CONTROL);

    if (!(r->cr0 & CR0_PG)) {
        if (va.v >> 32)
            return -XEN_EFAULT;
        *out = GPA(va.v);
        return 0;
    }
    if (r->efer & EFER_LMA ? !canonical(va.v) : va.v >> 32 != 0)
        return -XEN_EFAULT;
    struct shape s = shape_of(r);
    return walk(v->domain, &s, va.v, write, out);
}

int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    guest_access_begin(v->domain);
    int rc = guest_walk(v, va, write, out);
    guest_access_end();
    return rc;
}
