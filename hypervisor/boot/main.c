/* main.c - from the boot loader's information to the first guest, stage by stage */
#include <stdarg.h>
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/frame.h>
#include <hv/hostmap.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/options.h>
#include <hv/rtc.h>
#include <hv/sched.h>
#include <hv/selfcheck.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/timer.h>
#include <hv/traps.h>
#include <hv/vendor.h>
#include <hv/x86.h>
#include "../lib/format.h"

struct machine machine;
extern uintptr_t __stack_chk_guard;

void boot_fail(const char *sentence, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, sentence);
    vsnprintf(text, sizeof(text), sentence, ap);
    va_end(ap);
    log_err("cannot start: %s.", text);
    machine_halt();
}

/* The identity map of the first 4 GiB is there until the guests start. */
bool boot_read(void *dst, uint64_t from, size_t bytes)
{
    if (from + bytes > 4ul << 30 || from + bytes < from)
        return false;
    memcpy(dst, boot_phys(from), bytes);
    return true;
}

static void check_cpu(void)
{
    const char *lack;

    cpu_detect();
    if (!host.nx)
        boot_fail("this CPU cannot mark pages as not executable (NX)");
    lack = svm_vendor.check();
    if (lack)
        boot_fail("%s; Atoll needs hardware virtualization with nested paging", lack);
    vendor = &svm_vendor;
}

static void start_cpus(void)
{
    struct cpu *c = cpus[0];

    cpu_init_this();
    if (!acpi_parse(&machine, boot_read))
        boot_fail("the firmware's ACPI tables cannot be used");
    time_init();
    apic_init_this();
    c->apic_id = apic_id_this();
    c->online = true;
    apic_timer_calibrate();
    rtc_init();
    ioapic_init();
    iommu_init();
    irq_init();
    sched_init_cpu();
    if (!vendor->cpu_up())
        boot_fail("no memory to switch hardware virtualization on");
    smp_start_all();
}

static void report(void)
{
    log_info("%s, %u CPUs, TSC %lu kHz, %s", vendor->name, cpu_count, tsc_khz(), host.x2apic ? "x2APIC" : "xAPIC");
    iommu_report();
    log_info("memory: hypervisor heap %lu KiB, free for VMs %lu MiB", heap_bytes() >> 10, frames_free_count() >> 8);
}

/* On the CPU's own stack now: the boot stack lies in the image and has no guard page. */
[[noreturn]] void boot_finish(void);
void boot_finish(void)
{
    build_dom0();
    hostmap_drop_identity();
    selfcheck();
    log_info("dom0 starts at %lu ms", time_now() / 1000000);
    domain_unpause(dom0); /* not before: another CPU takes it at once */
    cpu_loop();
}

[[noreturn, gnu::no_stack_protector]] void boot_main(uint32_t magic, uint32_t info);
void boot_main(uint32_t magic, uint32_t info)
{
    __stack_chk_guard ^= rdtsc() * 0x9e3779b97f4a7c15ul;
    idt_build();
    idt_load();
    const char *error = multiboot_parse(magic, info);
    options_parse(boot_info.cmdline);
    serial_init();
    log_info("Atoll hypervisor " ATOLL_VERSION);
    if (error)
        boot_fail("%s", error);
    check_cpu();
    memmap_init();
    start_cpus();
    report();
    __asm__ volatile("movq %0, %%rsp; xorl %%ebp, %%ebp; call boot_finish; hlt" : : "i"(LOCAL_STACK_TOP) : "memory");
    __builtin_unreachable();
}
