/* walk.c - a guest-virtual address through the guest's own page tables: 4-level, PAE, 2-level, or no paging (SDM vol. 3
 * ch. 4) */
#include <hv/guestcopy.h>
#include <hv/guestview.h>
#include <hv/hostmap.h>
#include <hv/lock.h>
#include <hv/vcpu.h>
#include <hv/x86.h>

static bool canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* One entry of a table, read once; 0, which is not present, if no RAM is there. */
static inline uint64_t read_entry(struct domain *d, uint64_t at, unsigned int entry_bytes)
{
    const char *page = guest_page(d, gpa_to_gfn(GPA(at)), false);

    if (!page)
        return 0;
    page += at & PAGE_MASK;
    return entry_bytes == 8 ? read_once(*(const uint64_t *)page) : read_once(*(const uint32_t *)page);
}

/*
 * Every level is read at each walk: what the guest changed counts at once, and it need not tell us. The shape of the
 * tables is constant where this is called: one copy of the code for each.
 */
[[gnu::always_inline]] static inline int walk(struct domain *d, unsigned int levels, uint64_t table, uint64_t va,
                                              bool write, gpa_t *out)
{
    const unsigned int bits = levels == 2 ? 10 : 9, entry_bytes = levels == 2 ? 4 : 8;
    const uint64_t address_mask = levels == 2 ? 0xfffff000ul : PTE_ADDR;

    for (unsigned int level = levels; level-- > 0;) {
        unsigned int shift = 12 + bits * level;
        bool pae_top = levels == 3 && level == 2; /* four entries, without a W bit */
        uint64_t index = va >> shift & ((1ul << (pae_top ? 2 : bits)) - 1);
        uint64_t untrusted_pte = read_entry(d, table + index * entry_bytes, entry_bytes);
        if (!(untrusted_pte & PTE_P) || (write && !pae_top && !(untrusted_pte & PTE_W)))
            return -XEN_EFAULT;
        if (level == 0 || (level <= 2 && !pae_top && (untrusted_pte & PTE_PS))) {
            uint64_t offset = (1ul << shift) - 1;
            *out = GPA((untrusted_pte & address_mask & ~offset) | (va & offset));
            return 0;
        }
        table = untrusted_pte & address_mask;
    }
    return -XEN_EFAULT;
}

int guest_walk(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    const struct vcpu_regs *r = vcpu_regs(v, REGS_CONTROL);
    struct domain *d = v->domain;

    if (r->cr0 & CR0_PG && r->efer & EFER_LMA)
        return canonical(va.v) ? walk(d, 4, r->cr3 & PTE_ADDR, va.v, write, out) : -XEN_EFAULT;
    if (va.v >> 32)
        return -XEN_EFAULT;
    if (!(r->cr0 & CR0_PG)) {
        *out = GPA(va.v);
        return 0;
    }
    return r->cr4 & CR4_PAE ? walk(d, 3, r->cr3 & 0xffffffe0ul, va.v, write, out)
                            : walk(d, 2, r->cr3 & 0xfffff000ul, va.v, write, out);
}

int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    guest_access_begin(v->domain);
    int rc = guest_walk(v, va, write, out);
    guest_access_end();
    return rc;
}
