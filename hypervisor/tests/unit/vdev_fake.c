/* vdev_fake.c - see vdev_fake.h */
#include "vdev_fake.h"
#include "../../vcpu/host.h"
#include <hv/emulate.h>
#include <hv/guestcopy.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/serial.h>
#include <hv/timer.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;
struct machine machine;
struct host_features host;
struct domain *dom0;

static struct timer *timers[16];

/* ---- set-up ---- */

static struct {
    uint32_t leaf, subleaf, r[4];
} cpuid_leaf[64];
static unsigned int cpuid_leaves;

void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    unsigned int i = 0;

    while (i < cpuid_leaves && (cpuid_leaf[i].leaf != leaf || cpuid_leaf[i].subleaf != subleaf))
        i++;
    if (i == cpuid_leaves)
        cpuid_leaves++;
    cpuid_leaf[i].leaf = leaf;
    cpuid_leaf[i].subleaf = subleaf;
    memcpy(cpuid_leaf[i].r, (uint32_t[]){a, b, c, d}, 16);
}

static void cpuid_amd(void)
{
    cpuid_leaves = 0;
    fake_cpuid_set(0, 0xffffffff, 0x10, 0x68747541, 0x444d4163, 0x69746e65);
    fake_cpuid_set(1, 0xffffffff, 0x00800f12, 0xff08ffff, 0xffffffff, 0xffffffff);
    fake_cpuid_set(7, 0, 5, 0xffffffff, 0xffffffff, 0xffffffff);
    fake_cpuid_set(7, 1, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff);
    fake_cpuid_set(0xd, 0, 0x7, 0x340, 0x340, 0);
    fake_cpuid_set(0xd, 1, 0xffffffff, 0x340, 0x1800, 0xff);
    fake_cpuid_set(0xd, 2, 0x100, 0x240, 0, 0);
    fake_cpuid_set(0xd, 5, 0x40, 0x440, 0, 0);
    fake_cpuid_set(0xd, 6, 0x200, 0x480, 0, 0);
    fake_cpuid_set(0xd, 7, 0x400, 0x680, 0, 0);
    fake_cpuid_set(0xd, 9, 8, 0xa80, 0, 0);
    fake_cpuid_set(0x80000000, 0xffffffff, 0x80000023, 0x68747541, 0x444d4163, 0x69746e65);
    fake_cpuid_set(0x80000001, 0xffffffff, 0x00800f12, 0x40000000, 0xffffffff, 0xffffffff);
    fake_cpuid_set(0x80000007, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff);
    fake_cpuid_set(0x80000008, 0xffffffff, 0x00003930, 0xffffffff, 0xffffffff, 0xffffffff);
    fake_cpuid_set(0x8000000a, 0xffffffff, 1, 16, 0, 0xff);
    fake_cpuid_set(0x8000001d, 0, 0x00004121, 0x01c0003f, 63, 0);
    fake_cpuid_set(0x8000001d, 3, 0x0001c163, 0x03c0003f, 0x1fff, 1);
    fake_cpuid_set(0x8000001e, 0xffffffff, 0x15, 0x0105, 3, 0);
    fake_cpuid_set(0x8000001f, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff);
    host =
        (struct host_features){.xsave = true, .is_amd = true, .phys_bits = 48, .xcr0_mask = 7, .invariant_tsc = true};
}

void fake_cpuid_intel(void)
{
    cpuid_amd();
    fake_cpuid_set(0, 0xffffffff, 0x20, 0x756e6547, 0x6c65746e, 0x49656e69);
    fake_cpuid_set(4, 0, 0xfc004121, 0x01c0003f, 0x3f, 0);
    fake_cpuid_set(4, 3, 0xfc03c163, 0x03c0003f, 0x1fff, 6);
    fake_cpuid_set(0x80000000, 0xffffffff, 0x80000008, 0, 0, 0);
    host.is_amd = false;
    host.xcr0_mask = 0xe7;
}

void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    for (unsigned int i = 0; i < cpuid_leaves; i++) {
        if (cpuid_leaf[i].leaf == leaf && (cpuid_leaf[i].subleaf == subleaf || cpuid_leaf[i].subleaf == 0xffffffff)) {
            memcpy(out, cpuid_leaf[i].r, 16);
            return;
        }
    }
    memset(out, 0, 16);
}

void fake_mode(unsigned int mode)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;

    r->cr0 = mode == 2 ? 0 : 0x80000001;
    r->efer = mode == 8 ? 0x500 : 0;
    for (unsigned int i = 0; i < NR_SEGS; i++)
        r->seg[i] = (struct segment){.attr = mode == 2 ? 0x93 : 0xc93, .limit = mode == 2 ? 0xffff : 0xffffffff};
    r->seg[SEG_CS].attr = mode == 2 ? 0x9b : mode == 4 ? 0xc9b : 0xa9b;
}

void fake_setup(bool control)
{
    memset(&fake, 0, sizeof(fake));
    memset(&machine, 0, sizeof(machine));
    memset(timers, 0, sizeof(timers));
    memset(&dom0_sleep, 0, sizeof(dom0_sleep));
    cpuid_amd();
    fake.d.id = control ? 0 : 7;
    fake.d.is_control = control;
    fake.d.max_vcpus = FAKE_VCPUS;
    fake.exception = fake.shutdown = -1;
    fake.now = 1000000000;
    fake.d.vpci = (struct vpci *)&fake; /* only asked whether it is there */
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
        fake.v[i].id = i;
        fake.v[i].domain = &fake.d;
        fake.v[i].info = &fake.info[i];
        fake.v[i].private = &fake.private[i];
        fake.v[i].private->regs.available = REGS_CONTROL | REGS_SEGMENTS;
        fake.d.vcpus[i] = &fake.v[i];
        if (vlapic_create(&fake.v[i]))
            abort();
    }
    fake_mode(8);
}

void fake_teardown(void)
{
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        vlapic_destroy(&fake.v[i]);
}

/* ---- memory ---- */

void *heap_alloc(size_t bytes)
{
    if (fake.fail_allocations && fake.fail_allocations-- == 1)
        return NULL;
    fake.live_allocations++;
    return calloc(1, bytes);
}
void heap_free(void *object, size_t bytes)
{
    if (object)
        fake.live_allocations--;
    free(object);
}
void *heap_page_alloc(void)
{
    return heap_alloc(4096);
}
void heap_page_free(void *page)
{
    heap_free(page, 4096);
}

void fake_map(uint64_t linear, uint64_t gpa, bool present, bool writable)
{
    unsigned int i = fake.maps++;

    fake.map[i].linear = linear & ~PAGE_MASK;
    fake.map[i].gpa = gpa & ~PAGE_MASK;
    fake.map[i].present = present;
    fake.map[i].writable = writable;
}

int guest_translate(struct vcpu *v, guest_ptr_t va, bool write, gpa_t *out)
{
    for (unsigned int i = 0; i < fake.maps; i++) {
        if (fake.map[i].linear != (va.v & ~PAGE_MASK))
            continue;
        if (!fake.map[i].present || (write && !fake.map[i].writable))
            return -XEN_EFAULT;
        *out = GPA(fake.map[i].gpa | (va.v & PAGE_MASK));
        return 0;
    }
    *out = GPA(va.v);
    return 0;
}

int copy_from_gpa(struct domain *d, void *dst, gpa_t src, size_t bytes)
{
    if (src.v >= FAKE_RAM_BYTES || bytes > FAKE_RAM_BYTES - src.v)
        return -XEN_EFAULT;
    memcpy(dst, fake.ram + src.v, bytes);
    return 0;
}

int copy_to_gpa(struct domain *d, gpa_t dst, const void *src, size_t bytes)
{
    if (dst.v >= FAKE_RAM_BYTES || bytes > FAKE_RAM_BYTES - dst.v)
        return -XEN_EFAULT;
    memcpy(fake.ram + dst.v, src, bytes);
    return 0;
}

int copy_from_guest(struct vcpu *v, void *dst, guest_ptr_t src, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        gpa_t at;
        if (guest_translate(v, guest_ptr_add(src, i), false, &at) ||
            copy_from_gpa(v->domain, (uint8_t *)dst + i, at, 1))
            return -XEN_EFAULT;
    }
    return 0;
}

int copy_to_guest(struct vcpu *v, guest_ptr_t dst, const void *src, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        gpa_t at;
        if (guest_translate(v, guest_ptr_add(dst, i), true, &at) ||
            copy_to_gpa(v->domain, at, (const uint8_t *)src + i, 1))
            return -XEN_EFAULT;
    }
    return 0;
}

size_t guest_fetch(struct vcpu *v, uint64_t linear, void *dst, size_t bytes)
{
    size_t n = 0;

    while (n < bytes && copy_from_guest(v, (uint8_t *)dst + n, GUEST_PTR(linear + n), 1) == 0)
        n++;
    return n;
}

/* ---- vCPU ---- */

void vcpu_fetch(struct vcpu *v, enum reg_group group)
{
}
unsigned int vcpu_cpl(struct vcpu *v)
{
    return fake.cpl;
}
void vcpu_skip(struct vcpu *v, unsigned int bytes)
{
    fake.skipped += bytes;
    v->private->regs.rip += bytes;
}
void vcpu_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
{
    fake.exception = (int)vector;
    fake.error = error;
}
void vcpu_kick(struct vcpu *v)
{
    fake.kicks[v->id]++;
}
void vcpu_nmi_signal(struct vcpu *v)
{
    fake.nmis[v->id]++;
}
void vcpu_init_signal(struct vcpu *v)
{
    fake.inits[v->id]++;
}
void vcpu_startup_signal(struct vcpu *v, uint8_t vector)
{
    fake.startups[v->id]++;
    fake.startup_vector = vector;
}
void vcpu_set_pat(struct vcpu *v, uint64_t pat)
{
    fake.pat = pat;
}

/* ---- domain ---- */

void domain_shutdown(struct domain *d, int reason)
{
    fake.shutdown = reason;
}
void domain_kill(struct domain *d, const char *fmt, ...)
{
    va_list ap;

    fake.killed = true;
    va_start(ap, fmt);
    vsnprintf(fake.kill_text, sizeof(fake.kill_text), fmt, ap);
    va_end(ap);
}
void hypercall_page_fill(uint8_t page[4096], bool amd)
{
    memset(page, amd ? 0xd9 : 0xc1, 4096);
}

/* ---- time ---- */

uint64_t time_now(void)
{
    return fake.now;
}
uint64_t tsc_now(void)
{
    return fake.now * 2;
}
uint64_t tsc_khz(void)
{
    return 2000000;
}
void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    t->fire = fire;
    for (unsigned int i = 0; i < ARRAY_SIZE(timers); i++) {
        if (timers[i])
            continue;
        timers[i] = t;
        return;
    }
    abort();
}
void timer_set(struct timer *t, uint64_t deadline_ns)
{
    t->deadline = deadline_ns;
}
void timer_stop(struct timer *t)
{
    t->deadline = 0;
}
void fake_advance(uint64_t ns)
{
    uint64_t end = fake.now + ns;

    for (;;) {
        struct timer *next = NULL;
        for (unsigned int i = 0; i < ARRAY_SIZE(timers); i++)
            if (timers[i] && timers[i]->deadline && timers[i]->deadline <= end &&
                (!next || timers[i]->deadline < next->deadline))
                next = timers[i];
        if (!next)
            break;
        fake.now = MAX(fake.now, next->deadline);
        next->deadline = 0;
        next->fire(next);
    }
    fake.now = end;
}

/* ---- devices and the machine ---- */

bool vpci_covers(struct domain *d, gpa_t gpa)
{
    return (gpa.v & ~PAGE_MASK) == FAKE_DEVICE;
}
uint64_t vpci_mmio_read(struct vcpu *v, gpa_t gpa, unsigned int bytes)
{
    uint64_t value = 0;

    if ((gpa.v & PAGE_MASK) + bytes > PAGE_SIZE)
        abort(); /* the emulator must split accesses */
    memcpy(&value, fake.device + (gpa.v & PAGE_MASK), bytes);
    return value;
}
void vpci_mmio_write(struct vcpu *v, gpa_t gpa, unsigned int bytes, uint64_t value)
{
    if ((gpa.v & PAGE_MASK) + bytes > PAGE_SIZE)
        abort();
    memcpy(fake.device + (gpa.v & PAGE_MASK), &value, bytes);
}
uint32_t vpci_port_read(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    return 0xc0000000u | (uint32_t)bytes << 16 | port;
}
void vpci_port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    fake.device[0] = (uint8_t)bytes;
    memcpy(fake.device + 4, &value, 4);
}
void host_gsi_bind(struct domain *d, uint32_t gsi, bool level, bool active_low)
{
    fake.gsi[gsi].binds++;
    fake.gsi[gsi].level = level;
    fake.gsi[gsi].active_low = active_low;
}
void host_gsi_mask(struct domain *d, uint32_t gsi)
{
    fake.gsi[gsi].masks++;
}
void host_gsi_eoi(struct domain *d, uint32_t gsi)
{
    fake.gsi[gsi].eois++;
}
uint64_t host_msr_read(uint32_t msr)
{
    switch (msr) {
    case 0xfe: return 0x508;
    case 0x2ff: return 0xc06;
    case 0x200: return 0xc0000000;
    case 0x201: return 0xffffc0000800;
    default: return 0;
    }
}
void host_msr_write(uint32_t msr, uint64_t value)
{
    fake.host_msr_written[0] = msr;
    fake.host_msr_written[1] = value;
}
static void log_port(uint16_t port, unsigned int bytes, bool write, uint32_t value)
{
    if (fake.port_count < ARRAY_SIZE(fake.ports))
        fake.ports[fake.port_count++] = (struct fake_port_log){port, (uint8_t)bytes, write, value};
}
uint32_t host_port_read(uint16_t port, unsigned int bytes)
{
    log_port(port, bytes, false, 0);
    return fake.port_value;
}
void host_port_write(uint16_t port, unsigned int bytes, uint32_t value)
{
    log_port(port, bytes, true, value);
}
bool console_uses_port(uint16_t port)
{
    return fake.console_port && port >= fake.console_port && port < fake.console_port + 8;
}
void console_write(struct domain *from, const char *buf, size_t bytes)
{
    size_t used = strlen(fake.console), n = MIN(bytes, sizeof(fake.console) - 1 - used);

    memcpy(fake.console + used, buf, n);
    fake.console_from = from->id;
}
