/*
 * trampoline.S - an application processor's way from real mode to 64 bit.
 * Copied to a page below 1 MiB (any page; the code finds its own address from CS). smp.c fills trampoline_* in the copy.
 */
#define LOCAL_STACK_TOP_ASM 0xffffff0000006000 /* layout.h; smp.c asserts it */
#define OFF(x) (x - trampoline_start)

    .section .rodata
    .balign 16
    .globl trampoline_start, trampoline_end, trampoline_root, trampoline_entry
    .code16
trampoline_start:
    cli
    xorl %eax, %eax
    movw %cs, %ax
    movw %ax, %ds
    shll $4, %eax
    movl %eax, %ebx                  /* linear address of this page */
    leal OFF(gdt)(%ebx), %eax
    movl %eax, OFF(gdt_pointer) + 2
    leal OFF(protected)(%ebx), %eax
    movl %eax, OFF(far_protected)
    leal OFF(long64)(%ebx), %eax
    movl %eax, OFF(far_long)
    lgdtl OFF(gdt_pointer)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *OFF(far_protected)

    .code32
protected:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl OFF(trampoline_root)(%ebx), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    ljmpl *OFF(far_long)(%ebx)

    .code64
long64:
    movq OFF(trampoline_entry)(%rbx), %rax
    jmpq *%rax

    .balign 8
gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0x00cf9a000000ffff
gdt_pointer: .short 31; .long 0
    .balign 4
far_protected: .long 0; .short 0x18
    .balign 4
far_long: .long 0; .short 8
    .balign 8
trampoline_root: .quad 0
trampoline_entry: .quad 0
trampoline_end:

    /* In the image, on the boot tables: switch to the CPU's own tables, where its stack is. */
    .text
    .globl ap_entry
ap_entry:
    movq ap_root(%rip), %rax
    movq %rax, %cr3
    movq $LOCAL_STACK_TOP_ASM, %rsp
    xorl %ebp, %ebp
    callq ap_main
1:  hlt
    jmp 1b
