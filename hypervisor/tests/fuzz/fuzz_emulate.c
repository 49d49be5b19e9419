/*
 * fuzz_emulate.c - fuzz target: any registers, segments and code behind a fault on device memory.
 * Whatever comes: the guest goes on behind the instruction, gets an exception, faults again or dies; a process changes
 * no RAM.
 */
#include <stdlib.h>
#include <string.h>
#include "../unit/vdev_fake.h"
#include <hv/emulate.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

struct script {
    uint8_t mode, flags, pages;
    uint8_t code[15];
    uint32_t fault_offset;
    uint16_t small[8];
    uint64_t gpr[16];
    uint64_t segment_base[6];
    uint32_t segment_limit[6];
    uint16_t segment_attr[6];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const unsigned int modes[] = {2, 4, 8, 8};
    static const uint64_t pages[] = {FAKE_DEVICE, 0xfee00000, 0xfec00000, FAKE_UNCLAIMED};
    static uint8_t before[FAKE_RAM_BYTES];
    struct script s = {0};
    struct vcpu *v = &fake.v[0];

    memcpy(&s, data, MIN(bytes, sizeof(s)));
    fake_setup(s.flags & 1);
    require(vioapic_create(&fake.d) == 0 && vioapic_add(&fake.d, 1, 0xfec00000, 0, 24) == 0);
    if (s.flags & 2)
        require(vlapic_set_base(v, 0xfee00000) == 0 && vlapic_set_base(v, 0xfee00800) == 0);
    fake_mode(modes[s.mode & 3]);
    fake.cpl = s.flags & 4 ? 3 : 0;
    for (unsigned int i = 0; i < 6; i++) {
        if (!(s.flags & 8))
            break;
        v->private->regs.seg[i].base = s.segment_base[i];
        v->private->regs.seg[i].limit = s.segment_limit[i];
        if (i != SEG_CS)
            v->private->regs.seg[i].attr = s.segment_attr[i];
    }
    uint64_t page = pages[s.pages & 3];
    for (unsigned int i = 0; i < 16; i++) /* half of the registers point near the page, so that some operands hit it */
        v->private->regs.gpr[i] = i & 1 ? s.gpr[i] : page + (s.small[i / 2] & 0x1fff) - 0x800;
    v->private->regs.seg[SEG_CS].base = 0;
    v->private->regs.seg[SEG_CS].limit = 0xffffffff;
    v->private->regs.rip = 0x1000;
    v->private->regs.rflags = 2 | (s.flags & 16 ? 0x400 : 0);
    memcpy(fake.ram + 0x1000, s.code, sizeof(s.code));
    if (s.flags & 32)
        fake_map(page + 0x1000, 0x8000, true, s.flags & 64);
    memcpy(before, fake.ram, sizeof(before));

    mmio_emulate(v, GPA(page + s.fault_offset % 4096), s.flags & 128);

    require(fake.skipped <= 15);
    require(v->private->regs.rip == 0x1000 + fake.skipped);
    require(!(fake.killed && fake.skipped));
    require(!(fake.exception >= 0 && fake.skipped));
    require(fake.cpl == 0 || !memcmp(before, fake.ram, sizeof(before)));
    require(fake.cpl == 0 || !fake.killed);
    vioapic_destroy(&fake.d);
    fake_teardown();
    require(fake.live_allocations == 0);
    return 0;
}
