/* walk.c - a guest-virtual address through the guest's own page tables: 4-level, PAE, 2-level, or no paging (SDM vol. 3
 * ch. 4) */
#include <hv/guestcopy.h>
#include <hv/hostmap.h>
#include <hv/vcpu.h>
#include <hv/x86.h>

struct shape {
    unsigned int levels, bits, entry_bytes;
    uint64_t root, address_mask;
};

static struct shape shape_of(const struct vcpu_regs *r)
{
    if (r->efer & EFER_LMA)
        return (struct shape){4, 9, 8, r->cr3 & PTE_ADDR, PTE_ADDR};
    if (r->cr4 & CR4_PAE)
        return (struct shape){3, 9, 8, r->cr3 & 0xffffffe0ul, PTE_ADDR};
    return (struct shape){2, 10, 4, r->cr3 & 0xfffff000ul, 0xfffff000ul};
}

static bool canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
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
    uint64_t table = s.root;
    for (unsigned int level = s.levels; level-- > 0;) {
        unsigned int shift = 12 + s.bits * level;
        uint64_t index = va.v >> shift & ((1ul << s.bits) - 1), untrusted_pte = 0;
        if (s.levels == 3 && level == 2)
            index &= 3;
        if (copy_from_gpa(v->domain, &untrusted_pte, GPA(table + index * s.entry_bytes), s.entry_bytes))
            return -XEN_EFAULT;
        if (!(untrusted_pte & PTE_P))
            return -XEN_EFAULT;
        bool pae_top = s.levels == 3 && level == 2; /* has no W bit */
        if (write && !pae_top && !(untrusted_pte & PTE_W))
            return -XEN_EFAULT;
        if (level == 0 || (level <= 2 && !pae_top && (untrusted_pte & PTE_PS))) {
            uint64_t offset = (1ul << shift) - 1;
            *out = GPA((untrusted_pte & s.address_mask & ~offset) | (va.v & offset));
            return 0;
        }
        table = untrusted_pte & s.address_mask;
    }
    return -XEN_EFAULT;
}
