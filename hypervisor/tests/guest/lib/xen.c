/* xen.c - hypercalls and the pages shared with the hypervisor */
#include <hv/string.h>
#include "guest.h"

bool is_amd;

long hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t r10 __asm__("r10") = d;
    long result = number;
    if (is_amd)
        __asm__ volatile("vmmcall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "memory");
    else
        __asm__ volatile("vmcall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "memory");
    return result;
}

struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

uint32_t xen_cpuid_base(void)
{
    for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
        struct cpuid r = cpuid(base, 0);
        if (r.b == XEN_CPUID_SIGNATURE_EBX && r.c == XEN_CPUID_SIGNATURE_ECX && r.d == XEN_CPUID_SIGNATURE_EDX)
            return base;
    }
    return 0;
}

static uint8_t shared_page[PAGE_SIZE] __aligned(4096);

struct shared_info *shared_info_map(void)
{
    static bool mapped;
    if (!mapped) {
        struct xen_add_to_physmap arg = {
            .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = PTR(shared_page) >> PAGE_SHIFT};
        check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
        mapped = true;
    }
    return (struct shared_info *)shared_page;
}

struct vcpu_info *vcpu_info(unsigned int vcpu)
{
    return &shared_info_map()->vcpu_info[vcpu];
}

uint64_t system_time(const struct vcpu_info *info)
{
    const volatile struct vcpu_time_info *t = &info->time;
    uint64_t ns;
    uint32_t version;
    do {
        version = t->version;
        __asm__ volatile("" ::: "memory");
        uint64_t ticks = rdtsc() - t->tsc_timestamp;
        ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
        ns = t->system_time + (uint64_t)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
        __asm__ volatile("" ::: "memory");
    } while (version & 1 || version != t->version);
    return ns;
}

static uint64_t test_tables[3][512] __aligned(4096);
extern uint64_t page_root[512];

void map_test_page(unsigned int n, uint64_t paddr, uint64_t flags)
{
    for (unsigned int level = 0; level < 2; level++)
        test_tables[level][0] = PTR(test_tables[level + 1]) | 7;
    page_root[TEST_PAGES >> 39] = PTR(test_tables[0]) | 7;
    test_tables[2][n] = flags ? paddr | flags : 0;
    __asm__ volatile("invlpg (%0)" : : "r"(TEST_PAGES + n * PAGE_SIZE) : "memory");
}

void *page_alloc(unsigned int pages)
{
    static uint64_t next = 64ul << 20; /* well above the image; guests have 128 MiB or more */
    void *page = (void *)next;
    next += pages * PAGE_SIZE;
    memset(page, 0, pages * PAGE_SIZE);
    return page;
}
