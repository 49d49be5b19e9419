/*
 * junk - every hypercall, every command, arguments out of a generator: `seed=` and `rounds=` on the command line.
 * What comes back does not matter. The hypervisor must still answer afterwards, and find nothing wrong with itself.
 */
#include <hv/string.h>
#include <public/atoll.h>
#include "guest.h"
#include "random.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define NUMBERS  64u
#define COMMANDS 64u

/* Memory that calls may read, write and give away: four pages with nothing mapped behind them, so that no list goes on
 * into what we need. */
#define PAGES     4u
#define PAGES_AT  (20ul << 20)
#define AREA      TEST_PAGES
#define AREA_END  (AREA + PAGES * PAGE_SIZE)
#define AREA_GFN  (PAGES_AT >> PAGE_SHIFT)
#define READ_ONLY (AREA_END + PAGE_SIZE) /* a page that is there and may not be written */

static uint64_t state;
static uint64_t calls, accepted;

static uint64_t below(uint64_t n)
{
    return random_below(&state, n);
}

/* Where the image is, with our page tables and stack: taken away, they end us, and nothing is learnt. */
static bool is_ours(uint64_t value)
{
    const uint64_t first = 16ul << 20, end = PAGES_AT;

    return (value >= first && value < end) || (value >= first >> PAGE_SHIFT && value < end >> PAGE_SHIFT);
}

static uint64_t any_number(void)
{
    switch (below(10)) {
    case 0: return below(16);
    case 1: return 1ul << below(64);
    case 2: return (1ul << below(64)) - 1;
    case 3: return -(1ul << below(64));
    case 4: return AREA_GFN + below(PAGES);
    case 5: return DOMID_FIRST_RESERVED + below(16);
    case 6: return (uint32_t)random_next(&state);
    case 7: return below(4096);
    case 8: return ~below(16);
    default: return random_next(&state);
    }
}

static uint64_t number(void)
{
    uint64_t value = any_number();
    return is_ours(value) ? AREA_GFN : value;
}

static uint64_t good_pointer(void)
{
    return AREA + below(2 * PAGE_SIZE) / 8 * 8;
}

static uint64_t bad_pointer(void)
{
    switch (below(10)) {
    case 0: return 0;
    case 1: return 0x800000000000ul + below(PAGE_SIZE);   /* not canonical, just so */
    case 2: return 0xffff7ffffffffff8ul + below(16);      /* and from above */
    case 3: return AREA_END - below(64);                  /* ends in nothing */
    case 4: return AREA_END + below(PAGE_SIZE);           /* nothing */
    case 5: return READ_ONLY + below(PAGE_SIZE);          /* may not be written */
    case 6: return 0xffffffff80200000ul + below(1 << 20); /* where the hypervisor is, in its own tables */
    case 7: return -below(4096);                          /* goes round */
    case 8: return 0xfee00000ul + below(PAGE_SIZE);       /* the APIC */
    default: return number();
    }
}

static uint64_t pointer(void)
{
    return below(4) ? good_pointer() : bad_pointer();
}

/* What may have been given away comes back; then new contents: numbers, and pointers for those who look for some. */
static void fill_area(void)
{
    static xen_pfn_t gfns[PAGES];
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    for (unsigned int i = 0; i < PAGES; i++) {
        struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = AREA_GFN + i};
        gfns[i] = AREA_GFN + i;
        memory_op(XENMEM_remove_from_physmap, &remove); /* a page of somebody's may be there instead */
        set_xen_guest_handle(r.extent_start, &gfns[i]);
        check_eq(memory_op(XENMEM_populate_physmap, &r), 1);
    }
    for (volatile uint64_t *word = (uint64_t *)AREA; word < (uint64_t *)AREA_END; word++)
        *word = below(6) ? number() : pointer();
}

/* Commands and values that would end us, as they should, or fill the console: left out, or turned to something near. */
struct call {
    uint64_t number, args[4];
};

static volatile uint32_t *words(uint64_t at)
{
    return at >= AREA && at < AREA_END - PAGE_SIZE ? (volatile uint32_t *)at : NULL;
}

static bool is_left_out(struct call *c)
{
    switch ((uint32_t)c->number) {
    case __HYPERVISOR_sched_op: /* the end of this domain is the end of the machine */
        return c->args[0] == SCHEDOP_shutdown || c->args[0] == SCHEDOP_remote_shutdown;
    case __HYPERVISOR_console_io: /* the control domain may say what it likes */ c->args[1] &= 31; return false;
    case __HYPERVISOR_vcpu_op: /* a vCPU that runs nowhere good; guest `invent` does that where nobody needs it */
        return c->args[0] == VCPUOP_up || c->args[0] == VCPUOP_down;
    default: return false;
    }
}

/* Where the command stands in memory: with the version that is asked for, most of the time. */
static void name_command(const struct call *c, uint64_t command, uint64_t at)
{
    volatile uint32_t *w = words(at);

    if (!w || !below(8))
        return;
    w[0] = (uint32_t)command;
    switch (c->number) {
    case __HYPERVISOR_domctl: w[1] = XEN_DOMCTL_INTERFACE_VERSION; break;
    case __HYPERVISOR_sysctl: w[1] = XEN_SYSCTL_INTERFACE_VERSION; break;
    case __HYPERVISOR_platform_op: w[1] = XENPF_INTERFACE_VERSION; break;
    }
    if (c->number == __HYPERVISOR_domctl && below(4))
        w[2] = (uint32_t)below(4); /* a domain that may be there */
}

/* An upcall by the vector of an exception is something that only the guest would not survive. */
static void soften_vectors(const struct call *c)
{
    volatile uint32_t *w = words(c->args[1]);

    if (c->number != __HYPERVISOR_hvm_op || !w)
        return;
    if (c->args[0] == HVMOP_set_evtchn_upcall_vector)
        ((volatile uint8_t *)w)[4] |= 0x40;
    if (c->args[0] == HVMOP_set_param && w[1] == HVM_PARAM_CALLBACK_IRQ)
        w[1] = HVM_PARAM_STORE_EVTCHN;
}

static void call(uint64_t hypercall_number, uint64_t command)
{
    struct call c = {hypercall_number, {command, pointer(), below(2) ? below(40) : number(), number()}};

    switch (hypercall_number) {
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
        c.args[0] = pointer();
        name_command(&c, command + (below(2) ? COMMANDS : 0), c.args[0]);
        break;
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_console_io:
        c.args[1] = below(4) ? below(4) : number();
        c.args[2] = pointer();
        break;
    case __HYPERVISOR_set_timer_op: c.args[0] = number(); break;
    }
    /* Positions that an interrupted call would have left there. */
    if (hypercall_number == __HYPERVISOR_memory_op && !below(8))
        c.args[0] |= number() << 6;
    if (is_left_out(&c))
        return;
    soften_vectors(&c);
    calls++;
    accepted += hypercall((unsigned int)c.number, c.args[0], c.args[1], c.args[2], c.args[3]) >= 0;
}

static bool is_there(unsigned int n)
{
    switch (n) {
    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_set_timer_op:
    case __HYPERVISOR_xen_version:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_vm_assist:
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_hvm_op:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_arch_7: return true;
    default: return false;
    }
}

/* Domains that a createdomain with luck has made. */
static void end_others(void)
{
    struct xen_domctl op;

    for (domid_t id = 1; id < 200; id++) {
        long rc;
        do {
            op = (struct xen_domctl){
                .cmd = XEN_DOMCTL_destroydomain, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = id};
            rc = hypercall1(__HYPERVISOR_domctl, PTR(&op));
        } while (rc == -XEN_ERESTART);
    }
}

static void still_well(void)
{
    struct atoll_selfcheck s = {.others = 99};

    check(xen_version(XENVER_version, 0) >= 4 << 16, "XENVER_version answers %#lx", xen_version(XENVER_version, 0));
    check_eq(hypercall2(__HYPERVISOR_arch_7, ATOLL_OP_selfcheck, PTR(&s)), 0);
    check_eq(s.others, 0);
    check(s.shown >= 2, "%lu pages of private state are shown", s.shown);
}

static void all_calls(void)
{
    static const uint64_t large[] = {64, 127, 128, 255, 4096, 0x7fffffff, 0x80000000, 0xffffffff};

    for (unsigned int n = 0; n < NUMBERS; n++) {
        fill_area();
        for (unsigned int command = 0; command < COMMANDS; command++)
            for (unsigned int i = 0; i < (is_there(n) ? 4 : 1); i++) {
                call(n, command);
                if (is_there(n) && !below(8))
                    fill_area();
            }
        for (unsigned int i = 0; i < ARRAY_SIZE(large); i++)
            call(n, large[i]);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(large); i++)
        call(large[i], below(COMMANDS));
}

static void on_interrupt(struct trap_frame *f)
{
    if (f->vector != 2)
        lapic_eoi();
}

/* Something that wakes us: some calls wait. */
static void start_clock(void)
{
    for (unsigned int vector = 32; vector < 256; vector++)
        if (vector != 0x80)
            on_trap(vector, on_interrupt);
    on_trap(2, on_interrupt);
    lapic_enable();
    lapic_write(0x3e0, 0xb);            /* count undivided */
    lapic_write(0x320, 0x20000 | 0x40); /* again and again, by vector 0x40 */
    lapic_write(0x380, 1000 * 1000);
    irq_on();
}

/* What the image with the ownership model takes as an order to forget a reference: it must stop at one of the calls
 * that follow. */
static void lose_reference(void)
{
    fill_area();
    hypercall2(__HYPERVISOR_arch_7, 0x10000, AREA_GFN);
    for (unsigned int i = 0; i < 100; i++)
        xen_version(XENVER_version, 0);
}

void test_main(void)
{
    uint64_t seed = cmdline_number("seed=", 1), rounds = cmdline_number("rounds=", 1);

    print("junk: seed %lu, %lu rounds\n", seed, rounds);
    state = random_start(seed);
    for (unsigned int i = 0; i < PAGES; i++)
        map_test_page(i, PAGES_AT + i * PAGE_SIZE, PAGE_PRESENT | PAGE_WRITE);
    map_test_page((READ_ONLY - AREA) / PAGE_SIZE, PAGES_AT + PAGES * PAGE_SIZE, PAGE_PRESENT);
    start_clock();
    for (uint64_t i = 0; i < rounds; i++) {
        all_calls();
        end_others();
        still_well();
    }
    irq_off();
    if (cmdline_has("lose"))
        lose_reference();
    check(accepted > calls / 100, "only %lu of %lu calls were taken", accepted, calls);
    print("junk: %lu calls, %lu taken\n", calls, accepted);
}
