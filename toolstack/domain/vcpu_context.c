/* vcpu_context.c - the first vCPU's registers at the PVH entry point, as HVM save records */
#include "toolstack/domain/vcpu_context.h"

#include <string.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>

/* VMX-style access bytes of the segments that the PVH entry asks for. */
enum { AR_CODE32 = 0xc9b, AR_DATA32 = 0xc93, AR_TSS32_BUSY = 0x8b, AR_UNUSABLE_LDT = 0x82 };
enum { MTRR_ENABLED_WRITE_BACK = 0x806 };

static uint8_t *append(uint8_t *at, uint16_t type, uint16_t instance, const void *body, size_t length)
{
    struct hvm_save_descriptor d = {.typecode = type, .instance = instance, .length = (uint32_t)length};

    memcpy(at, &d, sizeof(d));
    if (length)
        memcpy(at + sizeof(d), body, length);
    return at + sizeof(d) + length;
}

static uint8_t *append_header(uint8_t *at)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};

    return append(at, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
}

size_t vcpu_context_build(uint8_t *out, uint32_t entry, uint32_t start_info)
{
    struct hvm_hw_cpu cpu = {0};

    cpu.rip = entry;
    cpu.rbx = start_info;
    cpu.rflags = 2;
    cpu.cr0 = 0x11; /* PE and ET */
    cpu.dr6 = 0xffff0ff0;
    cpu.dr7 = 0x400;
    cpu.cs_limit = cpu.ds_limit = cpu.es_limit = cpu.fs_limit = cpu.gs_limit = cpu.ss_limit = 0xffffffff;
    cpu.cs_arbytes = AR_CODE32;
    cpu.ds_arbytes = cpu.es_arbytes = cpu.fs_arbytes = cpu.gs_arbytes = cpu.ss_arbytes = AR_DATA32;
    cpu.tr_limit = 0x67;
    cpu.tr_arbytes = AR_TSS32_BUSY;
    cpu.ldtr_arbytes = AR_UNUSABLE_LDT;
    cpu.ldtr_limit = 0xffff;

    uint8_t *at = append_header(out);
    at = append(at, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    at = append(at, HVM_SAVE_CODE(END), 0, nullptr, 0);
    return (size_t)(at - out);
}

/* The record of that type and instance inside saved records; nullptr if there is none of the right size. */
static const void *find(const uint8_t *saved, size_t size, uint16_t type, uint16_t instance, size_t length)
{
    size_t at = 0;

    while (size - at >= sizeof(struct hvm_save_descriptor)) {
        struct hvm_save_descriptor d;
        memcpy(&d, saved + at, sizeof(d));
        at += sizeof(d);
        if (d.length > size - at)
            return nullptr;
        if (d.typecode == type && d.instance == instance)
            return d.length == length ? saved + at : nullptr;
        at += d.length;
    }
    return nullptr;
}

size_t vcpu_context_mtrr(uint8_t *out, const uint8_t *saved, size_t size, unsigned vcpu)
{
    struct hvm_hw_mtrr mtrr;
    const void *record = find(saved, size, HVM_SAVE_CODE(MTRR), (uint16_t)vcpu, sizeof(mtrr));

    if (!record)
        return 0;
    memcpy(&mtrr, record, sizeof(mtrr));
    mtrr.msr_mtrr_def_type = MTRR_ENABLED_WRITE_BACK;

    uint8_t *at = append_header(out);
    at = append(at, HVM_SAVE_CODE(MTRR), (uint16_t)vcpu, &mtrr, sizeof(mtrr));
    at = append(at, HVM_SAVE_CODE(END), 0, nullptr, 0);
    return (size_t)(at - out);
}
