/*
 * main.c - what the operations that guests do most cost, in instructions: under QEMU's -icount shift=0 the TSC counts
 * them. One line each: "ATOLL-BENCH name instructions". The cost of reading the TSC and of the loop is measured and
 * taken off.
 */
#include "guest.h"

#define TIMES 1000u

static struct evtchn_send send;
static struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};

static void nothing(void)
{
    __asm__ volatile("" ::: "memory");
}

static void null_hypercall(void)
{
    hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}

static void cpuid_exit(void)
{
    cpuid(0, 0);
}

static void rdmsr_exit(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x1b));
}

/* To ourselves: the port is masked and pending after the first, then cleared each time, so that the whole way is
 * walked. */
static void evtchn_send(void)
{
    shared_info_map()->evtchn_pending[send.port / 64] = 0;
    evtchn_op(EVTCHNOP_send, &send);
}

static void sched_yield(void)
{
    sched_op(SCHEDOP_yield, NULL);
}

static void hvm_get_param(void)
{
    hvm_op(HVMOP_get_param, &param);
}

static uint64_t cost_of(void (*operation)(void))
{
    for (unsigned int i = 0; i < 16; i++)
        operation();
    uint64_t start = rdtsc();
    for (unsigned int i = 0; i < TIMES; i++)
        operation();
    return rdtsc() - start;
}

static void report(const char *name, void (*operation)(void))
{
    uint64_t base = cost_of(nothing), cost = cost_of(operation);
    check(cost > base, "%s costs nothing", name);
    print("ATOLL-BENCH %s %lu\n", name, (cost - base + TIMES / 2) / TIMES);
}

void test_main(void)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};

    shared_info_map();
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    send.port = ipi.port;
    irq_off();
    report("null-hypercall", null_hypercall);
    report("cpuid", cpuid_exit);
    report("rdmsr", rdmsr_exit);
    report("evtchn-send-self", evtchn_send);
    report("sched-yield", sched_yield);
    report("hvm-get-param", hvm_get_param);
}
