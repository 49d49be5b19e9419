/*
 * main.c - what the operations that guests do most cost, in instructions: under QEMU's -icount shift=0 the TSC counts
 * them. One line each: "ATOLL-BENCH name instructions". The cost of reading the TSC and of the loop is measured and
 * taken off; the few instructions of the guest itself count.
 */
#include "guest.h"

#define TIMES   1000u
#define REF     9u
#define UPCALL  0x40
#define IOAPIC  0xfec00000ul
#define XAPIC   0xfee00000ul
#define TPR_MSR 0x808u
#define PIC     0x20u

#define MSR_APIC_BASE 0x1bu
#define APIC_ENABLE   BIT(11)
#define APIC_X2APIC   BIT(10)

static struct evtchn_send send;
static struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};
static struct gnttab_map_grant_ref mapping;
static struct gnttab_copy copying;
static volatile unsigned int upcalls;
static volatile bool stop;

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

static void cpuid_features(void)
{
    cpuid(7, 0);
}

static void rdmsr_exit(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(MSR_APIC_BASE));
}

static void wrmsr_exit(void)
{
    __asm__ volatile("wrmsr" : : "c"(TPR_MSR), "a"(0), "d"(0));
}

static void in_exit(void)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)PIC));
}

/* To ourselves: the port is masked and pending after the first, then cleared each time, so that the whole way is
 * walked. */
static void evtchn_send(void)
{
    shared_info_map()->evtchn_pending[send.port / 64] = 0;
    evtchn_op(EVTCHNOP_send, &send);
}

/* Until the handler has run and said that it is done. */
static void event_to_self(void)
{
    unsigned int before = upcalls;
    evtchn_op(EVTCHNOP_send, &send);
    while (upcalls == before)
        ;
}

static void upcall(struct trap_frame *f)
{
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0;
    shared_info_map()->evtchn_pending[send.port / 64] = 0;
    upcalls++;
    lapic_eoi();
}

static void sched_yield(void)
{
    sched_op(SCHEDOP_yield, NULL);
}

static void hvm_get_param(void)
{
    hvm_op(HVMOP_get_param, &param);
}

static void set_timer(void)
{
    struct vcpu_set_singleshot_timer far = {.timeout_abs_ns = 3600ul * 1000000000};
    vcpu_op(VCPUOP_set_singleshot_timer, 0, &far);
}

static void grant_map_unmap(void)
{
    grant_op(GNTTABOP_map_grant_ref, &mapping, 1);
    struct gnttab_unmap_grant_ref u = {.host_addr = mapping.host_addr, .handle = mapping.handle};
    grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
}

static void grant_copy(void)
{
    grant_op(GNTTABOP_copy, &copying, 1);
}

static void ioapic_read(void)
{
    (void)*(volatile uint32_t *)IOAPIC;
}

static void xapic_read(void)
{
    (void)*(volatile uint32_t *)(XAPIC + 0x80);
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

static void read_tsc(void)
{
    rdtsc();
}

static void report(const char *name, void (*operation)(void))
{
    uint64_t base = cost_of(nothing), cost = cost_of(operation);
    check(cost > base, "%s costs nothing", name);
    print("ATOLL-BENCH %s %lu\n", name, (cost - base + TIMES / 2) / TIMES);
}

static void events(void)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = 0, .vector = UPCALL};

    shared_info_map();
    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    send.port = ipi.port;
    report("evtchn-send-self", evtchn_send);
    on_trap(UPCALL, upcall);
    lapic_enable();
    check_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), 0);
    shared_info_map()->evtchn_pending[send.port / 64] = 0;
    struct evtchn_unmask unmask = {.port = ipi.port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);
    irq_on();
    report("event-to-self", event_to_self);
    irq_off();
}

static void grants(void)
{
    struct grant_entry_v1 *table = page_alloc(1);
    void *page = page_alloc(1), *hole = page_alloc(1), *target = page_alloc(1);
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = PTR(table) >> PAGE_SHIFT};
    xen_pfn_t gfn = PTR(hole) >> PAGE_SHIFT;
    struct xen_memory_reservation release = {.nr_extents = 1, .domid = DOMID_SELF};

    check_eq(memory_op(XENMEM_add_to_physmap, &arg), 0);
    set_xen_guest_handle(release.extent_start, &gfn);
    check_eq(memory_op(XENMEM_decrease_reservation, &release), 1);
    table[REF] = (struct grant_entry_v1){.frame = (uint32_t)(PTR(page) >> PAGE_SHIFT), .domid = 0};
    __atomic_store_n(&table[REF].flags, GTF_permit_access, __ATOMIC_RELEASE);
    mapping = (struct gnttab_map_grant_ref){.host_addr = PTR(hole), .flags = GNTMAP_host_map, .ref = REF};
    grant_map_unmap();
    check_eq(mapping.status, GNTST_okay);
    report("grant-map-unmap", grant_map_unmap);

    copying = (struct gnttab_copy){.source = {.u.ref = REF},
                                   .dest = {.u.gmfn = PTR(target) >> PAGE_SHIFT, .domid = DOMID_SELF},
                                   .len = 64,
                                   .flags = GNTCOPY_source_gref};
    grant_copy();
    if (copying.status != GNTST_okay)
        return; /* Xen's dom0: the row is missing then */
    report("grant-copy-64", grant_copy);
    copying.len = PAGE_SIZE;
    report("grant-copy-4096", grant_copy);
    check_eq(copying.status, GNTST_okay);
}

static void other_vcpu(void)
{
    while (!stop)
        sched_yield();
}

/* A second vCPU on the same CPU, which does nothing but yield: there and back again. */
static void switches(void)
{
    cpu_start(1, other_vcpu);
    report("yield-to-other-and-back", sched_yield);
    stop = true;
    sched_yield();
}

/* Pages that trap; at last, as it changes the local APIC's mode. */
static void pages(void)
{
    uint64_t base;

    report("ioapic-read", ioapic_read);
    check_eq(try_rdmsr(MSR_APIC_BASE, &base), 0);
    if (base & APIC_X2APIC) {
        check_eq(try_wrmsr(MSR_APIC_BASE, base & ~(APIC_X2APIC | APIC_ENABLE)), 0);
        check_eq(try_wrmsr(MSR_APIC_BASE, (base & ~APIC_X2APIC) | APIC_ENABLE), 0);
    }
    report("xapic-read", xapic_read);
}

void test_main(void)
{
    shared_info_map();
    irq_off();
    report("rdtsc", read_tsc);
    report("null-hypercall", null_hypercall);
    report("cpuid", cpuid_exit);
    report("cpuid-features", cpuid_features);
    report("rdmsr", rdmsr_exit);
    report("sched-yield", sched_yield);
    report("hvm-get-param", hvm_get_param);
    events();
    report("set-singleshot-timer", set_timer);
    if (lapic_is_x2apic()) /* not in Xen's dom0 */
        report("wrmsr-x2apic", wrmsr_exit);
    report("port-in", in_exit);
    grants();
    if (cpu_count() > 1)
        switches();
    pages();
}
