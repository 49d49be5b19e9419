/* start.S - from PVH's 32-bit entry (or a STARTUP signal) to C in 64-bit mode; all memory below 4 GiB mapped 1:1, also for user mode */
#include "layout.h"

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start32

    .section .text.start, "ax"
    .code32
    .globl start32
start32:
    cld
    movl %ebx, start_info_at
    movl $boot_stack_top, %esp
    movl $bsp_main, %edi
    lgdtl gdt_pointer
    jmp to_long_mode

/* edi: C function, esp: stack */
to_long_mode:
    movl $(CR4_PAE | CR4_OSFXSR), %eax
    movl %eax, %cr4
    movl $page_root, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE | EFER_SCE), %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %eax
    movl %eax, %cr0
    ljmpl $SEL_CODE, $1f
    .code64
1:  movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl %esp, %esp
    movl %edi, %edi
    xorl %ebp, %ebp
    call *%rdi
2:  cli
    hlt
    jmp 2b

/* Copied to AP_START; a CPU comes here in real mode with CS = AP_START / 16. */
    .code16
    .globl ap_start, ap_end
ap_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_start
    movl $(CR0_NE | CR0_PE), %eax
    movl %eax, %cr0
    ljmpl $SEL_CODE32, $ap_start32
    .balign 8
ap_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
ap_end:
    .code32
ap_start32:
    movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl ap_stack, %esp
    movl $ap_main, %edi
    jmp to_long_mode

    .code64
/* One entry of 16 bytes per vector; those of exceptions with an error code do not push one. */
    .balign 16
    .globl trap_entries
trap_entries:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap
    movq %rbp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .data
    .balign 4096
    .globl page_root
page_root:
    .quad page_1g + 7
    .fill 511, 8, 0
page_1g:
    .set n, 0
    .rept 4
    .quad page_2m + n * 4096 + 7
    .set n, n + 1
    .endr
    .fill 508, 8, 0
page_2m:
    .set n, 0
    .rept 2048
    .quad (n << 21) + 0x87
    .set n, n + 1
    .endr

    .balign 16
    .globl gdt, gdt_end, gdt_tss
gdt:
    .quad 0
    .quad 0x00af9b000000ffff    /* SEL_CODE */
    .quad 0x00cf93000000ffff    /* SEL_DATA */
    .quad 0x00cff3000000ffff    /* SEL_USER_DATA */
    .quad 0x00affb000000ffff    /* SEL_USER_CODE */
    .quad 0x00cf9b000000ffff    /* SEL_CODE32 */
gdt_tss:
    .quad 0, 0                  /* SEL_TSS */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .globl start_info_at, ap_stack
start_info_at:
    .long 0
ap_stack:
    .long 0

    .bss
    .balign 16
    .fill STACK_BYTES, 1, 0
boot_stack_top:
