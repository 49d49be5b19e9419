/* cpu.c - what this CPU has, and its control registers */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/traps.h>
#include <hv/x86.h>

struct host_features host;
struct cpu *cpus[MAX_HOST_CPUS];
unsigned int cpu_count;

static void detect_xsave(void)
{
    struct cpuid c = cpuid(0xd, 0);
    /* x87, SSE, AVX, AVX-512; never the supervisor or AMX states, whose switching we have not written. */
    host.xcr0_mask = ((uint64_t)c.edx << 32 | c.eax) & 0xe7;
    if ((host.xcr0_mask & 0xe0) != 0xe0)
        host.xcr0_mask &= 7;
    host.xsave_bytes = c.ecx;
}

void cpu_detect(void)
{
    struct cpuid c0 = cpuid(0, 0), c1 = cpuid(1, 0), c7 = {0}, e0 = cpuid(0x80000000, 0), e1 = cpuid(0x80000001, 0);

    if (c0.eax >= 7)
        c7 = cpuid(7, 0);
    host.is_amd = c0.ebx == 0x68747541 || c0.ebx == 0x6f677948; /* "Auth", "Hygo" */
    host.x2apic = c1.ecx & BIT(21);
    host.xsave = c1.ecx & BIT(26);
    host.smep = c7.ebx & BIT(7);
    host.smap = c7.ebx & BIT(20);
    host.umip = c7.ecx & BIT(2);
    host.rdtscp = e1.edx & BIT(27);
    host.nx = e1.edx & BIT(20);
    host.pdpe1gb = e1.edx & BIT(26);
    host.phys_bits = e0.eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
    host.fpu_pointers = !host.is_amd || (e0.eax >= 0x80000008 && (cpuid(0x80000008, 0).ebx & BIT(2)));
    host.ibpb = (e0.eax >= 0x80000008 && (cpuid(0x80000008, 0).ebx & BIT(12))) ||
                (c0.eax >= 7 && !host.is_amd && (c7.edx & BIT(26)));
    host.invariant_tsc = e0.eax >= 0x80000007 && (cpuid(0x80000007, 0).edx & BIT(8));
    if (host.xsave && c0.eax >= 0xd)
        detect_xsave();
}

/* The image's GDT by its final address: the one a CPU came with goes away with the identity map. */
static void gdt_load(void)
{
    extern const uint64_t boot_gdt[4];
    struct __packed {
        uint16_t limit;
        uint64_t base;
    } pointer = {sizeof(boot_gdt) - 1, (uint64_t)boot_gdt};
    __asm__ volatile("lgdt %0" : : "m"(pointer));
    __asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%ss" : : "r"(16));
}

void cpu_forget_stack(void)
{
    uint64_t low = LOCAL_BASE + LOCAL_STACK_PAGE * PAGE_SIZE, words;

    /* up to the stack pointer; interrupts are off, and there is no red zone */
    __asm__ volatile("movq %%rsp, %1; subq %0, %1; shrq $3, %1; rep stosq"
                     : "+D"(low), "=&c"(words)
                     : "a"(0)
                     : "memory", "cc");
}

void cpu_init_this(void)
{
    uint64_t cr4 = read_cr4() | CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    gdt_load();
    idt_load();
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NX);
    if (host.smep)
        cr4 |= CR4_SMEP;
    if (host.smap)
        cr4 |= CR4_SMAP; /* no user mappings exist: any access through one is a bug */
    if (host.umip)
        cr4 |= CR4_UMIP;
    if (host.xsave)
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(CR0_TS | CR0_EM | CR0_CD | CR0_NW));
    fpu_init_this();
    wrmsr(MSR_PAT, 0x0007040600070406ul); /* WB WT UC- UC, the reset value: the host uses 0 and 3 */
}
