/*
 * inventor.c - the guest that is up to no good: two vCPUs that do what comes out of a generator, with and against each
 * other, until they are ended. Nothing here may harm anybody else; what becomes of this domain does not matter.
 */
#include <hv/port.h>
#include <hv/string.h>
#include "guest.h"
#include "invent.h"
#include "random.h"
#include <xen/hvm/hvm_vcpu.h>

#define PAGES    8u /* of TEST_PAGES: what calls point to, and whose page table entries change under them */
#define AREA_END (TEST_PAGES + PAGES * PAGE_SIZE)

static uint64_t states[OTHER_VCPUS];
static void *jumps[OTHER_VCPUS][5];
static uint8_t code[64] __aligned(64);              /* instructions that one changes while the other runs them */
static volatile unsigned int in_a_row[OTHER_VCPUS]; /* interrupts, with nothing done between them */
static volatile grant_handle_t handles[32];
static volatile evtchn_port_t ports[16];

/* Only the first CPU has a task register (cpu_tables_load()), and this costs no exit. */
static unsigned int self(void)
{
    uint16_t selector;

    __asm__("str %0" : "=r"(selector));
    return selector ? 0 : 1;
}

static uint64_t next(void)
{
    return random_next(&states[self()]);
}

static uint64_t below(uint64_t n)
{
    return next() % n;
}

static uint64_t arena_gfn(void)
{
    return ARENA_GFN + below(ARENA_PAGES);
}

static uint64_t number(void)
{
    switch (below(8)) {
    case 0: return below(16);
    case 1: return 1ul << below(64);
    case 2: return -(1ul << below(64));
    case 3: return arena_gfn() << PAGE_SHIFT;
    case 4: return 0xfee00000ul + below(PAGE_SIZE);
    case 5: return below(4096);
    case 6: return DOMID_FIRST_RESERVED + below(16);
    default: return next();
    }
}

static uint64_t pointer(void)
{
    switch (below(12)) {
    case 0: return number();
    case 1: return AREA_END - below(64);
    case 2: return 0x800000000000ul - below(16);
    case 3: return 0xffffffff80200000ul;
    case 4: return arena_gfn() << PAGE_SHIFT; /* perhaps a hole, perhaps somebody else's page */
    default: return TEST_PAGES + below(AREA_END - TEST_PAGES) / 8 * 8;
    }
}

/* The page tables change while the other vCPU may be in a call that walks them. */
static void change_tables(void)
{
    static const uint64_t flags[] = {PAGE_PRESENT | PAGE_WRITE, PAGE_PRESENT | PAGE_WRITE, PAGE_PRESENT, 0,
                                     PAGE_PRESENT | PAGE_WRITE | 1ul << 51};
    uint64_t at = below(8) ? arena_gfn() << PAGE_SHIFT : number() & 0xffffffffff000ul;

    map_test_page((unsigned int)below(PAGES), at, flags[below(ARRAY_SIZE(flags))]);
}

static void junk_call(void)
{
    static const uint8_t there[] = {12, 15, 17, 18, 20, 21, 24, 29, 32, 34};
    unsigned int n = below(4) ? there[below(sizeof(there))] : (unsigned int)below(64);
    uint64_t command = below(40);

    if (n == __HYPERVISOR_sched_op && below(500))
        command = SCHEDOP_yield; /* it may end itself, or sleep for ever, but not all the time */
    if (n == __HYPERVISOR_console_io)
        hypercall(n, command, below(300), pointer(), number());
    else
        hypercall(n, command, below(2) ? pointer() : number(), below(2) ? below(40) : number(), number());
}

static void reservation(void)
{
    xen_pfn_t gfns[8];
    struct xen_memory_reservation r = {.nr_extents = 1 + (uint32_t)below(8), .domid = DOMID_SELF};

    r.extent_order = below(8) ? 0 : (uint32_t)below(10);
    for (unsigned int i = 0; i < ARRAY_SIZE(gfns); i++)
        gfns[i] = below(16) ? arena_gfn() : number();
    set_xen_guest_handle(r.extent_start, gfns);
    memory_op(below(2) ? XENMEM_populate_physmap : XENMEM_decrease_reservation, &r);
}

/* shared_info and the grant table, here and there; and away again. */
static void place_pages(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF,
                                     .space = below(2) ? XENMAPSPACE_shared_info : XENMAPSPACE_grant_table,
                                     .idx = below(4) ? 0 : below(6),
                                     .gpfn = below(16) ? arena_gfn() : number()};
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = arena_gfn()};

    if (below(2))
        memory_op(XENMEM_add_to_physmap, &add);
    else
        memory_op(XENMEM_remove_from_physmap, &remove);
}

/* Entries are written wherever the table is to be seen now. */
static void offer_grants(void)
{
    uint64_t gfn = ARENA_GFN;
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = gfn};
    struct grant_entry_v1 *table = (struct grant_entry_v1 *)(gfn << PAGE_SHIFT);

    memory_op(XENMEM_add_to_physmap, &add);
    for (unsigned int i = 0; i < 8; i++) {
        struct grant_entry_v1 *e = &table[below(ARENA_REFS)];
        e->frame = (uint32_t)(below(8) ? arena_gfn() : number());
        e->domid = (domid_t)(below(2) ? 0 : below(4));
        e->flags = (uint16_t)(below(8) ? GTF_permit_access | (below(4) ? 0 : GTF_readonly) : next());
    }
}

static void map_grants(void)
{
    struct gnttab_map_grant_ref m[8];

    for (unsigned int i = 0; i < ARRAY_SIZE(m); i++)
        m[i] = (struct gnttab_map_grant_ref){.host_addr = (below(16) ? arena_gfn() : number()) << PAGE_SHIFT,
                                             .flags = GNTMAP_host_map | (below(2) ? GNTMAP_readonly : 0),
                                             .ref = (grant_ref_t)below(ARENA_REFS),
                                             .dom = (domid_t)below(6)};
    grant_op(GNTTABOP_map_grant_ref, m, 1 + below(ARRAY_SIZE(m)));
    for (unsigned int i = 0; i < ARRAY_SIZE(m); i++)
        if (!m[i].status)
            handles[below(ARRAY_SIZE(handles))] = m[i].handle;
}

static void unmap_grants(void)
{
    struct gnttab_unmap_grant_ref u[8];

    for (unsigned int i = 0; i < ARRAY_SIZE(u); i++)
        u[i] = (struct gnttab_unmap_grant_ref){.host_addr = arena_gfn() << PAGE_SHIFT,
                                               .handle = below(4) ? (grant_handle_t)below(64)
                                                                  : handles[below(ARRAY_SIZE(handles))]};
    grant_op(GNTTABOP_unmap_grant_ref, u, 1 + below(ARRAY_SIZE(u)));
}

static void copy_grants(void)
{
    struct gnttab_copy c[4];

    for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
        c[i] =
            (struct gnttab_copy){.len = (uint16_t)(below(4) ? below(PAGE_SIZE) : next()), .flags = (uint16_t)below(8)};
        c[i].source.u.gmfn = c[i].flags & GNTCOPY_source_gref ? below(ARENA_REFS) : arena_gfn();
        c[i].dest.u.gmfn = c[i].flags & GNTCOPY_dest_gref ? below(ARENA_REFS) : arena_gfn();
        c[i].source.domid = c[i].dest.domid = (domid_t)(below(2) ? DOMID_SELF : below(4));
    }
    grant_op(GNTTABOP_copy, c, 1 + below(ARRAY_SIZE(c)));
}

static void open_ports(void)
{
    unsigned int i = (unsigned int)below(ARRAY_SIZE(ports));
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = (domid_t)(below(2) ? 0 : DOMID_SELF)};
    struct evtchn_bind_ipi ipi = {.vcpu = (uint32_t)below(3)};
    struct evtchn_bind_interdomain inter = {.remote_dom = (domid_t)(below(2) ? 0 : DOMID_SELF),
                                            .remote_port = (evtchn_port_t)below(40)};
    struct evtchn_bind_virq virq = {.virq = (uint32_t)below(24), .vcpu = (uint32_t)below(3)};

    switch (below(4)) {
    case 0:
        if (!evtchn_op(EVTCHNOP_alloc_unbound, &unbound))
            ports[i] = unbound.port;
        break;
    case 1:
        if (!evtchn_op(EVTCHNOP_bind_ipi, &ipi))
            ports[i] = ipi.port;
        break;
    case 2:
        if (!evtchn_op(EVTCHNOP_bind_interdomain, &inter))
            ports[i] = inter.local_port;
        break;
    default: evtchn_op(EVTCHNOP_bind_virq, &virq);
    }
}

static void storm(void)
{
    for (unsigned int i = 0; i < 30; i++) {
        struct evtchn_send send = {.port = below(4) ? ports[below(ARRAY_SIZE(ports))] : (evtchn_port_t)below(64)};
        evtchn_op(EVTCHNOP_send, &send);
        evtchn_op(EVTCHNOP_unmask, &send);
    }
}

static void close_ports(void)
{
    struct evtchn_close c = {.port = (evtchn_port_t)below(40)};
    struct evtchn_bind_vcpu bind = {.port = c.port, .vcpu = (uint32_t)below(3)};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    if (!below(40))
        evtchn_op(EVTCHNOP_reset, &reset);
    evtchn_op(below(2) ? EVTCHNOP_close : EVTCHNOP_bind_vcpu, below(2) ? (void *)&c : (void *)&bind);
}

static void vectors(void)
{
    struct xen_hvm_evtchn_upcall_vector v = {.vcpu = (uint32_t)below(3), .vector = (uint8_t)(below(4) ? 0x40 : next())};
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = 0, .value = 2ul << 56 | (below(4) ? 0x41 : below(256))};

    hvm_op(below(2) ? HVMOP_set_evtchn_upcall_vector : HVMOP_set_param, below(2) ? (void *)&v : (void *)&p);
}

static void timers(void)
{
    uint64_t now = system_time(vcpu_info(self()));
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = below(4) ? now + below(100000) : number()};

    if (below(2))
        hypercall1(__HYPERVISOR_set_timer_op, below(4) ? now + below(100000) : number());
    else
        vcpu_op(VCPUOP_set_singleshot_timer, self(), &t);
}

static void wait_for_ports(void)
{
    evtchn_port_t list[4];
    struct sched_poll p = {.nr_ports = (unsigned int)below(5),
                           .timeout = system_time(vcpu_info(self())) + below(100000)};

    for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
        list[i] = (evtchn_port_t)(below(8) ? below(40) : next());
    set_xen_guest_handle(p.ports, list);
    p.timeout += !p.timeout;
    sched_op(SCHEDOP_poll, &p);
}

static void register_areas(void)
{
    struct vcpu_register_vcpu_info info = {.mfn = arena_gfn(),
                                           .offset = (uint32_t)(below(4) ? 64 * below(60) : number())};
    struct vcpu_register_runstate_memory_area run = {.addr.p = pointer()};
    struct vcpu_register_time_memory_area time = {.addr.p = pointer()};
    uint64_t vcpu = below(3);

    switch (below(3)) {
    case 0: vcpu_op(VCPUOP_register_vcpu_info, vcpu, &info); break;
    case 1: vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, &run); break;
    default: vcpu_op(VCPUOP_register_vcpu_time_memory_area, vcpu, &time);
    }
}

/* The second vCPU is taken down, described anew with registers that may make no sense, and started. */
static void odd_entry(void)
{
    static struct vcpu_hvm_context c;
    uint8_t *bytes = (uint8_t *)&c;

    if (self() || below(40))
        return;
    vcpu_op(VCPUOP_down, 1, NULL);
    for (size_t i = 0; i < sizeof(c); i++)
        if (!below(3))
            bytes[i] = (uint8_t)(below(2) ? next() : 0);
    c.mode = below(2) ? VCPU_HVM_MODE_64B : (uint32_t)below(3);
    c.pad = 0;
    if (c.mode == VCPU_HVM_MODE_64B && below(4)) {
        c.cpu_regs.x86_64.cr0 = 0x80000011 | (below(2) ? 0 : next());
        c.cpu_regs.x86_64.cr4 = 0x20 | (below(2) ? 0 : 1ul << below(22));
        c.cpu_regs.x86_64.efer = 0x500 | (below(2) ? 0 : 1ul << below(16));
        c.cpu_regs.x86_64.cr3 = below(4) ? 0 : number();
        c.cpu_regs.x86_64.rflags = below(2) ? 2 : next() & 0x3fffff;
        c.cpu_regs.x86_64.rip = below(2) ? PTR(code) : number();
    }
    for (unsigned int i = 0; i < 50 && vcpu_op(VCPUOP_initialise, 1, &c) == -XEN_EBUSY; i++)
        sched_op(SCHEDOP_yield, NULL);
    vcpu_op(VCPUOP_up, 1, NULL);
}

static void second(void);

static void restart_second(void)
{
    static const uint32_t signals[] = {0x4500, 0x4600 | AP_START >> 12, 0x4400, 0x4040, 0x4600};

    if (self() || below(3))
        return;
    if (below(4)) {
        lapic_send(2, 0x4500);
        lapic_send(2, 0x4600 | AP_START >> 12);
    } else {
        uint32_t signal = signals[below(ARRAY_SIZE(signals))];
        lapic_send(signal >> 8 == 0x45 ? 2 : (uint32_t)below(4), signal); /* INIT would end the first vCPU */
    }
}

static void read_msr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
}

static void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static void msrs(void)
{
    static const uint32_t from[] = {0,          0x170,      0x200,      0x800,      0x830,     0xd90,
                                    0x40000000, 0xc0000080, 0xc0000100, 0xc0010000, 0xc0010110};
    uint32_t msr = from[below(ARRAY_SIZE(from))] + (uint32_t)below(48);

    if (below(2))
        read_msr(msr);
    else if (msr != 0xc0000080 || !below(50)) /* EFER: seldom survived */
        write_msr(msr, number());
}

static void port_sweep(void)
{
    uint16_t port = (uint16_t)(below(2) ? below(0x1000) : next());
    uint64_t buffer = pointer(), count = below(20);

    switch (below(8)) {
    case 0: inb(port); break;
    case 1: inw(port); break;
    case 2: inl(port); break;
    case 3: outb(port, (uint8_t)next()); break;
    case 4: outl(port, (uint32_t)next()); break;
    case 5: __asm__ volatile("rep insb" : "+D"(buffer), "+c"(count) : "d"(port) : "memory"); break;
    case 6: __asm__ volatile("rep outsl" : "+S"(buffer), "+c"(count) : "d"(port) : "memory"); break;
    default: __asm__ volatile("insw" : "+D"(buffer) : "d"(port) : "memory");
    }
}

/* Two registers seldom: orders to other CPUs are sent elsewhere, and a timer that is never silent leaves no time for
 * anything else. */
static void write_apic(unsigned int reg)
{
    if ((reg == 0x300 && below(8)) || (reg == 0x380 && below(50)))
        return;
    *(volatile uint32_t *)(0xfee00000ul + reg) = (uint32_t)(below(2) ? below(0x400) : next());
}

static void mmio_sweep(void)
{
    uint64_t at = below(2) ? 0xfee00000ul + below(PAGE_SIZE) : 0xc0000000ul + below(1ul << 30);

    switch (below(6)) {
    case 0: (void)*(volatile uint8_t *)at; break;
    case 1: (void)*(volatile uint64_t *)at; break;
    case 2: *(volatile uint16_t *)at = (uint16_t)next(); break;
    case 3: *(volatile uint64_t *)at = next(); break;
    default: write_apic((unsigned int)below(64) * 16);
    }
}

/* What stands in `code` is run with an APIC register as operand; the other vCPU writes there meanwhile. */
static void run_code(void)
{
    uint64_t at = 0xfee00000ul + below(256) * 16 - (below(8) ? 0 : below(16)), from = pointer(), count = below(4);

    __asm__ volatile("call *%3" : "+D"(at), "+S"(from), "+c"(count) : "r"(PTR(code)) : "memory", "rax", "rdx");
}

static void write_code(void)
{
    static const uint8_t moves[][6] = {
        {0x89, 0x07},
        {0x8b, 0x07},
        {0xc7, 0x07, 0x40, 0x00, 0x02, 0x00},
        {0x0f, 0xb6, 0x07},
        {0x48, 0x89, 0x07},
        {0x66, 0x89, 0x07},
        {0xf3, 0xa4},
        {0xf3, 0x48, 0xab},
        {0x87, 0x07},
        {0xf0, 0x01, 0x07},
        {0x48, 0x63, 0x07},
        {0x0f, 0x29, 0x07},
        {0x83, 0x0f, 0x01},
        {0xff, 0x07},
        {0x67, 0x8b, 0x07},
        {0xf0, 0x0f, 0xb1, 0x07},
    };
    volatile uint8_t *to = code;
    /* The first ones are emulated; with the others it ends as often as not. */
    unsigned int i = (unsigned int)(below(16) ? below(6) : below(ARRAY_SIZE(moves)));

    for (unsigned int n = 0; n < 6; n++)
        to[n] = moves[i][n] ? moves[i][n] : 0x90;
    if (!below(16))
        to[below(6)] = (uint8_t)next();
    to[6] = 0xc3;
}

static void odd_instructions(void)
{
    uint64_t value = below(2) ? 1ul << below(64) : number();

    /* CR4: only bits that every CPU has, for with others QEMU ends the guest where a CPU gives #GP. CR8 is
     * left alone: written while a virtual interrupt waits, it makes QEMU abort (tcg_handle_interrupt). */
    switch (below(12)) {
    case 0: cpuid((uint32_t)(below(2) ? below(0x20) : number()), (uint32_t)below(8)); break;
    case 1: __asm__ volatile("mov %%cr4, %%rax; xor %0, %%rax; mov %%rax, %%cr4" : : "r"(value & 0x7df) : "rax"); break;
    case 2:
        __asm__ volatile("mov %%cr0, %%rax; xor %0, %%rax; mov %%rax, %%cr0" : : "r"(value & 0x6001003e) : "rax");
        break;
    case 3:
        __asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; xsetbv" : : "a"((uint32_t)value) : "rcx", "rdx");
        break;
    case 4:
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; cpuid; nop" : : : "rax", "rbx", "rcx", "rdx");
        break;
    case 5: __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(number()), "r"(value & 0xffff03ff)); break;
    case 6: __asm__ volatile(".byte 0xf1"); break;                            /* ICEBP */
    case 7: __asm__ volatile(".byte 0x0f, 0x01, 0xd8" : : "a"(value)); break; /* VMRUN */
    case 8: __asm__ volatile(".byte 0x0f, 0x01, 0xdc"); break;                /* STGI */
    case 9: __asm__ volatile("wbinvd; pause"); break;
    case 10: (void)lapic_read(0x20 + 16 * (uint32_t)below(64)); break;
    default: __asm__ volatile("int3; ud2");
    }
}

static void act(void)
{
    static void (*const acts[])(void) = {
        change_tables,  change_tables, junk_call,      junk_call,    junk_call,      reservation,
        reservation,    place_pages,   offer_grants,   offer_grants, map_grants,     map_grants,
        unmap_grants,   copy_grants,   open_ports,     storm,        close_ports,    vectors,
        wait_for_ports, timers,        register_areas, odd_entry,    restart_second, msrs,
        port_sweep,     mmio_sweep,    run_code,       run_code,     write_code,     odd_instructions,
    };

    acts[below(ARRAY_SIZE(acts))]();
}

/* Whatever went wrong, on to the next thing. */
static void on_exception(struct trap_frame *f)
{
    __builtin_longjmp(jumps[self()], 1);
}

static void on_debug(struct trap_frame *f)
{
    f->rflags &= ~0x100ul;
}

/* An upcall comes again as long as its flag stands, and the page it stands in may be anywhere by now: then no more of
 * them, or nothing else would ever happen. */
static void on_interrupt(struct trap_frame *f)
{
    struct xen_hvm_param none = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = 1};

    vcpu_info(self())->evtchn_upcall_pending = 0;
    if (++in_a_row[self()] > 8)
        hvm_op(HVMOP_set_param, &none);
    if (f->vector != 2)
        lapic_eoi();
}

[[noreturn]] static void invent(void)
{
    for (;;) {
        if (!__builtin_setjmp(jumps[self()])) {
            irq_on();
            in_a_row[self()] = 0;
            act();
        }
    }
}

static void second(void)
{
    lapic_enable();
    invent();
}

void inventor_main(uint64_t seed)
{
    states[0] = random_start(seed * 2);
    states[1] = random_start(seed * 2 + 1);
    for (unsigned int v = 0; v < 256; v++)
        on_trap(v, v == 1 ? on_debug : v == 2 || v >= 32 ? on_interrupt : on_exception);
    for (unsigned int i = 0; i < PAGES; i++)
        map_test_page(i, (ARENA_GFN + i) << PAGE_SHIFT, PAGE_PRESENT | PAGE_WRITE);
    shared_info_map();
    write_code();
    lapic_enable();
    lapic_write(0x3e0, 0xb);
    lapic_write(0x320, 0x20000 | 0x40); /* something that wakes us, again and again */
    lapic_write(0x380, 100 * 1000);
    cpu_start(1, second);
    invent();
}
