/*
 * fuzz_apic.c - fuzz target: any sequence of register accesses and interrupts on the local APICs and I/O APICs.
 * After each step what may be injected is above the priority of what runs, and nothing below vector 16 ever comes.
 */
#include <stdlib.h>
#include <string.h>
#include "../unit/vdev_fake.h"
#include <hv/vioapic.h>
#include <hv/vlapic.h>

/* What the CPU does with a vector that is offered to it. */
static void deliver(struct vcpu *v, uint8_t vector)
{
    vlapic_hand_over(v, vector);
    vlapic_in_service(v, vector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

struct step {
    uint8_t what, cpu;
    uint16_t where;
    uint64_t value;
};

static uint64_t ppr(struct vcpu *v)
{
    uint64_t value = 0;

    if (vlapic_in_xapic_mode(v))
        return vlapic_mmio_read(v, 0xa0);
    return vlapic_msr_read(v, 0x80a, &value) ? 0 : value;
}

static void perform(const struct step *s)
{
    struct vcpu *v = &fake.v[s->cpu % FAKE_VCPUS];
    uint64_t value, unit = s->cpu & 0x80 ? 0xfec00000 : 0xfec10000;
    int vector;

    switch (s->what % 16) {
    case 0: (void)!vlapic_msr_write(v, 0x800 + s->where % 0x50, s->value); break;
    case 1: (void)!vlapic_msr_write(v, 0x800 + s->where % 0x50, s->value & 0x2ff); break;
    case 2: (void)!vlapic_msr_read(v, 0x800 + s->where % 0x50, &value); break;
    case 3: vlapic_mmio_write(v, s->where & 0xff0, (uint32_t)s->value); break;
    case 4: (void)vlapic_mmio_read(v, s->where & 0xfff); break;
    case 5: (void)!vlapic_set_base(v, 0xfee00000 | (s->value & 0xd00)); break;
    case 6: vlapic_set_irq(v, (uint8_t)s->value, s->where & 1); break;
    case 7:
    case 8:
        vector = vlapic_pending(v);
        if (vector >= 0) {
            deliver(v, (uint8_t)vector);
            require(vlapic_pending(v) < 0 ||
                    (vlapic_pending(v) & 0xf0) > (vector & 0xf0)); /* only what came in meanwhile could be */
        }
        break;
    case 9: vlapic_deliver_msi(&fake.d, 0xfee00000 | (s->value & 0xff00f), (uint32_t)(s->value >> 32)); break;
    case 10: fake_advance(s->value % 1000000); break;
    case 11: vioapic_write(&fake.d, GPA(unit + (s->where & 0x70)), (uint32_t)s->value); break;
    case 12:
        vioapic_write(&fake.d, GPA(unit), (uint32_t)s->where & 0x3f);
        vioapic_write(&fake.d, GPA(unit + 0x10), (uint32_t)s->value);
        break;
    case 13: (void)vioapic_read(&fake.d, GPA(unit + (s->where & 0xfff))); break;
    case 14: vioapic_set_gsi(&fake.d, s->where % 64, s->value & 1); break;
    case 15: s->value & 1 ? vlapic_reset(v) : vlapic_set_tpr(v, (uint8_t)s->value); break;
    }
}

static void check(void)
{
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
        struct vcpu *v = &fake.v[i];
        int vector = vlapic_pending(v);
        require(vector == -1 || (vector >= 16 && vector <= 255));
        if (vector >= 0)
            require((uint64_t)(vector & 0xf0) > (ppr(v) & 0xf0));
        require((vlapic_base(v) & ~0xd00ul) == 0xfee00000);
        require((vlapic_base(v) & 0xc00) != 0x400);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct step s;

    fake_setup(bytes & 1);
    require(vioapic_create(&fake.d) == 0 && vioapic_add(&fake.d, 1, 0xfec00000, 0, 24) == 0 &&
            vioapic_add(&fake.d, 2, 0xfec10000, 24, 32) == 0);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++)
        require(vlapic_msr_write(&fake.v[i], 0x80f, 0x1ff) == 0);
    for (size_t n = 0; n < 64 && bytes >= sizeof(s); n++, data += sizeof(s), bytes -= sizeof(s)) {
        memcpy(&s, data, sizeof(s));
        perform(&s);
        check();
    }
    vioapic_destroy(&fake.d);
    fake_teardown();
    require(fake.live_allocations == 0);
    return 0;
}
