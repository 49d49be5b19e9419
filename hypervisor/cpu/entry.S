/*
 * entry.S - exceptions and interrupts of the host. One stub per vector, all alike: error code (or 0), vector, registers, trap(frame).
 * The hypervisor runs at ring 0 only and uses no IST: the hidden TR is the guest's while one is loaded. No stack switch, no swapgs.
 */
    .text
common_trap:
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %r11
    pushq %r10
    pushq %r9
    pushq %r8
    pushq %rdi
    pushq %rsi
    pushq %rbp
    pushq %rbx
    pushq %rdx
    pushq %rcx
    pushq %rax
    movq %rsp, %rdi
    cld
    movq %rsp, %rbx
    andq $-16, %rsp
    callq trap
    movq %rbx, %rsp
    popq %rax
    popq %rcx
    popq %rdx
    popq %rbx
    popq %rbp
    popq %rsi
    popq %rdi
    popq %r8
    popq %r9
    popq %r10
    popq %r11
    popq %r12
    popq %r13
    popq %r14
    popq %r15
    addq $16, %rsp
    iretq

    .macro STUB n
stub_\n:
    .if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30)
    .else
    pushq $0
    .endif
    pushq $\n
    jmp common_trap
    .endm

    .altmacro
    .set i, 0
    .rept 256
    STUB %i
    .set i, i + 1
    .endr

    .section .rodata
    .balign 8
    .globl trap_stubs
    .macro ENTRY n
    .quad stub_\n
    .endm
trap_stubs:
    .set i, 0
    .rept 256
    ENTRY %i
    .set i, i + 1
    .endr
