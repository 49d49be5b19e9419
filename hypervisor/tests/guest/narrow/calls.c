/* calls.c - hypercalls whose structures are others for a 32-bit kernel, and the pages it shares with us */
#include "narrow.h"

#define UPCALL_VECTOR 0x30
#define PAGES         4096u /* so many that the call is interrupted */
#define NEW_RAM       (64u << 20)
#define MS            1000000u

void upcall(void);

static uint8_t shared_page[PAGE_SIZE] __aligned(4096), grants[PAGE_SIZE] __aligned(4096);
static uint8_t from[PAGE_SIZE] __aligned(4096), to[PAGE_SIZE] __aligned(4096);
static xen_pfn_t list[PAGES];
static volatile unsigned int upcalls;
static struct shared_info *const shared = (struct shared_info *)shared_page;

static bool is_set(const volatile xen_ulong_t *words, evtchn_port_t port)
{
    return words[port / 32] >> (port % 32) & 1;
}

void memory_calls(void)
{
    struct xen_memory_reservation r = {.nr_extents = PAGES, .domid = DOMID_SELF};
    domid_t self = DOMID_SELF;
    volatile uint32_t *ram = (volatile uint32_t *)NEW_RAM;

    set_xen_guest_handle(r.extent_start, list);
    for (unsigned int i = 0; i < PAGES; i++)
        list[i] = (NEW_RAM >> PAGE_SHIFT) + i;
    long before = memory_op(XENMEM_current_reservation, &self);
    check(before > (long)PAGES);
    check_eq(memory_op(XENMEM_decrease_reservation, &r), PAGES);
    check_eq(ram[0], 0xffffffff); /* nothing is there */
    check_eq(memory_op(XENMEM_populate_physmap, &r), PAGES);
    ram[0] = 0x1234;
    ram[(PAGES - 1) * 1024] = 0x5678;
    check_eq(ram[0], 0x1234);
    check_eq(ram[(PAGES - 1) * 1024], 0x5678);
    check_eq(memory_op(XENMEM_current_reservation, &self), before);
}

static void map(unsigned int space, void *page)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = space, .gpfn = ADDRESS(page) >> PAGE_SHIFT};

    check_eq(memory_op(XENMEM_add_to_physmap, &add), 0);
}

/* As 32-bit kernels do it: a selector of 32 bits, and words of 32 ports. */
void upcall(void)
{
    struct vcpu_info *info = &shared->vcpu_info[0];

    info->evtchn_upcall_pending = 0;
    __asm__ volatile("" ::: "memory");
    xen_ulong_t words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < 32; i++) {
        xen_ulong_t ports = shared->evtchn_pending[i] & ~shared->evtchn_mask[i];
        if (!(words >> i & 1) || !ports)
            continue;
        __atomic_fetch_and(&shared->evtchn_pending[i], ~ports, __ATOMIC_SEQ_CST);
        upcalls++;
    }
}

static void let_upcalls_in(void)
{
    __asm__ volatile("sti; nop; nop; cli" ::: "memory");
}

/* The highest port that there is: its bit is the last one. */
static void highest_port(void)
{
    struct evtchn_bind_ipi last = {};
    long rc;

    do {
        struct evtchn_bind_ipi next = {};
        rc = evtchn_op(EVTCHNOP_bind_ipi, &next);
        if (rc == 0)
            last = next;
    } while (rc == 0);
    check_eq(rc, -XEN_ENOSPC);
    check_eq(last.port, 1023);
    struct evtchn_send send = {.port = last.port};
    check_eq(evtchn_op(EVTCHNOP_send, &send), 0);
    check_eq(shared->evtchn_pending[31], 1u << 31);
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    check_eq(evtchn_op(EVTCHNOP_reset, &reset), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(shared->evtchn_mask); i++) /* as it was at first; nobody else does it */
        shared->evtchn_mask[i] = ~0ul;
}

void event_calls(void)
{
    struct xen_hvm_param callback = {.domid = DOMID_SELF,
                                     .index = HVM_PARAM_CALLBACK_IRQ,
                                     .value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | UPCALL_VECTOR};
    struct evtchn_bind_ipi ipi = {};

    map(XENMAPSPACE_shared_info, shared_page);
    check_eq(hvm_op(HVMOP_set_param, &callback), 0);
    callback.value = 0;
    check_eq(hvm_op(HVMOP_get_param, &callback), 0);
    check_eq((uint32_t)callback.value, UPCALL_VECTOR);
    let_upcalls_in(); /* what is left of before */
    upcalls = 0;

    check_eq(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
    struct evtchn_send send = {.port = ipi.port};
    check(is_set(shared->evtchn_mask, ipi.port));
    check_eq(evtchn_op(EVTCHNOP_send, &send), 0);
    let_upcalls_in();
    check_eq(upcalls, 0); /* masked */
    check(is_set(shared->evtchn_pending, ipi.port));
    struct evtchn_unmask unmask = {.port = ipi.port};
    check_eq(evtchn_op(EVTCHNOP_unmask, &unmask), 0);
    let_upcalls_in();
    check_eq(upcalls, 1);
    check(!is_set(shared->evtchn_pending, ipi.port));
    check_eq(evtchn_op(EVTCHNOP_send, &send), 0);
    let_upcalls_in();
    check_eq(upcalls, 2);
    highest_port();
}

static struct gnttab_copy copy_of(const char *text, unsigned int n)
{
    struct gnttab_copy op = {.len = (uint16_t)n, .status = 99};

    memcpy(from + 8, text, n);
    op.source.domid = op.dest.domid = DOMID_SELF;
    op.source.u.gmfn = ADDRESS(from) >> PAGE_SHIFT;
    op.source.offset = 8;
    op.dest.u.gmfn = ADDRESS(to) >> PAGE_SHIFT;
    return op;
}

/* Who this is: a port that is open to itself says it. */
static domid_t own_id(void)
{
    struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};

    check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &open), 0);
    struct evtchn_status status = {.dom = DOMID_SELF, .port = open.port};
    check_eq(evtchn_op(EVTCHNOP_status, &status), 0);
    check_eq(status.status, EVTCHNSTAT_unbound);
    struct evtchn_close close = {.port = open.port};
    check_eq(evtchn_op(EVTCHNOP_close, &close), 0);
    return status.u.unbound.dom;
}

void grant_calls(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct grant_entry_v1 *entries = (struct grant_entry_v1 *)grants;

    map(XENMAPSPACE_grant_table, grants);
    check_eq(grant_op(GNTTABOP_query_size, &size, 1), 0);
    check(size.nr_frames >= 1);

    struct gnttab_copy ops[2] = {copy_of("narrow!", 7), copy_of("narrow!", 7)};
    ops[1].dest.offset = 100;
    check_eq(grant_op(GNTTABOP_copy, ops, 2), 0);
    check_eq(ops[0].status, GNTST_okay);
    check_eq(ops[1].status, GNTST_okay);
    check_eq(((volatile uint8_t *)to)[0], 'n');
    check_eq(((volatile uint8_t *)to)[106], '!');

    entries[9] = (struct grant_entry_v1){.domid = own_id(), .frame = ADDRESS(to) >> PAGE_SHIFT};
    entries[9].flags = GTF_permit_access;
    ops[0] = copy_of("by grant", 8);
    ops[0].dest.u.ref = 9;
    ops[0].dest.offset = 200;
    ops[0].flags = GNTCOPY_dest_gref;
    check_eq(grant_op(GNTTABOP_copy, ops, 1), 0);
    check_eq(ops[0].status, GNTST_okay);
    check_eq(((volatile uint8_t *)to)[207], 't');
    entries[9].flags = 0;
}

/* Nanoseconds since boot; an unsigned 64-bit product by halves, without helpers of a library. */
static uint64_t now(void)
{
    volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
    uint32_t lo, hi, version;
    uint64_t ns;

    do {
        version = t->version;
        __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
        uint64_t ticks = ((uint64_t)hi << 32 | lo) - t->tsc_timestamp;
        ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
        ns =
            t->system_time + ((ticks & 0xffffffff) * t->tsc_to_system_mul >> 32) + (ticks >> 32) * t->tsc_to_system_mul;
    } while (version & 1 || version != t->version);
    return ns;
}

void time_calls(void)
{
    static struct vcpu_runstate_info runstate;
    struct vcpu_register_runstate_memory_area area = {.addr.p = ~0ull << 32 | ADDRESS(&runstate)};
    struct evtchn_bind_virq virq = {.virq = VIRQ_TIMER};

    check(shared->wc_sec > 1600000000); /* after 2020 */
    check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, &area), 0);
    check_eq(runstate.state, RUNSTATE_running);
    check(runstate.state_entry_time && runstate.state_entry_time <= now());

    check_eq(evtchn_op(EVTCHNOP_bind_virq, &virq), 0);
    uint64_t deadline = now() + 2 * MS;
    struct sched_poll poll = {.nr_ports = 1, .timeout = deadline + 1000ull * MS};
    set_xen_guest_handle(poll.ports, &virq.port);
    check_eq(hypercall(__HYPERVISOR_set_timer_op, (uint32_t)deadline, (uint32_t)(deadline >> 32), 0), 0);
    while (!is_set(shared->evtchn_pending, virq.port))
        check_eq(sched_op(SCHEDOP_poll, &poll), 0);
    check(now() >= deadline);
    check(now() < poll.timeout);
    struct evtchn_close close = {.port = virq.port};
    check_eq(evtchn_op(EVTCHNOP_close, &close), 0);
}
