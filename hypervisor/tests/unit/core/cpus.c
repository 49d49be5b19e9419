/* cpus.c - see cpus.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpus.h"
#include <hv/log.h>
#include <hv/private.h>
#include <hv/sched.h>
#include <hv/tlb.h>
#include <hv/vendor.h>
#include <hv/vlapic.h>
#include <hv/x86.h>

struct cpu test_cpu[TEST_CPUS], *cpus[MAX_HOST_CPUS];
unsigned int cpu_count;
struct vcpu test_vcpu[TEST_VCPUS];
bool test_interrupt[TEST_VCPUS];
static struct vcpu_private private[TEST_VCPUS];
static struct vcpu_info info[TEST_VCPUS];
_Thread_local struct cpu *test_here;

uint64_t test_local_base(void)
{
    return (uint64_t)test_here;
}
uint64_t time_now(void)
{
    return test_now();
}
void apic_timer_set(uint64_t deadline, uint64_t now)
{
    test_hardware_timer(MAX(deadline, now + 1));
}
void cpu_send_kick(unsigned int cpu)
{
    test_kick(cpu);
}
void tlb_pins_check(void)
{
}
int vlapic_pending(struct vcpu *v)
{
    bool pending = __atomic_load_n(&test_interrupt[v - test_vcpu], __ATOMIC_SEQ_CST);

    test_chance();
    return pending ? 0x40 : -1;
}
void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
    __atomic_store_n(&test_interrupt[v - test_vcpu], true, __ATOMIC_SEQ_CST);
    vcpu_kick(v);
}
void vlapic_reset(struct vcpu *v)
{
    __atomic_store_n(&test_interrupt[v - test_vcpu], false, __ATOMIC_SEQ_CST);
}
void private_show(struct domain *d)
{
    this_cpu()->shown = d;
}
void vcpu_runstate_publish(struct vcpu *v)
{
}
void domain_shutdown(struct domain *d, int reason)
{
    abort();
}
void domain_kill(struct domain *d, const char *fmt, ...)
{
    abort();
}
void log_at(enum log_level level, const char *fmt, ...)
{
}
void panic(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    abort();
}

static void save(struct vcpu *v)
{
    this_cpu()->loaded = NULL;
    test_chance();
}
static void reset(struct vcpu *v)
{
    v->private->regs = (struct vcpu_regs){.available = REGS_CONTROL | REGS_SEGMENTS};
    test_reset(v);
}

/* svm_run() */
static void run(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    if (c->shown != v->domain)
        panic("the private state of another domain is shown");
    for (;;) {
        if (c->timer_expired)
            timers_run();
        if (read_once(v->init_signal) || v->wait_sipi)
            vcpu_take_signals(v);
        c->loaded = v;
        if (read_once(c->slice_wanted))
            sched_start_slice();
        if (read_once(c->resched) || v->exit_to_scheduler)
            return;
        write_once(v->kicked, false);
        mb();
        bool interrupt = __atomic_exchange_n(&test_interrupt[v - test_vcpu], false, __ATOMIC_SEQ_CST);
        test_chance();
        c->guest_entries++;
        __atomic_store_n(&c->in_guest, v, __ATOMIC_SEQ_CST);
        test_chance();
        if (__atomic_load_n(&v->kicked, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&c->in_guest, NULL, __ATOMIC_RELEASE);
            if (interrupt) /* stays in the VMCB; here: in the APIC */
                __atomic_store_n(&test_interrupt[v - test_vcpu], true, __ATOMIC_SEQ_CST);
            continue;
        }
        enum guest_exit exit = test_guest(v, interrupt);
        __atomic_store_n(&c->in_guest, NULL, __ATOMIC_RELEASE);
        if (exit == GUEST_INTERRUPTED)
            interrupt_window();
        else if (exit == GUEST_HALTS)
            vcpu_block(v);
    }
}

static const struct hvm_vendor test_vendor = {.name = "test", .run = run, .save = save, .vcpu_reset = reset};

void cpus_setup(unsigned int count)
{
    memset(test_cpu, 0, sizeof(test_cpu));
    memset(test_vcpu, 0, sizeof(test_vcpu));
    memset(test_interrupt, 0, sizeof(test_interrupt));
    vendor = &test_vendor;
    cpu_count = count;
    for (unsigned int i = 0; i < count; i++) {
        struct cpu *c = cpus[i] = &test_cpu[i];
        c->id = i;
        list_init(&c->runq);
        list_init(&c->timers);
        test_here = c;
        sched_init_cpu();
    }
    test_here = &test_cpu[0];
}

void vcpu_setup(unsigned int i, struct domain *d, unsigned int cpu)
{
    struct vcpu *v = &test_vcpu[i];

    v->id = i;
    v->domain = d;
    v->cpu = cpu;
    v->info = &info[i];
    v->private = &private[i];
    private[i] = (struct vcpu_private){.regs.available = REGS_CONTROL | REGS_SEGMENTS};
    v->private->regs.rflags = 0x200;
    list_init(&v->runq);
}
