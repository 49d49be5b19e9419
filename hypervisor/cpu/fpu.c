/* fpu.c - vector state of guests: switched eagerly when the vCPU on a CPU changes; the hypervisor itself uses none */
#include <hv/cpu.h>
#include <hv/fpu.h>
#include <hv/heap.h>
#include <hv/log.h>
#include <hv/string.h>
#include <hv/x86.h>

#define FXSAVE_BYTES  512u
#define MXCSR_DEFAULT 0x1f80u

size_t fpu_area_bytes(void)
{
    return host.xsave ? MAX(host.xsave_bytes, 576u) : FXSAVE_BYTES;
}

void fpu_area_init(struct fpu_area *a)
{
    memset(a->state, 0, fpu_area_bytes());
    /* x87 control word and MXCSR as after FNINIT and reset; the XSAVE header stays 0: all in initial state */
    ((uint16_t *)(void *)a->state)[0] = 0x37f;
    ((uint32_t *)(void *)a->state)[6] = MXCSR_DEFAULT;
    a->xcr0 = 1;
}

void fpu_init_this(void)
{
    __asm__ volatile("fninit");
    if (host.xsave) {
        xsetbv0(host.xcr0_mask);
        this_cpu()->xcr0 = host.xcr0_mask;
    }
}

static void set_xcr0(uint64_t value)
{
    struct cpu *c = this_cpu();
    if (host.xsave && c->xcr0 != value) {
        xsetbv0(value);
        c->xcr0 = value;
    }
}

void fpu_save(struct fpu_area *a)
{
    if (!host.xsave) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(a->state) : "memory");
        return;
    }
    set_xcr0(host.xcr0_mask);
    __asm__ volatile("xsave64 (%0)" : : "r"(a->state), "a"(~0u), "d"(~0u) : "memory");
}

/*
 * Older AMD CPUs save and restore the addresses of the last x87 instruction and its data only while an exception is
 * pending: without this the next guest would read the last one's. A load of our own takes their place.
 */
static void forget_pointers(const struct fpu_area *a)
{
    static const uint32_t zero;
    uint16_t status = ((const uint16_t *)(const void *)a->state)[1];

    if (host.fpu_pointers || status & BIT(7))
        return; /* the state to come brings its own */
    __asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

void fpu_load(struct fpu_area *a)
{
    forget_pointers(a);
    if (!host.xsave) {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(a->state) : "memory");
        return;
    }
    set_xcr0(host.xcr0_mask);
    __asm__ volatile("xrstor64 (%0)" : : "r"(a->state), "a"(~0u), "d"(~0u) : "memory");
    set_xcr0(a->xcr0);
}

int fpu_set_xcr0(struct fpu_area *a, uint64_t value)
{
    if (!host.xsave || (value & ~host.xcr0_mask) || !(value & 1))
        return -1;
    if ((value & 4) && !(value & 2))
        return -1;
    if ((value & 0xe0) && ((value & 0xe0) != 0xe0 || !(value & 4)))
        return -1;
    a->xcr0 = value;
    set_xcr0(value);
    return 0;
}
