/*
 * test_emulate.c - the emulator: every instruction form against the processor that runs the test, and the rules that
 * keep a guest from using it for what it may not do.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../../vcpu/decode.h"
#include "vdev_fake.h"
#include <hv/emulate.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>

#define CODE 0x1000ul /* in fake RAM */

static int setup(void **state)
{
    fake_setup(true);
    fake.v[0].private->regs.rip = CODE;
    fake.v[0].private->regs.rflags = 2;
    return 0;
}
static int teardown(void **state)
{
    fake_teardown();
    return 0;
}

/* ---- the oracle: run one instruction on this processor ---- */

struct native {
    uint64_t gpr[16]; /* RSP is left alone */
    uint64_t rflags;
};
struct native native_in, native_out;
uint64_t native_rsp;
void *native_code;
void native_run(void);
void native_return(void);

__asm__(".text\n"
        ".globl native_run\n"
        "native_run:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; pushfq\n"
        "mov %rsp, native_rsp(%rip)\n"
        "pushq native_in+128(%rip); popfq\n"
        "mov native_in(%rip), %rax; mov native_in+8(%rip), %rcx; mov native_in+16(%rip), %rdx; mov native_in+24(%rip), "
        "%rbx\n"
        "mov native_in+40(%rip), %rbp; mov native_in+48(%rip), %rsi; mov native_in+56(%rip), %rdi\n"
        "mov native_in+64(%rip), %r8; mov native_in+72(%rip), %r9; mov native_in+80(%rip), %r10; mov "
        "native_in+88(%rip), %r11\n"
        "mov native_in+96(%rip), %r12; mov native_in+104(%rip), %r13; mov native_in+112(%rip), %r14; mov "
        "native_in+120(%rip), %r15\n"
        "jmp *native_code(%rip)\n"
        ".globl native_return\n"
        "native_return:\n"
        "mov %rax, native_out(%rip); mov %rcx, native_out+8(%rip); mov %rdx, native_out+16(%rip); mov %rbx, "
        "native_out+24(%rip)\n"
        "mov %rbp, native_out+40(%rip); mov %rsi, native_out+48(%rip); mov %rdi, native_out+56(%rip)\n"
        "mov %r8, native_out+64(%rip); mov %r9, native_out+72(%rip); mov %r10, native_out+80(%rip); mov %r11, "
        "native_out+88(%rip)\n"
        "mov %r12, native_out+96(%rip); mov %r13, native_out+104(%rip); mov %r14, native_out+112(%rip); mov %r15, "
        "native_out+120(%rip)\n"
        "mov native_rsp(%rip), %rsp; pushfq; popq native_out+128(%rip)\n"
        "popfq; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");

static uint64_t seed = 88172645463325252ul;
static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}
static bool one_in(unsigned int n)
{
    return random64() % n == 0;
}

/* Random prefixes, one of the opcodes, random ModRM, SIB, displacement and immediate. */
static void random_instruction(uint8_t *b)
{
    static const uint8_t one[] = {0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
                                  0x8b, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff, 0xa4, 0xa5, 0xaa, 0xab};
    static const uint8_t two[] = {0xa3, 0xab, 0xb3, 0xbb, 0xba, 0xb6, 0xb7, 0xbe, 0xbf, 0xc3};

    for (unsigned int i = 0; i < 32; i++)
        b[i] = (uint8_t)random64();
    if (one_in(4))
        *b++ = 0x66;
    if (one_in(6))
        *b++ = 0x67;
    if (one_in(8))
        *b++ = 0xf0;
    if (one_in(8))
        *b++ = one_in(2) ? 0xf3 : 0xf2;
    if (!one_in(3))
        *b++ = (uint8_t)(0x40 | (random64() & 15));
    if (one_in(4)) {
        *b++ = 0x0f;
        *b++ = two[random64() % sizeof(two)];
    } else if (one_in(2)) {
        *b++ = (uint8_t)((random64() & 7) << 3 | (random64() & 3));
    } else {
        *b++ = one[random64() % sizeof(one)];
    }
}

/* Registers such that the operand lies in the page at `page`; false: the instruction cannot be used here. */
static bool aim(const struct insn *i, uint64_t page, struct native *r)
{
    uint64_t target = page + 1024 + random64() % 2048, address_mask = i->address_bytes == 8 ? ~0ul : 0xfffffffful, base;

    for (unsigned int n = 0; n < 16; n++)
        r->gpr[n] = one_in(3) ? random64() >> (random64() & 63) : random64();
    r->rflags = 0x202 | (random64() & 0x8d5);
    if (i->op == OP_STOS || i->op == OP_MOVS) {
        uint64_t garbage = i->address_bytes == 8 ? 0 : random64() << 32;
        r->rflags |= one_in(2) ? 0x400 : 0;
        r->gpr[RDI] = target | garbage;
        r->gpr[RSI] = (page + 1024 + random64() % 2048) | garbage;
        r->gpr[RCX] = (random64() & 7) | garbage;
        return true;
    }
    if (i->segment != SEG_DS || i->rip_relative || i->base == INSN_NO_REG || i->base == RSP || i->base == i->index)
        return false;
    if (i->dst == OPERAND_REG || i->src == OPERAND_REG) {
        if (i->reg == RSP)
            return false;
        if (i->op >= OP_BT && i->op <= OP_BTC) {
            if (i->reg == i->base || i->reg == i->index)
                return false;
            r->gpr[i->reg] = (random64() & 0x3ff) - 0x200;
        }
    }
    base = target - (uint64_t)i->displacement - (i->index == INSN_NO_REG ? 0 : r->gpr[i->index] * i->scale);
    r->gpr[i->base] = (r->gpr[i->base] & ~address_mask) | (base & address_mask);
    return true;
}

static uint64_t defined_flags(const struct insn *i)
{
    if (i->op >= OP_BT && i->op <= OP_BTC)
        return 0x41;
    if (i->op == OP_OR || i->op == OP_AND || i->op == OP_XOR || i->op == OP_TEST)
        return 0x8c5;
    return 0x8d5;
}

static void compare(const struct insn *i, const uint8_t *bytes, const uint8_t *memory)
{
    const struct vcpu_regs *r = &fake.v[0].private->regs;
    char text[64] = "";
    bool same = true;

    for (unsigned int n = 0; n < 16; n++)
        same &= n == RSP || r->gpr[n] == native_out.gpr[n];
    same &= !((r->rflags ^ native_out.rflags) & defined_flags(i));
    same &= !memcmp(fake.device, memory, 4096) && fake.skipped == i->length && fake.exception == -1 && !fake.killed;
    if (same)
        return;
    for (unsigned int n = 0; n < i->length; n++)
        snprintf(text + 2 * n, 3, "%02x", bytes[n]);
    for (unsigned int n = 0; n < 16; n++)
        if (r->gpr[n] != native_out.gpr[n])
            print_message("r%u was %lx, is %lx, should be %lx\n", n, native_in.gpr[n], r->gpr[n], native_out.gpr[n]);
    for (unsigned int n = 0; n < 4096; n++)
        if (fake.device[n] != memory[n])
            print_message("byte %x is %x, should be %x\n", n, fake.device[n], memory[n]);
    fail_msg("%s: flags %lx, should be %lx; skipped %u, exception %d, killed: %s", text, r->rflags, native_out.rflags,
             fake.skipped, fake.exception, fake.kill_text);
}

static void all_forms_do_what_the_processor_does(void **state)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    unsigned int done = 0, seen[OP_MOVS + 1] = {0};
    struct vcpu *v = &fake.v[0];
    void (*back)(void) = native_return;

    assert_true(code != MAP_FAILED && page != MAP_FAILED);
    native_code = code;
    fake_map((uint64_t)page, FAKE_DEVICE, true, true);
    while (done < 60000) {
        uint8_t bytes[40];
        struct insn insn;

        random_instruction(bytes);
        if (!insn_decode(bytes, 15, CPU_64, &insn) || !aim(&insn, (uint64_t)page, &native_in))
            continue;
        for (unsigned int n = 0; n < 4096; n++)
            page[n] = fake.device[n] = (uint8_t)random64();
        memcpy(fake.ram + CODE, bytes, 15);
        memcpy(v->private->regs.gpr, native_in.gpr, sizeof(native_in.gpr));
        v->private->regs.rflags = native_in.rflags;
        v->private->regs.rip = CODE;
        fake.skipped = 0;
        memcpy(code, bytes, insn.length);
        memcpy(code + insn.length, "\xff\x25\0\0\0\0", 6); /* jmp *0(%rip) */
        memcpy(code + insn.length + 6, &back, 8);
        native_run();
        for (unsigned int n = 0; n < 10 && !fake.skipped; n++)
            mmio_emulate(v, GPA(FAKE_DEVICE), true);
        compare(&insn, bytes, page);
        seen[insn.op]++;
        done++;
    }
    for (unsigned int op = 0; op <= OP_MOVS; op++)
        assert_true(seen[op] > 100);
}

/* ---- modes, segments, pages ---- */

static void run(const void *code, size_t n, uint64_t gpa, bool write)
{
    memcpy(fake.ram + CODE, code, n);
    mmio_emulate(&fake.v[0], GPA(gpa), write);
}
#define RUN(code, gpa, write) run(code, sizeof(code) - 1, gpa, write)

static void rip_relative_counts_from_the_next_instruction(void **state)
{
    fake.device[0x20] = 0x5a;
    fake_map(0x2000, FAKE_DEVICE, true, true);
    RUN("\x8a\x05\x1a\x10\x00\x00", FAKE_DEVICE + 0x20, false); /* mov 0x101a(%rip),%al */
    assert_int_equal(fake.v[0].private->regs.gpr[RAX], 0x5a);
    assert_int_equal(fake.skipped, 6);
}

static void operands_may_straddle_pages(void **state)
{
    uint64_t linear = 0x700000;
    fake_map(linear, FAKE_DEVICE, true, true);
    fake_map(linear + 0x1000, 0x3000, true, true); /* RAM */
    fake.device[0xffd] = 0x11;
    fake.device[0xffe] = 0x22;
    fake.device[0xfff] = 0x33;
    fake.ram[0x3000] = 0x44;
    fake.v[0].private->regs.gpr[RDI] = linear + 0xffd;
    RUN("\x8b\x07", FAKE_DEVICE + 0xffd, false);
    assert_int_equal(fake.v[0].private->regs.gpr[RAX], 0x44332211);
    fake.v[0].private->regs.gpr[RAX] = 0x88776655;
    fake.v[0].private->regs.rip = CODE;
    RUN("\x89\x07", FAKE_DEVICE + 0xffd, true);
    assert_int_equal(fake.device[0xffd], 0x55);
    assert_int_equal(fake.device[0xfff], 0x77);
    assert_int_equal(fake.ram[0x3000], 0x88);
    assert_int_equal(fake.ram[0x3001], 0);
}

static void thirty_two_bit_segments(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    fake_mode(4);
    r->seg[SEG_DS].base = 0xd0000000;
    r->seg[SEG_DS].limit = 0x10000fff;
    r->gpr[RBX] = 0xffffffff10000ff0; /* the upper half does not count */
    fake.device[0xff0] = 0x42;
    RUN("\x0f\xb6\x03", FAKE_DEVICE + 0xff0, false);
    assert_int_equal(r->gpr[RAX], 0x42);
    r->gpr[RBX] = 0x10000ffe;
    r->rip = CODE;
    RUN("\x8b\x03", FAKE_DEVICE + 0xffe, false); /* 4 bytes, limit cuts 2 */
    assert_int_equal(fake.exception, VECTOR_GP);
    fake.exception = -1;
    r->seg[SEG_SS].limit = 0xfff;
    r->gpr[RBP] = FAKE_DEVICE;
    RUN("\x8b\x45\x00", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, 12);
    fake.exception = -1;
    r->seg[SEG_DS].attr = 0xc91; /* read only */
    r->gpr[RBX] = 0x10000000;
    RUN("\x89\x03", FAKE_DEVICE, true);
    assert_int_equal(fake.exception, VECTOR_GP);
    assert_int_equal(fake.skipped, 3);
}

static void sixteen_bit_addresses_wrap(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    fake_mode(2);
    r->seg[SEG_DS].base = FAKE_DEVICE;
    r->gpr[RBX] = 0xfff0;
    r->gpr[RSI] = 0x0014;
    fake.device[4] = 0x34;
    fake.device[5] = 0x12;
    r->gpr[RAX] = 0xaaaaaaaaaaaaaaaa;
    RUN("\x8b\x00", FAKE_DEVICE + 4, false); /* mov (bx+si),ax */
    assert_int_equal(r->gpr[RAX], 0xaaaaaaaaaaaa1234);
    /* real mode faults carry no error code, and the limit is 64 KiB */
    r->rip = CODE;
    r->gpr[RSI] = 0x000f;
    RUN("\x8b\x00", FAKE_DEVICE + 0xfff, false);
    assert_int_equal(fake.exception, VECTOR_GP);
}

static void non_canonical_addresses_fault(void **state)
{
    fake.v[0].private->regs.gpr[RDI] = 0x0000800000000000;
    RUN("\x8b\x07", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, VECTOR_GP);
    fake.exception = -1;
    fake.v[0].private->regs.gpr[RDI] = 0x00007ffffffffffe; /* the end is */
    RUN("\x8b\x07", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, VECTOR_GP);
    assert_int_equal(fake.skipped, 0);
}

static void moves_between_ram_and_device_fault_on_ram(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    fake_map(0x5000, 0x5000, false, false);
    r->gpr[RSI] = FAKE_DEVICE;
    r->gpr[RDI] = 0x5008;
    r->gpr[RCX] = 2;
    RUN("\xf3\xa4", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, VECTOR_PF);
    assert_int_equal(fake.error, 2);
    assert_int_equal(r->cr2, 0x5008);
    assert_int_equal(r->gpr[RCX], 2);
    assert_int_equal(r->gpr[RSI], FAKE_DEVICE);
    fake.exception = -1;
    r->gpr[RDI] = 0x6008;
    fake.device[0] = 0x77;
    RUN("\xf3\xa4", FAKE_DEVICE, false);
    assert_int_equal(fake.ram[0x6008], 0x77);
    assert_int_equal(r->gpr[RCX], 1);
    assert_int_equal(fake.skipped, 0); /* interrupts get in between elements */
}

/* ---- what a guest must not get from it ---- */

static void an_instruction_that_names_another_page_is_left_alone(void **state)
{
    fake.v[0].private->regs.gpr[RDI] = 0x3000;
    fake.v[0].private->regs.gpr[RAX] = 0x1234;
    for (unsigned int i = 0; i < 1000; i++)
        RUN("\x89\x07", FAKE_DEVICE, true);
    assert_int_equal(fake.ram[0x3000], 0);
    assert_int_equal(fake.skipped, 0);
    assert_false(fake.killed);
    RUN("\x89\x07", FAKE_DEVICE, true);
    assert_true(fake.killed);
}

static void unknown_instructions_kill_the_guest_with_their_bytes(void **state)
{
    RUN("\x0f\x29\x07\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90", FAKE_DEVICE + 8, true);
    assert_true(fake.killed);
    assert_non_null(strstr(fake.kill_text, "0f2907909090909090909090909090"));
    assert_non_null(strstr(fake.kill_text, "e0000008"));
}

static void a_process_gets_an_exception_instead(void **state)
{
    fake.cpl = 3;
    RUN("\x0f\x29\x07", FAKE_DEVICE, true);
    assert_int_equal(fake.exception, VECTOR_UD);
    fake.exception = -1;
    fake.v[0].private->regs.gpr[RSI] = FAKE_DEVICE; /* movs could reach the kernel's memory */
    fake.v[0].private->regs.gpr[RDI] = 0x3000;
    fake.device[0] = 1;
    RUN("\xa4", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, VECTOR_UD);
    assert_int_equal(fake.ram[0x3000], 0);
    assert_false(fake.killed);
}

static void a_process_may_not_write_where_it_was_seen_reading(void **state)
{
    fake.cpl = 3;
    fake.v[0].private->regs.gpr[RDI] = FAKE_DEVICE;
    fake.v[0].private->regs.gpr[RAX] = 0xff;
    RUN("\x89\x07", FAKE_DEVICE, false);
    assert_int_equal(fake.device[0], 0);
    assert_int_equal(fake.skipped, 0);
    RUN("\x89\x07", FAKE_DEVICE, true);
    assert_int_equal(fake.device[0], 0xff);
    for (unsigned int i = 0; i <= 1000; i++)
        RUN("\x89\x07", FAKE_DEVICE, false);
    assert_int_equal(fake.exception, VECTOR_UD); /* not for ever */
    assert_false(fake.killed);
}

static void unreadable_code_is_not_for_ever(void **state)
{
    fake_map(CODE, CODE, false, false);
    for (unsigned int i = 0; i < 1000; i++)
        mmio_emulate(&fake.v[0], GPA(FAKE_DEVICE), false);
    assert_false(fake.killed);
    mmio_emulate(&fake.v[0], GPA(FAKE_DEVICE), false);
    assert_true(fake.killed);
}

/* ---- who answers ---- */

static void apic_pages_answer(void **state)
{
    struct vcpu *v = &fake.v[0];
    assert_true(mmio_is_trapped(v, GPA(0xfee00000)));
    assert_true(mmio_is_trapped(v, GPA(0xfeeff000)));
    assert_false(mmio_is_trapped(v, GPA(0xfef00000)));
    assert_int_equal(mmio_read(v, GPA(0xfee00030), 4), 0xffffffff); /* x2APIC: the page is not there */
    assert_int_equal(vlapic_set_base(v, 0xfee00000), 0);
    assert_int_equal(vlapic_set_base(v, 0xfee00800), 0);
    assert_int_equal(mmio_read(v, GPA(0xfee00030), 4), 0x50014);
    assert_int_equal(mmio_read(v, GPA(0xfee00032), 1), 5);
    v->private->regs.gpr[RDI] = 0xfee00080;
    RUN("\xc7\x07\x10\x00\x00\x00", 0xfee00080, true);
    assert_int_equal(vlapic_tpr(v), 0x10);
    assert_int_equal(vioapic_create(&fake.d), 0);
    assert_int_equal(vioapic_add(&fake.d, 1, 0xfec00000, 0, 24), 0);
    assert_true(mmio_is_trapped(v, GPA(0xfec00010)));
    mmio_write(v, GPA(0xfec00000), 1, 1);
    assert_int_equal(mmio_read(v, GPA(0xfec00010), 4), 0x170020);
    assert_int_equal(mmio_read(v, GPA(0xfec00012), 2), 0x17);
    vioapic_destroy(&fake.d);
}

static void nothing_there_reads_as_ones(void **state)
{
    struct vcpu *v = &fake.v[0];
    v->private->regs.gpr[RDI] = FAKE_UNCLAIMED;
    RUN("\x8b\x07", FAKE_UNCLAIMED, false);
    assert_int_equal(v->private->regs.gpr[RAX], 0xffffffff);
    assert_int_equal(mmio_read(v, GPA(FAKE_UNCLAIMED), 8), ~0ul);
    assert_int_equal(mmio_read(v, GPA(FAKE_UNCLAIMED), 1), 0xff);
    mmio_write(v, GPA(FAKE_UNCLAIMED), 8, 0);
}

static void length_of_the_instruction_at_rip(void **state)
{
    memcpy(fake.ram + CODE, "\x0f\x01\xd1", 3);
    assert_int_equal(insn_length_here(&fake.v[0]), 3);
    memcpy(fake.ram + CODE, "\x8b\x00", 2);
    assert_int_equal(insn_length_here(&fake.v[0]), 0);
}

/* MOV CR4, RAX by a kernel */
static int write_cr4(uint64_t value)
{
    struct vcpu *v = &fake.v[0];

    memcpy(fake.ram + CODE, "\x0f\x22\xe0", 3);
    v->private->regs.gpr[RAX] = value;
    v->private->regs.rip = CODE;
    fake.exception = -1;
    fake.skipped = 0;
    cr4_write_emulate(v);
    assert_int_equal(fake.skipped, fake.exception < 0 ? 3 : 0);
    return fake.exception;
}

static void cr4_takes_what_cpuid_shows(void **state)
{
    struct vcpu_regs *r = &fake.v[0].private->regs;
    const uint64_t pae = 1u << 5, pge = 1u << 7, pcide = 1u << 17, smap = 1u << 21;

    r->efer |= 1u << 10;
    r->cr4 = pae;
    assert_int_equal(write_cr4(pae | pge | smap), -1);
    assert_int_equal(r->cr4, pae | pge | smap);
    assert_true(r->dirty & REGS_CONTROL);
    for (unsigned int bit = 0; bit < 64; bit++)
        assert_int_equal(write_cr4(pae | 1ul << bit), cpuid_allowed_cr4() >> bit & 1 ? -1 : VECTOR_GP);
    assert_int_equal(write_cr4(pae | 1ul << 22), VECTOR_GP); /* PKE, LA57: hidden, though the machine has them */
    assert_int_equal(write_cr4(pae | 1ul << 12), VECTOR_GP);
    assert_int_equal(write_cr4(pge), VECTOR_GP); /* long mode needs PAE */
    assert_int_equal(write_cr4(pae), -1);
    r->cr3 = 0x1001;
    assert_int_equal(write_cr4(pae | pcide), VECTOR_GP);
    r->cr3 = 0x1000;
    assert_int_equal(write_cr4(pae | pcide), -1);
    assert_int_equal(r->cr4, pae | pcide);
    r->rip = CODE;
    memcpy(fake.ram + CODE, "\x90\x90\x90", 3); /* changed by another vCPU */
    fake.skipped = 0;
    cr4_write_emulate(&fake.v[0]);
    assert_int_equal(fake.skipped, 0);
    assert_int_equal(r->cr4, pae | pcide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_forms_do_what_the_processor_does, setup, teardown),
        cmocka_unit_test_setup_teardown(rip_relative_counts_from_the_next_instruction, setup, teardown),
        cmocka_unit_test_setup_teardown(operands_may_straddle_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(thirty_two_bit_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(sixteen_bit_addresses_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(non_canonical_addresses_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(moves_between_ram_and_device_fault_on_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(an_instruction_that_names_another_page_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_instructions_kill_the_guest_with_their_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_gets_an_exception_instead, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_may_not_write_where_it_was_seen_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(unreadable_code_is_not_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(apic_pages_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_there_reads_as_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(length_of_the_instruction_at_rip, setup, teardown),
        cmocka_unit_test_setup_teardown(cr4_takes_what_cpuid_shows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
