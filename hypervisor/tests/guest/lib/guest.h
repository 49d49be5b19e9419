/*
 * guest.h - what the test guests share: result protocol, hypercalls, traps, LAPIC, further CPUs.
 * A test is one function, test_main(); returning from it means "pass". The runner looks for "ATOLL-TEST name: pass".
 */
#pragma once
#include <hv/machine.h>
#include <hv/types.h>
#include <hv/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include "layout.h"

#define MAX_GUEST_CPUS 8

void test_main(void);

void print(const char *fmt, ...) __printf(1, 2); /* one piece of a console line */
[[noreturn]] void fail(const char *fmt, ...) __printf(1, 2);
#define check(cond, ...)                                                                                               \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            fail(__VA_ARGS__);                                                                                         \
    } while (0)
/* Fails with both values. */
#define check_eq(actual, expected) check_eq_at(#actual, (long)(actual), (long)(expected), __LINE__)
void check_eq_at(const char *what, long actual, long expected, int line);
[[noreturn]] void shut_down(unsigned int reason);

extern const struct hvm_start_info *start_info;
/* True if the word stands on the command line. */
bool cmdline_has(const char *word);

/* Hypercalls. hypercall_raw: the instruction with the registers as given, no vendor test. */
long hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
#define PTR(p)                    ((uint64_t)(uintptr_t)(p))
#define hypercall1(nr, a)         hypercall(nr, (uint64_t)(a), 0, 0, 0)
#define hypercall2(nr, a, b)      hypercall(nr, (uint64_t)(a), (uint64_t)(b), 0, 0)
#define hypercall3(nr, a, b, c)   hypercall(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0)
#define evtchn_op(cmd, arg)       hypercall2(__HYPERVISOR_event_channel_op, cmd, PTR(arg))
#define memory_op(cmd, arg)       hypercall2(__HYPERVISOR_memory_op, cmd, PTR(arg))
#define sched_op(cmd, arg)        hypercall2(__HYPERVISOR_sched_op, cmd, PTR(arg))
#define vcpu_op(cmd, vcpu, arg)   hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, PTR(arg))
#define hvm_op(cmd, arg)          hypercall2(__HYPERVISOR_hvm_op, cmd, PTR(arg))
#define grant_op(cmd, arg, count) hypercall3(__HYPERVISOR_grant_table_op, cmd, PTR(arg), count)
#define xen_version(cmd, arg)     hypercall2(__HYPERVISOR_xen_version, cmd, PTR(arg))
extern bool is_amd;

/* Maps shared_info over a page of ours (the same at each call). */
struct shared_info *shared_info_map(void);
struct vcpu_info *vcpu_info(unsigned int vcpu);
/* ns of system time from the vCPU's time page. */
uint64_t system_time(const struct vcpu_info *info);

struct cpuid {
    uint32_t a, b, c, d;
};
struct cpuid cpuid(uint32_t leaf, uint32_t sub);
uint32_t xen_cpuid_base(void);

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
/* An interrupt or exception handler; anything without one is a failed test. */
void on_trap(unsigned int vector, void (*handler)(struct trap_frame *f));
void cpu_tables_load(unsigned int cpu); /* GDT, IDT, TSS of this CPU */
void trap_setup(void);

/* These return 0, or the vector of the exception that came instead (then the value is 0). */
int try_rdmsr(uint32_t msr, uint64_t *value);
int try_wrmsr(uint32_t msr, uint64_t value);
int try_write_cr4(uint64_t value);
/* Calls fn(arg) in user mode and returns what it returns. No nesting. */
uint64_t call_in_user_mode(uint64_t (*fn)(uint64_t), uint64_t arg);

static inline void irq_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}
static inline void irq_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
/* Waits with interrupts on: no wake-up between test and wait is lost. Returns with interrupts off. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" ::: "memory");
}
static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/* The local APIC in the mode it is in. */
void lapic_enable(void);               /* software enable */
uint32_t lapic_read(unsigned int reg); /* register number as in the xAPIC page: 0x20 ID ... */
void lapic_write(unsigned int reg, uint32_t value);
void lapic_send(uint32_t dest, uint32_t icr); /* waits until it is sent */
void lapic_eoi(void);
bool lapic_is_x2apic(void);

/* Starts vCPU `cpu` (APIC id 2 * cpu) with INIT and two STARTUPs; it runs fn() and halts with interrupts off when that
 * returns. */
void cpu_start(unsigned int cpu, void (*fn)(void));
/* What the ACPI tables say. */
const struct machine *machine_tables(void);
unsigned int cpu_count(void);

/* A page of address space of our own that needs no large page: maps (flags PAGE_*) or unmaps (0). */
#define TEST_PAGES   0x10000000000ul /* 512 pages from here on */
#define PAGE_PRESENT 1ul
#define PAGE_WRITE   2ul
void map_test_page(unsigned int n, uint64_t paddr, uint64_t flags);

/* Physical memory above the image that nothing uses: bytes, page-aligned, zeroed. Never given back. */
void *page_alloc(unsigned int pages);
