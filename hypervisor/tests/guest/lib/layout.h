/* layout.h - constants shared with assembly */
#pragma once

#define SEL_CODE      0x08
#define SEL_DATA      0x10
#define SEL_USER_DATA 0x1b
#define SEL_USER_CODE 0x23
#define SEL_CODE32    0x28
#define SEL_TSS       0x30

#define CR0_PE     0x1
#define CR0_MP     0x2
#define CR0_NE     0x20
#define CR0_WP     0x10000
#define CR0_PG     0x80000000
#define CR4_PAE    0x20
#define CR4_OSFXSR 0x200

#define MSR_EFER 0xc0000080
#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_NXE 0x800

#define AP_START    0x8000 /* below 1 MiB, page-aligned: what a STARTUP signal can name */
#define STACK_BYTES 16384
