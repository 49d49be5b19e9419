/* smp.c - starting the other CPUs: INIT, SIPI, SIPI to a page below 1 MiB (SDM vol. 3 ch. 9.4) */
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/hostmap.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/timer.h>
#include <hv/vendor.h>
#include <hv/x86.h>

#define TRAMPOLINE_PAGE 0x8000ul /* conventional memory, dom0's later: nothing lives there while we boot */

extern const char trampoline_start[], trampoline_end[], trampoline_root[], trampoline_entry[], ap_entry[];
extern uint64_t boot_pml4[512];
static struct cpu *starting;
extern uint64_t ap_root;
uint64_t ap_root; /* read by boot/trampoline.S */

static void delay_us(uint64_t us)
{
    uint64_t end = time_now() + us * 1000;
    while (time_now() < end)
        cpu_relax();
}

[[noreturn]] void ap_main(void); /* called by boot/trampoline.S */
void ap_main(void)
{
    struct cpu *c = starting;

    cpu_init_this();
    apic_init_this();
    if (!vendor->cpu_up())
        machine_halt();
    hostmap_drop_identity();
    sched_init_cpu();
    store_release(cpus[c->id]->online, true);
    cpu_loop();
}

static_assert(LOCAL_STACK_TOP == 0xffffff0000006000ul, "boot/trampoline.S");

static void patch(const char *symbol, uint64_t value)
{
    memcpy(boot_phys(TRAMPOLINE_PAGE + (uint64_t)(symbol - trampoline_start)), &value, sizeof(value));
}

static bool start_one(uint32_t apic_id)
{
    struct cpu *c = hostmap_new_cpu(cpu_count);
    if (!c)
        return false;
    c->apic_id = apic_id;
    cpus[c->id] = c;
    starting = c;
    ap_root = c->root;
    apic_send_ipi(apic_id, 0x4500); /* INIT, assert */
    delay_us(10000);
    for (int i = 0; i < 2 && !load_acquire(c->online); i++) {
        apic_send_ipi(apic_id, 0x4600u | (uint32_t)(TRAMPOLINE_PAGE >> 12));
        for (int wait = 0; wait < (i ? 2000 : 200) && !load_acquire(c->online); wait++)
            delay_us(100);
    }
    if (!load_acquire(c->online)) {
        log_warn("cpu with APIC id %u does not start", apic_id);
        cpus[c->id] = NULL;
        return false;
    }
    cpu_count++;
    return true;
}

void smp_start_all(void)
{
    memcpy(boot_phys(TRAMPOLINE_PAGE), trampoline_start, (size_t)(trampoline_end - trampoline_start));
    patch(trampoline_root, (uint64_t)boot_pml4 - IMAGE_BASE);
    patch(trampoline_entry, (uint64_t)ap_entry);
    for (unsigned int i = 0; i < machine.cpu_count; i++)
        if (machine.cpu[i].usable && machine.cpu[i].apic_id != cpus[0]->apic_id && cpu_count < MAX_HOST_CPUS)
            start_one(machine.cpu[i].apic_id);
    log_info("%u CPUs online", cpu_count);
}
