/* start.S - a 32-bit kernel from its PVH entry on: flat segments, interrupt gates, page tables of both kinds */
#include "layout.h"

#define CR4_PSE     0x10
#define PAGE_LARGE  0x83 /* present, writable, large */
#define PAGE_TABLE  1
#define WINDOW_ADDR 0x40000000 /* main.c */

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
    movl $stack_top, %esp
    lgdtl gdt_pointer
    ljmpl $SEL_CODE, $1f
1:  movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    lidtl idt_pointer
    pushl %ebx
    call narrow_main
2:  cli
    hlt
    jmp 2b

    .globl upcall_entry, trap_entry
upcall_entry:
    pushal
    cld
    call upcall
    popal
    iretl
trap_entry:
    cld
    pushl %esp
    call unexpected_trap

/* Each leaves paging and comes back to its caller in the new mode: everything but the window is mapped 1:1. */
    .globl paging_none, paging_two_levels, paging_pae
paging_none:
    movl %cr0, %eax
    andl $~CR0_PG, %eax
    movl %eax, %cr0
    ret
paging_two_levels:
    movl %cr4, %eax
    andl $~CR4_PAE, %eax
    orl $CR4_PSE, %eax
    movl %eax, %cr4
    movl $page_directory, %eax
    jmp paging_on
paging_pae:
    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $page_pointers, %eax
paging_on:
    movl %eax, %cr3
    movl %cr0, %eax
    orl $(CR0_PG | CR0_WP), %eax
    movl %eax, %cr0
    ret

    .data
/* 4 MiB pages; the window is a table. */
    .balign 4096
page_directory:
    .set n, 0
    .rept 1024
    .if n == WINDOW_ADDR >> 22
    .long window_table + 3
    .else
    .long (n << 22) + PAGE_LARGE
    .endif
    .set n, n + 1
    .endr
    .globl window_table
window_table:
    .fill 1024, 4, 0

/* 2 MiB pages; the window is a table. */
    .balign 4096
page_directories:
    .set n, 0
    .rept 2048
    .if n == WINDOW_ADDR >> 21
    .long window_table_pae + 3, 0
    .else
    .long (n << 21) + PAGE_LARGE, 0
    .endif
    .set n, n + 1
    .endr
    .globl window_table_pae
window_table_pae:
    .fill 512, 8, 0
    .balign 32
page_pointers:
    .set n, 0
    .rept 4
    .long page_directories + n * 4096 + PAGE_TABLE, 0
    .set n, n + 1
    .endr

    .balign 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* SEL_CODE */
    .quad 0x00cf93000000ffff    /* SEL_DATA */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .globl idt
idt_pointer:
    .word 256 * 8 - 1
    .long idt

    .bss
    .balign 16
idt:
    .fill 256, 8, 0
    .fill 16384, 1, 0
stack_top:
