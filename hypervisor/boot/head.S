/*
 * head.S - from the boot loader to C.
 * Entered by multiboot 1 or 2 in 32-bit protected mode, paging off: EAX magic, EBX information structure.
 * Builds the boot page tables (identity map of the first 4 GiB, image at VIRT_BASE), switches to 64 bit, calls
 * boot_main(magic, info). The identity map goes before the first guest runs (mm/hostmap.c).
 */
#define VIRT_BASE 0xffffffff80000000
#define PHYS(x)   (x - VIRT_BASE)

    .section .multiboot, "ax"
    .balign 8
mb1_header:
    .set MB1_FLAGS, 0x3              /* modules page aligned, memory map wanted */
    .long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)

    .balign 8
mb2_header:
    .long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + (mb2_end - mb2_header))
    .short 6, 0                      /* modules page aligned */
    .long 8
    .balign 8
    .short 4, 1                      /* console: whatever there is */
    .long 12, 0
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

    .section .text.head, "ax"
    .code32
    .globl start32
start32:
    cli
    cld
    movl %eax, %ebp
    movl %ebx, %esi

    /* The loader may leave bss as it was in the file's gap: zero it, 4 bytes a time. */
    movl $PHYS(bss_start), %edi
    movl $PHYS(bss_end), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    movl $PHYS(boot_stack_top), %esp

    /* Long mode at all? Say so on COM1 if not, since nothing else works yet. */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode
    btl $20, %edx                    /* NX came with it */
    jnc no_long_mode

    /* boot_pd[4][512]: 4 GiB identity in 2 MiB pages */
    movl $PHYS(boot_pd), %edi
    movl $0x83, %eax
    xorl %edx, %edx
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl %edx, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    movl $PHYS(boot_pdpt), %edi
    movl $PHYS(boot_pd) + 3, %eax
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 2b
    /* The image lies in the first GiB: the last 2 GiB of the address space start with the same directory. */
    movl $PHYS(boot_pd) + 3, PHYS(boot_pdpt_high) + 510 * 8
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4)
    movl $PHYS(boot_pdpt_high) + 3, PHYS(boot_pml4) + 511 * 8

    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax                  /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax                 /* LME, NXE: the tables to come use it */
    wrmsr
    movl %cr0, %eax
    orl $0x80010001, %eax            /* PG, WP, PE */
    movl %eax, %cr0
    lgdt PHYS(boot_gdt_pointer)
    ljmp $8, $PHYS(start64)

no_long_mode:
    movl $PHYS(no_long_mode_text), %esi
    movw $0x3f8, %dx
3:  lodsb
    testb %al, %al
    jz 4f
    outb %al, %dx
    jmp 3b
4:  hlt
    jmp 4b

    .code64
start64:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    movl %ebp, %edi
    movl %esi, %esi
    xorl %ebp, %ebp
    movq $boot_main, %rax
    callq *%rax
5:  hlt
    jmp 5b

    .section .rodata
    .balign 8
    .globl boot_gdt
boot_gdt:                            /* accessed bits set: the CPU must not want to write to rodata */
    .quad 0
    .quad 0x00af9b000000ffff         /* 0x08 64-bit code */
    .quad 0x00cf93000000ffff         /* 0x10 data */
    .quad 0x00cf9b000000ffff         /* 0x18 32-bit code, for the trampoline */
    .globl boot_gdt_pointer
boot_gdt_pointer:
    .short 31
    .quad PHYS(boot_gdt)
no_long_mode_text:
    .asciz "Atoll: this CPU has no 64-bit mode; Atoll needs a 64-bit CPU with AMD-V or VT-x.\r\n"

    .bss
    .balign 4096
    .globl boot_pml4, boot_pd, boot_pdpt, boot_pdpt_high
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pdpt_high: .skip 4096
boot_pd: .skip 4096 * 4
    .globl boot_stack_top
    .skip 16384
boot_stack_top:
