/* trap.c - descriptor tables, exceptions that tests expect, user mode */
#include <hv/string.h>
#include "guest.h"

struct gate {
    uint16_t low, selector, type, middle;
    uint32_t high, reserved;
} __packed;
struct pointer {
    uint16_t limit;
    uint64_t base;
} __packed;
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7];
    uint8_t reserved2[10];
    uint16_t iomap;
} __packed;

#define GATE_INTERRUPT      0x8e00
#define GATE_INTERRUPT_USER 0xee00
#define VECTOR_RETURN       0x80 /* INT of call_in_user_mode's way back */

extern uint8_t trap_entries[], gdt[], gdt_end[];
extern uint64_t gdt_tss[2];
void trap(struct trap_frame *f);

static struct gate idt[256] __aligned(16);
static struct tss tss;
static uint8_t trap_stack[STACK_BYTES] __aligned(16), user_stack[STACK_BYTES] __aligned(16);
static void (*handlers[256])(struct trap_frame *f);
static volatile uint64_t resume_at; /* where to go on after an expected exception */
static volatile uint64_t resume_vector;

void on_trap(unsigned int vector, void (*handler)(struct trap_frame *f))
{
    handlers[vector] = handler;
}

void trap(struct trap_frame *f)
{
    if (handlers[f->vector]) {
        handlers[f->vector](f);
        return;
    }
    if (f->vector < 32 && resume_at) {
        resume_vector = f->vector;
        f->rip = resume_at;
        return;
    }
    fail("unexpected %s %lu at rip=%lx error=%lx", f->vector < 32 ? "exception" : "interrupt", f->vector, f->rip,
         f->error);
}

void trap_setup(void)
{
    for (unsigned int i = 0; i < 256; i++) {
        uint64_t at = PTR(trap_entries) + i * 16;
        idt[i] = (struct gate){(uint16_t)at,
                               SEL_CODE,
                               i == VECTOR_RETURN ? GATE_INTERRUPT_USER : GATE_INTERRUPT,
                               (uint16_t)(at >> 16),
                               (uint32_t)(at >> 32),
                               0};
    }
}

void cpu_tables_load(unsigned int cpu)
{
    struct pointer g = {(uint16_t)(gdt_end - gdt - 1), PTR(gdt)}, i = {sizeof(idt) - 1, PTR(idt)};
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
    if (cpu)
        return; /* only the first CPU ever leaves ring 0 */
    uint64_t base = PTR(&tss);
    tss.rsp[0] = PTR(trap_stack + sizeof(trap_stack));
    tss.iomap = sizeof(tss);
    gdt_tss[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    gdt_tss[1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

int try_rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t lo = 0, hi = 0;
    resume_vector = 0;
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %2; xor %%eax, %%eax; xor %%edx, %%edx; rdmsr; 1:"
                     : "=&a"(lo), "=&d"(hi), "=m"(resume_at)
                     : "c"(msr)
                     : "memory");
    resume_at = 0;
    *value = resume_vector ? 0 : (uint64_t)hi << 32 | lo;
    return (int)resume_vector;
}

int try_wrmsr(uint32_t msr, uint64_t value)
{
    resume_vector = 0;
    __asm__ volatile("lea 1f(%%rip), %%r8; mov %%r8, %0; wrmsr; 1:"
                     : "=m"(resume_at)
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "r8", "memory");
    resume_at = 0;
    return (int)resume_vector;
}

int try_write_cr4(uint64_t value)
{
    resume_vector = 0;
    __asm__ volatile("lea 1f(%%rip), %%r8; mov %%r8, %0; mov %1, %%cr4; 1:"
                     : "=m"(resume_at)
                     : "r"(value)
                     : "r8", "memory");
    resume_at = 0;
    return (int)resume_vector;
}

static uint64_t kernel_rsp, user_result;

/* INT from user mode: goes on behind the IRETQ of call_in_user_mode, on the stack of that time. */
static void back_from_user_mode(struct trap_frame *f)
{
    user_result = f->rax;
    f->rip = f->rbx;
    f->cs = SEL_CODE;
    f->ss = SEL_DATA;
    f->rsp = kernel_rsp;
    f->rflags &= ~0x200ul;
}

uint64_t call_in_user_mode(uint64_t (*fn)(uint64_t), uint64_t arg)
{
    register uint64_t (*target)(uint64_t) __asm__("r12") = fn;
    on_trap(VECTOR_RETURN, back_from_user_mode);
    __asm__ volatile("push %%rbp; mov %%rsp, %0\n"
                     "lea 2f(%%rip), %%rbx\n"
                     "push %2; push %3; push $2; push %4; lea 1f(%%rip), %%rcx; push %%rcx; iretq\n"
                     "1: call *%%r12; int $0x80\n"
                     "2: pop %%rbp"
                     : "=m"(kernel_rsp), "+D"(arg)
                     : "i"(SEL_USER_DATA), "r"(PTR(user_stack + sizeof(user_stack))), "i"(SEL_USER_CODE), "r"(target)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory");
    return user_result;
}
