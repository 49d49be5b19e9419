/* traps.c - the IDT, and what happens on an exception in the hypervisor itself: it is a bug of ours, so the machine
 * stops with a report */
#include <hv/cpu.h>
#include <hv/log.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/traps.h>
#include <hv/x86.h>

struct trap_frame {
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct idt_gate {
    uint16_t offset_low, selector, type, offset_mid;
    uint32_t offset_high, reserved;
};
static_assert(sizeof(struct idt_gate) == 16);

extern const uint64_t trap_stubs[256];
extern const char image_start[], text_end[];
static struct idt_gate idt[256] __aligned(4096);

static const char *const names[] = {"divide error",
                                    "debug",
                                    "NMI",
                                    "breakpoint",
                                    "overflow",
                                    "bound",
                                    "invalid opcode",
                                    "no FPU",
                                    "double fault",
                                    "",
                                    "invalid TSS",
                                    "segment not present",
                                    "stack fault",
                                    "general protection",
                                    "page fault",
                                    "",
                                    "FPU error",
                                    "alignment",
                                    "machine check"};

void idt_build(void)
{
    for (unsigned int i = 0; i < 256; i++) {
        uint64_t at = trap_stubs[i];
        idt[i] = (struct idt_gate){(uint16_t)at, 8, 0x8e00, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
    }
}

void idt_load(void)
{
    struct __packed {
        uint16_t limit;
        uint64_t base;
    } pointer = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void panic_backtrace(void)
{
    uint64_t *sp = __builtin_frame_address(0);
    uint64_t top = ALIGN_UP((uint64_t)sp, LOCAL_STACK_PAGES * PAGE_SIZE);
    char line[32];
    unsigned int shown = 0;

    /* No frame pointers: every word on the stack that points into the text is a candidate. */
    if ((uint64_t)sp >= LOCAL_BASE && (uint64_t)sp < LOCAL_STACK_TOP)
        top = LOCAL_STACK_TOP;
    for (; (uint64_t)sp < top && shown < 24; sp++) {
        if (*sp > (uint64_t)image_start && *sp < (uint64_t)text_end) {
            int n = snprintf(line, sizeof(line), "  %016lx\n", *sp);
            log_raw(line, (size_t)n);
            shown++;
        }
    }
}

void trap(struct trap_frame *f);
void trap(struct trap_frame *f)
{
    if (f->vector >= 32) {
        irq_dispatch((unsigned int)f->vector);
        return;
    }
    if (f->vector == 2) {
        log_err("NMI on cpu %u ignored", this_cpu()->id);
        return;
    }
    const char *name = f->vector < ARRAY_SIZE(names) ? names[f->vector] : "";
    panic("exception %lu (%s) error %lx rip %lx rsp %lx cr2 %lx\n rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp "
          "%lx r8 %lx r9 %lx r12 %lx",
          f->vector, name, f->error, f->rip, f->rsp, read_cr2(), f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp,
          f->r8, f->r9, f->r12);
}
